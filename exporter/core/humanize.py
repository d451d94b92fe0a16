"""Formats numbers and times for pages, charts and reports. Pure."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
# The first and the last instant of the calendar, Unix seconds; the latter with the half millisecond that may be added.
_FIRST = datetime.min.replace(tzinfo=UTC).timestamp()
_LAST = datetime.max.replace(tzinfo=UTC).timestamp() - 0.001
_WORDS = {0.0: "no", 1.0: "yes"}
# From here on a number is formatted by its magnitude.
_LARGE = 1e15


def utc(at: float) -> datetime:
    """A time, from Unix seconds; a time outside of the calendar (years 1 to 9999) is its first or last instant."""
    return datetime.fromtimestamp(min(max(at, _FIRST), _LAST), UTC)


def moment(at: float, pattern: str = "%Y-%m-%d %H:%M UTC") -> str:
    """A time, from Unix seconds, in UTC. For every number there is a text."""
    if math.isnan(at):
        return "unknown"
    if at < _FIRST:
        return "before year 1"
    return "after year 9999" if at > _LAST else utc(at).strftime(pattern)


def format_value(value: float, unit: str) -> str:
    """A value of a signal: `unit` is seconds, ratio, boolean, or the name of the counted objects; the infinite is ∞."""
    if not math.isfinite(value):
        return _non_finite(value)
    if unit == "seconds":
        return duration(value) if value else "0 s"
    if unit == "ratio":
        return percent(value)
    if unit == "boolean" and value in _WORDS:
        return _WORDS[value]
    return count(value) if value == round(value) or abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits


def count(value: float) -> str:
    """1,234."""
    if not math.isfinite(value):
        return _non_finite(value)
    return f"{value:,.0f}" if abs(value) < _LARGE else f"{value:.3g}"


def percent(ratio: float) -> str:
    """0.2 %; a small ratio above 0 is not shown as 0."""
    if not math.isfinite(ratio):
        return _non_finite(ratio)
    if abs(ratio) >= _LARGE:
        return f"{count(ratio * 100)} %"
    return "< 0.1 %" if 0 < ratio < 0.0005 else f"{ratio:.1%}".replace("%", " %")  # noqa: PLR2004 - half of 0.1 %


def coverage(ratio: float) -> str:
    """Coverage of a watch. It is 100 % only when nothing is missing."""
    return "100 %" if ratio >= 1 else percent(min(ratio, 0.9994))


def duration(seconds: float) -> str:
    """The two largest units that matter: 12 ms, 1.2 s, 45 s, 3 min 20 s, 2 h 5 min, 3 d 4 h.

    A short duration above 0 is not shown as 0.
    """
    if not math.isfinite(seconds):
        return _non_finite(seconds)
    if seconds <= -0.0005:  # noqa: PLR2004 - durations that are not rounded to 0 ms
        return f"-{duration(-seconds)}"
    if 0 < seconds < 0.0005:  # noqa: PLR2004 - half of a millisecond
        return "< 1 ms"
    if seconds >= _LARGE:
        return f"{seconds / _DAY:.3g} d"
    for below, text in _SPANS:
        if seconds < below:
            return text(seconds)
    return _two_units(seconds, _DAY, "d", _HOUR, "h")


def _non_finite(value: float) -> str:
    if math.isnan(value):
        return "unknown"
    return "∞" if value > 0 else "-∞"


def _two_units(seconds: float, large: int, large_name: str, small: int, small_name: str) -> str:
    whole, rest = divmod(int(seconds), large)
    return f"{whole} {large_name} {rest // small} {small_name}" if rest >= small else f"{whole} {large_name}"


_SPANS: tuple[tuple[float, Callable[[float], str]], ...] = (
    (0.9995, lambda seconds: f"{seconds * 1000:.0f} ms"),
    (9.95, lambda seconds: f"{seconds:.1f} s"),
    (_MINUTE - 0.5, lambda seconds: f"{seconds:.0f} s"),
    (_HOUR, lambda seconds: _two_units(max(seconds, _MINUTE), _MINUTE, "min", 1, "s")),
    (_DAY, lambda seconds: _two_units(seconds, _HOUR, "h", _MINUTE, "min")),
)


def json_safe(value: Any) -> Any:
    """A document that JSON can represent: infinity and NaN become texts: "Infinity", "-Infinity", "NaN".

    A lone surrogate in a text becomes a question mark.
    """
    if isinstance(value, Mapping):
        return {json_safe(key): json_safe(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else str(value).replace("inf", "Infinity")
    return utf8_safe(value) if isinstance(value, str) else value


def utf8_safe(text: str) -> str:
    """The text, encodable in UTF-8: a lone surrogate, as JSON may contain one, becomes a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
