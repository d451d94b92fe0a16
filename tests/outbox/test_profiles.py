"""A profile is one file of data."""

import re

import pytest

from exporter.outbox import profiles
from exporter.outbox.mapping import OutboxMapping
from exporter.outbox.profiles import Retention
from exporter.outbox.resolve import resolve

DOCUMENT = {
    "title": "A",
    "version": 1.5,
    "tested_with": "library",
    "source": "https://example.org",
    "mapping": {"table": "jobs", "id": ["id"], "processed": "done", "status_failed": [-1]},
    "notes": ["One."],
}


@pytest.mark.parametrize("name", profiles.names())
def test_a_profile_is_whole(name):
    """It says what was tested, with what, and where that is documented; its mapping means something."""
    profile = profiles.load(name)
    assert re.fullmatch(r"[a-z][a-z0-9-]*", profile.name)
    assert profile.tested_with in {"library", "schema"}
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)+", profile.version)
    assert re.fullmatch(r"https://[^ ]+", profile.source)
    assert profile.title
    assert profile.worker
    assert all(note.endswith(".") for note in profile.notes)
    assert resolve(name, {}) == profile.mapping


def test_at_least_eight_are_tested_with_the_real_library():
    """The others with a published schema."""
    real = {name for name in profiles.names() if profiles.load(name).tested_with == "library"}
    assert {"procrastinate", "pgqueuer", "chancy", "pg-boss", "graphile-worker", "bullmq"} <= real
    assert len(real) >= 8


def test_a_document_is_read():
    """Lists are tuples of texts."""
    profile = profiles.parse("a", DOCUMENT)
    assert profile.mapping == OutboxMapping("jobs", id=("id",), processed="done", status_failed=("-1",))
    assert profile.retention == Retention()
    kept = profiles.parse("a", {**DOCUMENT, "retention": {"threshold": "9d", "source": "s"}})
    assert kept.retention == Retention("9d", "s")
    assert (profile.name, profile.version, profile.notes, profile.worker) == ("a", "1.5", ("One.",), "")


@pytest.mark.parametrize(
    "document",
    [
        {**DOCUMENT, "colour": "red"},
        {**DOCUMENT, "mapping": {"table": "jobs", "colour": "c"}},
        {**DOCUMENT, "retention": {"threshold": "9d", "colour": "c"}},
    ],
)
def test_a_mistake_in_a_file_is_named(document):
    """With the file."""
    with pytest.raises(ValueError, match=re.escape("profiles/a.yaml: unknown keys colour")):
        profiles.parse("a", document)


def test_an_unknown_profile():
    """Its name is the error."""
    with pytest.raises(KeyError, match="sidekiq"):
        profiles.load("sidekiq")
