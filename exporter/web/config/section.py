"""One section of the web configuration file, asked for typed values."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from exporter.config import yaml_file
from exporter.core.problems import Problems, nearest

T = TypeVar("T")

# YAML 1.1, which the toolkit reads, knows these words.
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class WebConfigSection:
    """Answers with a value, or notes what is wrong and answers with the default: one pass finds all mistakes."""

    def __init__(self, mapping: yaml_file.Mapping, problems: Problems, known: Iterable[str]) -> None:
        self.mapping = mapping
        self._problems = problems
        mapping.refuse_unknown(known, problems)

    def has(self, key: str) -> bool:
        """Whether the key says anything; an empty text says nothing, there as here."""
        node = self.mapping.get(key)
        return node is not None and not (isinstance(node, yaml_file.Scalar) and not node.value)

    def problem(self, key: str, message: str) -> None:
        """Note a mistake at that key, or, when it is absent, at the section."""
        self._problems.add(self.mapping.place_of(key), message)

    def text(self, key: str) -> str:
        """The text, empty when absent."""
        return yaml_file.as_text(self.mapping.get(key), self._problems) or ""

    def texts(self, key: str) -> tuple[str, ...]:
        """The list of texts, empty when absent."""
        return yaml_file.as_texts(self.mapping.get(key), self._problems)

    def is_empty_list(self, key: str) -> bool:
        """Whether the key holds a list of nothing."""
        node = self.mapping.get(key)
        return isinstance(node, yaml_file.Sequence) and not node.items

    def boolean(self, key: str, default: bool) -> bool:
        """True or false in one of YAML's spellings."""
        return self.choice(key, _BOOLEANS, default) if self.has(key) else default

    def choice(self, key: str, known: Mapping[str, T], default: T) -> T:
        """What a table of known words says about the text."""
        if not (word := self.text(key)):
            return default
        self._refuse_unknown(key, word, known)
        return known.get(word, default)

    def choices(self, key: str, known: Mapping[str, T]) -> tuple[T, ...]:
        """What a table of known words says about each text of the list."""
        words = self.texts(key)
        for word in words:
            self._refuse_unknown(key, word, known)
        return tuple(known[word] for word in words if word in known)

    def _refuse_unknown(self, key: str, word: str, known: Mapping[str, T]) -> None:
        if word not in known:  # the word itself is not shown: it may be a value gone astray
            self.problem(key, f"not one of {', '.join(known)}{nearest(word, known)}")
