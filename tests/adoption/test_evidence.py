"""What defaults, checks and numbers tell. On a database: tests/adoption/test_adopt.py."""

from __future__ import annotations

import pytest

from exporter.adoption.catalogue import ExpressionsRow
from exporter.adoption.evidence import Evidence, NumbersRow


def expressions(default: str | None = None, checks: tuple[str, ...] = ()) -> Evidence:
    return Evidence({"c": ExpressionsRow("c", default, list(checks), "Asia/Tokyo")})


@pytest.mark.parametrize(
    ("default", "zone"),
    [
        ("now()", ("Asia/Tokyo", False)),
        ("CURRENT_TIMESTAMP", ("Asia/Tokyo", False)),
        ("LOCALTIMESTAMP", ("Asia/Tokyo", False)),
        ("timezone('utc'::text, now())", ("UTC", True)),
        ("(now() AT TIME ZONE 'Europe/Berlin'::text)", ("Europe/Berlin", True)),
        ("'2020-01-01 00:00:00'::timestamp without time zone", ("", False)),
        (None, ("", False)),
    ],
)
def test_the_zone_that_a_default_writes(default, zone):
    """Certain when the expression names it; otherwise that of the session."""
    assert expressions(default).written_zone("c") == zone
    assert Evidence().written_zone("c") == ("", False)


@pytest.mark.parametrize(
    ("checks", "values"),
    [
        (("CHECK ((c = ANY (ARRAY['a'::text, 'it''s'::text])))",), ("a", "it's")),
        (("CHECK (((c)::text = ANY ((ARRAY['a'::character varying])::text[])))",), ("a",)),
        (("CHECK ((c = ANY (ARRAY[0, 1, 20])))",), ("0", "1", "20")),
        (("CHECK ((c = ANY ('{a,b}'::text[])))",), ()),
        (("CHECK ((c <> 'a'::text))",), ()),
        (("CHECK ((NOT (c = ANY (ARRAY['a'::text]))))",), ()),
        (("CHECK ((c <> ALL (ARRAY['a'::text])))",), ()),
        ((), ()),
    ],
)
def test_the_values_that_a_check_admits(checks, values):
    """Only where it lists them."""
    assert expressions(checks=checks).admitted("c") == values


@pytest.mark.parametrize(
    ("lowest", "highest", "unit"),
    [
        (1_767_592_800, 1_767_596_400, "seconds"),
        (1_767_592_800_000, 1_767_596_400_000, "milliseconds"),
        (1_767_592_800_000_000, 1_767_596_400_000_000, "microseconds"),
        (0, 1_767_592_800, ""),
        (1_767_592_800, 1_767_592_800_000, ""),
        (None, None, ""),
    ],
)
def test_the_unit_of_numbers(lowest, highest, unit):
    """All of them have to be times of our days in it."""
    found = NumbersRow(lowest, highest)
    assert (found.unit, found.is_known) == (unit, lowest is not None)


@pytest.mark.parametrize(
    ("default", "text", "number"),
    [
        ("5", "5", 5),
        ("'-1'::integer", "'-1'::integer", -1),
        ("'infinity'::timestamp with time zone", "'infinity'::timestamp with time zone", None),
        ("NULL::timestamp with time zone", "", None),
        (None, "", None),
    ],
)
def test_the_value_of_a_new_row(default, text, number):
    found = expressions(default)
    assert (found.default("c"), found.beginning("c")) == (text, number)
