"""The meanings of names: `words.yaml`, and how a name is split into its words."""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml

# The name of a table says that it is an outbox or a queue.
CERTAIN = 2

_WORD = re.compile(r"[A-ZÄÖÜ]+(?![a-zäöüß])|[A-ZÄÖÜ]?[a-zäöüß]+|[0-9]+")


@cache
def vocabulary() -> Mapping[str, Any]:
    """The content of words.yaml."""
    found: Mapping[str, Any] = yaml.safe_load(resources.files(__package__).joinpath("words.yaml").read_text("utf-8"))
    return found


@cache
def words(name: str) -> tuple[str, ...]:
    """The words of a name in lower case, whether it has underscores, spaces or capitals between them."""
    return tuple(word.lower() for word in _WORD.findall(name))


@cache
def core(name: str) -> str:
    """The words that tell the meaning of a column, joined by underscores; all of them where no other is left."""
    all_words = words(name)
    telling = tuple(word for word in all_words if word not in vocabulary()["fillers"])
    return "_".join(telling or all_words)


def rank(meanings: list[list[str]], name: str) -> int | None:
    """The line of a meaning's words in which a column's name is; None where it is in none."""
    spellings = {core(name), "_".join(words(name))}
    return next((number for number, line in enumerate(meanings) if spellings.intersection(line)), None)


def value_meaning(value: str) -> str | None:
    """What a value of a status means; None where its word is not known."""
    spelling = "_".join(words(value))
    return next((meaning for meaning, known in vocabulary()["values"].items() if spelling in known), None)


def unit(name: str) -> str | None:
    """The unit since 1970 that the name of a column of numbers ends with."""
    last = words(name)[-1:]
    return next((unit for unit, known in vocabulary()["units"].items() if set(last) & set(known)), None)


def is_special(table: str) -> bool:
    """Whether the name of a table is none that people would give: it has several words, or an unusual one."""
    known = vocabulary()["tables"]
    return len(words(table)) > 1 or not {*known["certain"], *known["likely"], "published"} & set(words(table))


def certainty(table: str) -> int:
    """How much the name of a table says that it is an outbox: CERTAIN that it is, 1 that it may be, 0 nothing."""
    known, joined = vocabulary()["tables"], "".join(words(table))
    if any(each in joined for each in known["certain"]):
        return CERTAIN
    return 1 if set(words(table)) & set(known["likely"]) else 0
