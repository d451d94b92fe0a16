"""Templates of alert descriptions: the subset of Go templates that the policy uses, rendered as in Prometheus.

Supported are `{{ $labels.name }}`, and `{{ $value | function }}` with humanize, humanizeDuration, humanizePercentage or
`printf "%.2f"`. Everything else is refused when the policy is loaded.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_LABEL = re.compile(r"\s*\$labels\.(?P<name>[a-zA-Z_]\w*)\s*")
_VALUE = re.compile(r'\s*\$value\s*\|\s*(?P<function>[a-zA-Z]\w*)(?:\s+"%\.(?P<digits>\d+)f")?\s*')

# Prefixes below 1 and from 1000 on.
_SMALL = ("m", "u", "n", "p", "f", "a", "z", "y")
_LARGE = ("k", "M", "G", "T", "P", "E", "Z", "Y")


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
    value = _VALUE.fullmatch(action)
    if value is None:
        raise TemplateError(f"{{{{{action}}}}}: expected $labels.name, or $value with one function")
    if value["function"] == "printf" and value["digits"]:
        form = f".{value['digits']}f"
        return lambda _, number: _formatted(number, form)
    function = _FUNCTIONS.get(value["function"])
    if function is None or value["digits"]:
        raise TemplateError(f"{{{{{action}}}}}: unknown function, or wrong arguments")
    return lambda _, number: function(number)


def _formatted(value: float, form: str) -> str:
    if math.isfinite(value):
        return format(value, form)
    return "NaN" if math.isnan(value) else f"{value:+f}".replace("inf", "Inf")


def _four_digits(value: float) -> str:
    return _formatted(value, ".4g")


def humanize(value: float) -> str:
    """With a metric prefix: 1.234k, 50m."""
    if not value or not math.isfinite(value):
        return _four_digits(value)
    large, prefix = abs(value) >= 1, ""
    for each in _LARGE if large else _SMALL:
        if abs(value) < 1000 if large else abs(value) >= 1:  # noqa: PLR2004 - the step between prefixes
            break
        prefix, value = each, value / 1000 if large else value * 1000
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


_FUNCTIONS: Mapping[str, Callable[[float], str]] = {
    "humanize": humanize,
    "humanizeDuration": humanize_duration,
    "humanizePercentage": humanize_percentage,
}
