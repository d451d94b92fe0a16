"""Templates of alert descriptions: the subset of Go templates that the policy uses, rendered as in Prometheus.

Supported are `{{ $value }}` and `{{ $labels.name }}`, also with humanize, humanize1024, humanizeDuration,
humanizePercentage or printf, piped or called. Everything else is refused when the policy is loaded.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_OPERAND = r"\$(?P<operand>value|labels\.[a-zA-Z_]\w*)"
_FUNCTION = r'(?P<function>[a-zA-Z]\w*)(?:\s+"(?P<format>[^"\\]*)")?'
_FORMS = tuple(
    re.compile(rf"\s*{form}\s*") for form in (_OPERAND, rf"{_OPERAND}\s*\|\s*{_FUNCTION}", rf"{_FUNCTION}\s+{_OPERAND}")
)
_FORMAT = re.compile(r"(?P<before>[^%]*)%(?:\.(?P<precision>\d+))?(?P<verb>[feg])(?P<after>(?:[^%]|%%)*)")

# Prefixes below 1 and from 1000 on.
_SMALL = ("m", "u", "n", "p", "f", "a", "z", "y")
_LARGE = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_BINARY = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
# Decimal exponents outside of which Go's shortest format is scientific. Source: strconv, ftoa.go.
_EXPONENT_FROM = 6
_EXPONENT_BELOW = -4


class TemplateError(ValueError):
    """A template that is not supported. The message names the part."""


LabelRenderer = Callable[[Mapping[str, str], float], str]


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template: texts, and functions of the labels and the value."""

    pieces: tuple[str | LabelRenderer, ...]

    def render(self, labels: Mapping[str, str], value: float) -> str:
        """The text for a sample; a missing label is empty."""
        return "".join(piece if isinstance(piece, str) else piece(labels, value) for piece in self.pieces)


def compile_template(text: str) -> Template:
    """Compile a template. Raises: TemplateError."""
    parts = _ACTION.split(text)
    if any("{{" in literal or "}}" in literal for literal in parts[::2]):
        raise TemplateError(f"{text}: unbalanced braces")
    return Template(tuple(_piece(part) if index % 2 else part for index, part in enumerate(parts)))


def _piece(action: str) -> LabelRenderer:
    match = next((found for form in _FORMS if (found := form.fullmatch(action))), None)
    if match is None:
        raise TemplateError(f"{{{{{action}}}}}: expected $value or $labels.name, alone or with one function")
    parts = match.groupdict()
    operand, function = parts["operand"], parts.get("function")
    if operand != "value":
        if function:
            raise TemplateError(f"{{{{{action}}}}}: functions of labels are not supported")
        name = operand.removeprefix("labels.")
        return lambda labels, _: labels.get(name, "")
    show = _function(function, parts.get("format")) if function else shortest_decimal
    return lambda _, value: show(value)


def _function(name: str, form: str | None) -> Callable[[float], str]:
    if name == "printf" and form is not None:
        return _printf(form)
    if name not in _FUNCTIONS or form is not None:
        raise TemplateError(f"{name}: unknown function, or wrong arguments")
    return _FUNCTIONS[name]


def _printf(form: str) -> Callable[[float], str]:
    match = _FORMAT.fullmatch(form)
    if match is None:
        raise TemplateError(f'printf "{form}": expected one %f, %e or %g, with or without a precision')
    verb, precision = match["verb"], match["precision"]
    before, after = match["before"], match["after"].replace("%%", "%")
    if verb == "g" and precision is None:
        return lambda value: before + shortest_decimal(value) + after
    return lambda value: before + _formatted(value, f".{precision or 6}{verb}") + after


def _formatted(value: float, form: str) -> str:
    if math.isfinite(value):
        return format(value, form)
    return "NaN" if math.isnan(value) else f"{value:+f}".replace("inf", "Inf")


def _four_digits(value: float) -> str:
    return _formatted(value, ".4g")


def shortest_decimal(value: float) -> str:
    """The shortest decimal text that identifies the number, as Go prints it."""
    if not math.isfinite(value):
        return _formatted(value, "f")
    number = Decimal(repr(value)).normalize()
    exponent = number.adjusted() if number else 0
    if _EXPONENT_BELOW <= exponent < _EXPONENT_FROM:
        return f"{number:f}"
    mantissa = number.scaleb(-exponent)
    return f"{mantissa:f}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _scaled(value: float, prefixes: tuple[str, ...], base: float) -> str:
    """A number with the prefix for its size."""
    prefix = ""
    for each in prefixes:
        if abs(value) < base:
            break
        prefix, value = each, value / base
    return _four_digits(value) + prefix


def _fraction(value: float) -> str:
    """A number below one with the prefix for its size."""
    prefix = ""
    for each in _SMALL:
        if abs(value) >= 1:
            break
        prefix, value = each, value * 1000
    return _four_digits(value) + prefix


def humanize(value: float) -> str:
    """With a metric prefix: 1.234k, 50m."""
    if not value or not math.isfinite(value):
        return _four_digits(value)
    return _scaled(value, _LARGE, 1000) if abs(value) >= 1 else _fraction(value)


def humanize_1024(value: float) -> str:
    """With a binary prefix: 1.5ki."""
    return _scaled(value, _BINARY, 1024) if math.isfinite(value) and abs(value) > 1 else _four_digits(value)


def humanize_duration(value: float) -> str:
    """Seconds in days, hours, minutes and seconds: 1h 2m 3s."""
    if not math.isfinite(value):
        return _four_digits(value)
    if abs(value) < 1:
        return (_fraction(value) if value else _four_digits(value)) + "s"
    sign, value = ("-", -value) if value < 0 else ("", value)
    minutes, seconds = divmod(int(value), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    return f"{sign}{minutes}m {seconds}s" if minutes else f"{sign}{_four_digits(value)}s"


def humanize_percentage(value: float) -> str:
    """A ratio in percent: 12.34%."""
    return f"{_four_digits(value * 100)}%"


_FUNCTIONS: Mapping[str, Callable[[float], str]] = {
    "humanize": humanize,
    "humanize1024": humanize_1024,
    "humanizeDuration": humanize_duration,
    "humanizePercentage": humanize_percentage,
}
