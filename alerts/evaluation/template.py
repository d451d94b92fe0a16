"""Templates of alert descriptions: a subset of Go templates, rendered as in Prometheus.

Supported are `{{ $value }}` and `{{ $labels.name }}`, and `$value` with humanize, humanize1024, humanizeDuration,
humanizePercentage or printf, piped or called. Everything else is refused when the policy is loaded.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_LABEL = re.compile(r"\s*\$labels\.(?P<name>[a-zA-Z_]\w*)\s*")
_FUNCTION = r'(?P<function>[a-zA-Z]\w*)(?:\s+"(?P<format>[^"\\]*)")?'
_VALUES = tuple(
    re.compile(rf"\s*{form}\s*") for form in (r"\$value", rf"\$value\s*\|\s*{_FUNCTION}", rf"{_FUNCTION}\s+\$value")
)
_FORMAT = re.compile(r"(?P<before>(?:[^%]|%%)*)%(?:\.(?P<precision>\d+))?(?P<verb>[feg])(?P<after>(?:[^%]|%%)*)")

# Prefixes below 1 and from 1000 on.
_SMALL = ("m", "u", "n", "p", "f", "a", "z", "y")
_LARGE = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_BINARY = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
# The decimal exponents for which Go's shortest format is not scientific. Source: strconv, ftoa.go.
_PLAIN_EXPONENTS = range(-4, 6)


class TemplateError(ValueError):
    """A template that is not supported. The message names the part."""


Renderer = Callable[[Mapping[str, str], float], str]


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template: texts, and functions of the labels and the value."""

    parts: tuple[str | Renderer, ...]

    def render(self, labels: Mapping[str, str], value: float) -> str:
        """The text for a sample; a missing label is empty."""
        return "".join(part if isinstance(part, str) else part(labels, value) for part in self.parts)


def compile_template(text: str) -> Template:
    """Compile a template. Raises: TemplateError."""
    parts = _ACTION.split(text)
    if any("{{" in literal or "}}" in literal for literal in parts[::2]):
        raise TemplateError(f"{text}: unbalanced braces")
    return Template(tuple(_renderer(part) if index % 2 else part for index, part in enumerate(parts)))


def _renderer(action: str) -> Renderer:
    if label := _LABEL.fullmatch(action):
        name = label["name"]
        return lambda labels, _: labels.get(name, "")
    match = next((found for form in _VALUES if (found := form.fullmatch(action))), None)
    if match is None:
        raise TemplateError(f"{{{{{action}}}}}: expected $labels.name, or $value alone or with one function")
    function = _value_function(**match.groupdict())
    if function is None:
        raise TemplateError(f"{{{{{action}}}}}: unknown function, or wrong arguments")
    return lambda _, number: function(number)


def _value_function(function: str = "", format: str | None = None) -> Callable[[float], str] | None:  # noqa: A002
    if function == "printf":
        return None if format is None else _printf(format)
    return _FUNCTIONS.get(function) if format is None else None


def _printf(text: str) -> Callable[[float], str] | None:
    """The function that formats a number as Go's Sprintf does; None for other than one %f, %e or %g."""
    match = _FORMAT.fullmatch(text)
    if match is None:
        return None
    before, after = (match[part].replace("%%", "%") for part in ("before", "after"))
    if match["verb"] == "g" and match["precision"] is None:
        return lambda value: before + shortest(value) + after
    form = f".{match['precision'] or 6}{match['verb']}"
    return lambda value: before + _formatted(value, form) + after


def _formatted(value: float, form: str) -> str:
    if math.isfinite(value):
        return format(value, form)
    return "NaN" if math.isnan(value) else f"{value:+f}".replace("inf", "Inf")


def _four_digits(value: float) -> str:
    return _formatted(value, ".4g")


def shortest(value: float) -> str:
    """The shortest decimal text that identifies the number."""
    if not math.isfinite(value):
        return _formatted(value, "f")
    number = Decimal(repr(value)).normalize()
    exponent = number.adjusted() if number else 0
    if exponent in _PLAIN_EXPONENTS:
        return f"{number:f}"
    return f"{number.scaleb(-exponent):f}e{exponent:+03d}"


def humanize(value: float) -> str:
    """With a metric prefix: 1.234k, 50m."""
    if not value or not math.isfinite(value):
        return _four_digits(value)
    if abs(value) >= 1:
        return _scaled(value, _LARGE, 1000)
    prefix = ""
    for each in _SMALL:
        if abs(value) >= 1:
            break
        prefix, value = each, value * 1000
    return _four_digits(value) + prefix


def humanize_1024(value: float) -> str:
    """With a binary prefix: 1.5ki."""
    return _scaled(value, _BINARY, 1024) if math.isfinite(value) else _four_digits(value)


def _scaled(value: float, prefixes: tuple[str, ...], base: float) -> str:
    prefix = ""
    for each in prefixes:
        if abs(value) < base:
            break
        prefix, value = each, value / base
    return _four_digits(value) + prefix


def humanize_duration(value: float) -> str:
    """Seconds in days, hours, minutes and seconds: 1h 2m 3s."""
    if not math.isfinite(value):
        return _four_digits(value)
    if abs(value) < 1:
        return humanize(value) + "s"
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


# Without a function, Go prints the shortest text.
_FUNCTIONS: Mapping[str, Callable[[float], str]] = {
    "": shortest,
    "humanize": humanize,
    "humanize1024": humanize_1024,
    "humanizeDuration": humanize_duration,
    "humanizePercentage": humanize_percentage,
}
