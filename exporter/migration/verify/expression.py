"""Parses a condition as PostgreSQL prints it: the part of SQL in which policies are written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce

from exporter.migration.verify import terms
from exporter.migration.verify.terms import Term, any_value


class UnreadableError(Exception):
    """The condition is outside of the part of SQL that is parsed here."""


_TOKEN = re.compile(
    r"\s*(?:(?P<text>[Ee]?'(?:[^']|'')*')|(?P<name>\"(?:[^\"]|\"\")*\"|[A-Za-z_][\w$]*)|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<sign>::|[-+*/<>=~!@#%^&|`?]+|[()\[\],.]))"
)
_CONSTANTS = {"TRUE": True, "FALSE": False, "NULL": None}
_TYPE_WORDS = ("varying", "with", "without", "time", "zone", "precision")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise UnreadableError
        yield match.lastgroup, match[match.lastgroup]
        position = match.end()


def parse(condition: str) -> tuple[Term, frozenset[str]]:
    """The condition as a term, and the texts in it, which may be ids or roles.

    Raises: UnreadableError; RecursionError for hundreds of nested parentheses.
    """
    parser = _Parser(list(_tokens(condition)))
    return parser.whole(), frozenset(parser.literals)


@dataclass(slots=True)
class _Parser:
    """Recursive descent by precedence of operators: OR, AND, NOT, IS, comparisons, others, casts."""

    tokens: list[tuple[str, str]]
    literals: set[str] = field(default_factory=set)
    _at: int = 0

    def whole(self) -> Term:
        """The whole condition. Raises: UnreadableError."""
        term = self._or()
        if self._at < len(self.tokens):
            raise UnreadableError
        return term

    def _peek(self) -> str:
        kind, text = self.tokens[self._at] if self._at < len(self.tokens) else ("", "")
        return text.upper() if kind == "name" and not text.startswith('"') else text if kind == "sign" else ""

    def _next(self) -> tuple[str, str]:
        if self._at == len(self.tokens):
            raise UnreadableError
        self._at += 1
        return self.tokens[self._at - 1]

    def _take(self, *words: str) -> bool:
        """Skip these words or signs if they come next; whether they did."""
        start = self._at
        for word in words:
            if self._peek() != word:
                self._at = start
                return False
            self._at += 1
        return True

    def _demand(self, word: str) -> None:
        if not self._take(word):
            raise UnreadableError

    def _or(self) -> Term:
        term = self._and()
        while self._take("OR"):
            term = terms.disjunction(term, self._and())
        return term

    def _and(self) -> Term:
        term = self._not()
        while self._take("AND"):
            term = terms.conjunction(term, self._not())
        return term

    def _not(self) -> Term:
        return terms.negation(self._not()) if self._take("NOT") else self._is()

    def _is(self) -> Term:
        term = self._comparison()
        while self._take("IS"):
            negated = self._take("NOT")
            term = self._test(term)
            term = terms.negation(term) if negated else term
        return term

    def _test(self, term: Term) -> Term:
        if self._take("DISTINCT", "FROM"):
            return terms.predicate(lambda one, two: one != two, term, self._comparison())
        for word, value in (("NULL", None), ("UNKNOWN", None), ("TRUE", True), ("FALSE", False)):
            if self._take(word):
                return terms.predicate(lambda found, value=value: found is value, term)
        raise UnreadableError

    def _comparison(self) -> Term:
        term = self._operation()
        while (sign := self._peek()) in ("=", "<>", "<", ">", "<=", ">="):
            self._at += 1
            combine = terms.disjunction
            if self._take("ALL"):
                combine, others = terms.conjunction, self._list()
            else:
                others = self._list() if self._take("ANY") else [self._operation()]
            term = reduce(combine, [terms.comparison(sign, term, other) for other in others])
        return term

    def _list(self) -> list[Term]:
        """The elements of an array after ANY or ALL, with the parentheses and casts around it."""
        if self._take("("):
            elements = self._list()
            self._demand(")")
        else:
            self._demand("ARRAY")
            self._demand("[")
            elements = self._separated("]")
        self._casts(any_value)
        return elements

    def _separated(self, end: str) -> list[Term]:
        """At least one term, separated by commas, up to the closing sign."""
        found = [self._or()]
        while self._take(","):
            found.append(self._or())
        self._demand(end)
        return found

    def _operation(self) -> Term:
        term = self._cast()
        while re.fullmatch(r"[-+*/<>=~!@#%^&|`?]+", sign := self._peek()) and sign not in terms.COMPARISONS:
            self._at += 1
            term = terms.json_operation(sign, term, self._cast())
        return term

    def _cast(self) -> Term:
        return self._casts(self._primary())

    def _casts(self, term: Term) -> Term:
        while self._take("::"):
            term = terms.cast(self._type(), term)
        return term

    def _type(self) -> str:
        words = [self._next()[1]]
        while self._take("."):
            words = [self._next()[1]]
        while self._peek().lower() in _TYPE_WORDS:
            words.append(self._next()[1])
        if self._take("("):
            self._skip_group()
        brackets = "[]" if self._take("[", "]") else ""
        return " ".join(words) + brackets

    def _primary(self) -> Term:
        kind, text = self._next()
        if kind == "text" and not text.startswith(("E", "e")):
            value = text[1:-1].replace("''", "'")
            self.literals.add(value)
            return terms.constant(value)
        if kind == "number":
            return terms.constant(text)
        if text == "(":
            return self._group()
        if kind == "name":
            return self._named(text)
        raise UnreadableError

    def _group(self) -> Term:
        """After a parenthesis: a condition, or a subquery for one value without FROM; any value for all else."""
        start = self._at
        try:
            select = self._take("SELECT")
            term = self._or()
            if select and self._take("AS"):
                self._next()
            self._demand(")")
        except UnreadableError:
            self._at = start
            self._skip_group()
            return any_value
        return term

    def _skip_group(self) -> None:
        depth = 1
        while depth:
            _, text = self._next()
            depth += {"(": 1, ")": -1}.get(text, 0)

    def _named(self, first: str) -> Term:
        if first.upper() in _CONSTANTS:
            return terms.constant(_CONSTANTS[first.upper()])
        if first.upper() in ("CASE", "ARRAY", "ROW", "INTERVAL", "SELECT"):
            raise UnreadableError
        name = [first.strip('"')]
        while self._take("."):
            name.append(self._next()[1].strip('"'))
        if not self._take("("):
            return terms.column(name)
        start = self._at
        try:
            return terms.function(".".join(name).lower(), [] if self._take(")") else self._separated(")"))
        except UnreadableError:
            self._at = start
            self._skip_group()
            return any_value
