"""Fingerprints, times and groups; test_real_alertmanager compares them with the original."""

from __future__ import annotations

from dataclasses import replace

from alerts.notify.message.format import fingerprint, group_key, link, timestamp
from tests.alerts.notify.samples import NOON, incident, labels


def test_fingerprint_of_nothing_is_the_hash_s_offset() -> None:
    """FNV-1a of no bytes is its offset basis, in 16 digits."""
    assert fingerprint(()) == "cbf29ce484222325"


def test_fingerprint_is_alertmanager_s() -> None:
    """The fingerprint that Alertmanager 0.25 has for these labels."""
    assert fingerprint(labels()) == "ebc2fa06f92e0ac0"


def test_fingerprint_depends_on_labels_alone() -> None:
    """Order does not matter; names and values are kept apart."""
    assert fingerprint((("a", "1"), ("b", "2"))) == fingerprint((("b", "2"), ("a", "1")))
    assert fingerprint((("a", "1b"),)) != fingerprint((("a1", "b"),))


def test_fingerprint_of_invalid_unicode() -> None:
    """A lone surrogate, as it may come from a broken label, is no reason to fall silent."""
    assert len(fingerprint((("queue", "\ud800"),))) == 16


def test_timestamp() -> None:
    """RFC 3339 in UTC with milliseconds, and no zero at their end."""
    assert timestamp(NOON + 0.251) == "2023-11-20T12:00:00.251Z"
    assert timestamp(NOON + 0.25) == "2023-11-20T12:00:00.25Z"
    assert timestamp(NOON) == "2023-11-20T12:00:00Z"
    assert timestamp(NOON + 600) == "2023-11-20T12:10:00Z"


def test_group_key() -> None:
    """One group for each alert, under the topmost route."""
    assert group_key((("job", 'a "b"'), ("alertname", "X"))) == '{}:{alertname="X", job="a \\"b\\""}'


def test_link() -> None:
    """To our page if it is known, else to the runbook if that has an address: a path is refused as a link."""
    assert link(incident(), "http://exporter:9721/") == "http://exporter:9721/"
    assert link(incident(), "") == "https://runbooks.example/OutboxStalled.md"
    assert link(replace(incident(), annotations={"runbook_url": "alerts/runbooks/OutboxStalled.md"}), "") == ""
