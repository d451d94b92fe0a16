"""Names and their meanings."""

from __future__ import annotations

import pytest

from exporter.adoption import words


@pytest.mark.parametrize(
    ("name", "core"),
    [
        ("created_at", "created"),
        ("CreatedOnUtc", "created"),
        ("createdAt", "created"),
        ("date_created", "created"),
        ("Erstellt am", "erstellt"),
        ("next_try_ms", "next_try"),
        ("attempt_count", "attempt"),
        ("is_published", "published"),
        ("timestamp", "timestamp"),
        ("run_after", "run_after"),
        ("HTTPStatus", "http_status"),
        ("message", "message"),
    ],
)
def test_the_words_that_tell(name, core):
    """Whatever is between words, and without those that say that it is a time, a number or a flag."""
    assert words.core(name) == core


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        ("PENDING", "pending"),
        ("In Progress", "running"),
        ("Succeeded", "processed"),
        ("dead_letter", "failed"),
        ("retryable", "retrying"),
        ("canceled", "cancelled"),
        ("ZZ", None),
        ("1", None),
        ("", None),
    ],
)
def test_the_meaning_of_a_value(value, meaning):
    assert words.value_meaning(value) == meaning


@pytest.mark.parametrize(
    ("name", "unit"),
    [("created_ms", "milliseconds"), ("createdUs", "microseconds"), ("done_seconds", "seconds"), ("created", None)],
)
def test_the_unit_in_a_name(name, unit):
    assert words.unit(name) == unit


@pytest.mark.parametrize(
    ("table", "certainty"),
    [
        ("outboxevent", 2),
        ("Ausgangskorb", 2),
        ("mail_queue", 2),
        ("webhook_deliveries", 1),
        ("versand", 1),
        ("users", 0),
    ],
)
def test_how_much_the_name_of_a_table_says(table, certainty):
    assert words.certainty(table) == certainty


@pytest.mark.parametrize(
    ("table", "is_special"), [("river_job", True), ("pgqueuer", True), ("outbox", False), ("published", False)]
)
def test_names_that_only_a_library_gives(table, is_special):
    assert words.is_special(table) is is_special


def test_all_words_are_texts():
    """YAML takes some words for truth values."""

    def leaves(node: object) -> list[object]:
        nodes = node.values() if isinstance(node, dict) else node if isinstance(node, list) else None
        return [node] if nodes is None else [leaf for each in nodes for leaf in leaves(each)]

    assert {type(leaf) for leaf in leaves(words.vocabulary())} == {str}


def test_no_value_has_two_meanings():
    values = words.vocabulary()["values"]
    listed = [value for known in values.values() for value in known]
    assert len(listed) == len(set(listed))
    assert set(words.vocabulary()["retried"]) <= set(values["failed"])
