"""Typed access to one section of the web configuration file."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from exporter.config import yaml_file
from exporter.core.problems import Problems, nearest

T = TypeVar("T")

# The spellings of YAML 1.1, which the toolkit reads.
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class WebConfigSection:
    """Returns values, or records a problem and returns the default, so that one pass finds all problems."""

    def __init__(self, mapping: yaml_file.Mapping, problems: Problems, known: Iterable[str]) -> None:
        self.mapping = mapping
        self._problems = problems
        mapping.refuse_unknown(known, problems)

    def has(self, key: str) -> bool:
        """Whether the key has a value; an empty text counts as none, as in the toolkit."""
        node = self.mapping.get(key)
        return node is not None and not (isinstance(node, yaml_file.Scalar) and not node.value)

    def problem(self, key: str, message: str) -> None:
        """Record a problem at that key, or at the section when the key is absent."""
        self._problems.add(self.mapping.place_of(key), message)

    def text(self, key: str) -> str:
        """The text; empty when absent."""
        return yaml_file.as_text(self.mapping.get(key), self._problems) or ""

    def texts(self, key: str) -> tuple[str, ...]:
        """The list of texts; empty when absent."""
        return yaml_file.as_texts(self.mapping.get(key), self._problems)

    def is_empty_list(self, key: str) -> bool:
        """Whether the value is an empty list."""
        node = self.mapping.get(key)
        return isinstance(node, yaml_file.Sequence) and not node.items

    def boolean(self, key: str, default: bool) -> bool:
        """A boolean in one of the spellings of YAML 1.1."""
        return self.choice(key, _BOOLEANS, default) if self.has(key) else default

    def choice(self, key: str, known: Mapping[str, T], default: T) -> T:
        """The value of the text in a table of known words."""
        if not (word := self.text(key)):
            return default
        self._refuse_unknown(key, word, known)
        return known.get(word, default)

    def choices(self, key: str, known: Mapping[str, T]) -> tuple[T, ...]:
        """The values of a list of texts in a table of known words."""
        words = self.texts(key)
        for word in words:
            self._refuse_unknown(key, word, known)
        return tuple(known[word] for word in words if word in known)

    def _refuse_unknown(self, key: str, word: str, known: Mapping[str, T]) -> None:
        if word not in known:  # the word is not shown: it may be a secret at the wrong key
            self.problem(key, f"not one of {', '.join(known)}{nearest(word, known)}")
