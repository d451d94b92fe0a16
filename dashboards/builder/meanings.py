"""Value mappings: texts and colours of values, the same on every dashboard."""

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
# Seconds from which a time is shown as "never".
NEVER = 1e9


def map_text(label: str, says: str, colour: str) -> ValueMapping:
    """Map a label value to a text."""
    return ValueMap({label: ValueMappingResult(text=says, color=colour, index=0)})


def map_value(value: float, says: str, colour: str) -> ValueMapping:
    """Map a number to a text."""
    return map_text(f"{value:g}", says, colour)


def map_from(least: float, says: str, colour: str) -> ValueMapping:
    """Map a number and all above to a text."""
    result = ValueMappingResult(text=says, color=colour, index=1)
    return RangeMap(DashboardRangeMapOptions(from_val=least, result=result))


def map_boolean(yes: str = "yes", no: str = "no") -> tuple[ValueMapping, ...]:
    """Map 1 to a good and 0 to a bad text."""
    return map_value(1, yes, GOOD), map_value(0, no, BAD)


def map_missing(says: str) -> ValueMapping:
    """Map missing values to a text."""
    options = DashboardSpecialValueMapOptions(
        match=SpecialValueMatch.NULL_AND_NAN, result=ValueMappingResult(text=says, color=NEUTRAL, index=2)
    )
    return SpecialValueMap(options)
