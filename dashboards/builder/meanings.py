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


def map_text(label: str, says: str, colour: str) -> ValueMapping:
    """This value of a label says that."""
    return ValueMap({label: ValueMappingResult(text=says, color=colour, index=0)})


def map_value(value: float, says: str, colour: str) -> ValueMapping:
    """This number says that."""
    return map_text(f"{value:g}", says, colour)


def map_from(least: float, says: str, colour: str) -> ValueMapping:
    """This number and all above say that."""
    result = ValueMappingResult(text=says, color=colour, index=1)
    return RangeMap(DashboardRangeMapOptions(from_val=least, result=result))


def map_boolean(yes: str = "yes", no: str = "no") -> tuple[ValueMapping, ...]:
    """1 is good, 0 is bad."""
    return map_value(1, yes, GOOD), map_value(0, no, BAD)


def map_missing(says: str) -> ValueMapping:
    """No number says that."""
    options = DashboardSpecialValueMapOptions(
        match=SpecialValueMatch.NULL_AND_NAN, result=ValueMappingResult(text=says, color=NEUTRAL, index=2)
    )
    return SpecialValueMap(options)
