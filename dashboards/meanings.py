"""What values mean: words in place of numbers, and their colours, the same on every page."""

from grafana_foundation_sdk.models.dashboard import (
    DashboardRangeMapOptions,
    DashboardSpecialValueMapOptions,
    RangeMap,
    SpecialValueMap,
    SpecialValueMatch,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

GOOD, WARN, BAD, CALM, NEUTRAL = "green", "orange", "red", "blue", "text"
# Beyond this many seconds a time is no time any more, but "never".
NEVER = 1e9


def means(label: str, says: str, colour: str) -> ValueMapping:
    """This value of a label says that."""
    return ValueMap({label: ValueMappingResult(text=says, color=colour, index=0)})


def is_value(value: float, says: str, colour: str) -> ValueMapping:
    """This number says that."""
    return means(f"{value:g}", says, colour)


def from_value(least: float, says: str, colour: str) -> ValueMapping:
    """This number and all above say that."""
    result = ValueMappingResult(text=says, color=colour, index=1)
    return RangeMap(DashboardRangeMapOptions(from_val=least, result=result))


def yes_or_no(yes: str = "yes", no: str = "no") -> tuple[ValueMapping, ...]:
    """1 is good, 0 is bad."""
    return is_value(1, yes, GOOD), is_value(0, no, BAD)


def is_none(says: str) -> ValueMapping:
    """No number says that."""
    options = DashboardSpecialValueMapOptions(
        match=SpecialValueMatch.NULL_AND_NAN, result=ValueMappingResult(text=says, color=NEUTRAL, index=2)
    )
    return SpecialValueMap(options)
