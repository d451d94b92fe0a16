"""The saved state of deliveries, also when the disk fails."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.notify.delivery.store import Store
from alerts.notify.message.incidents import DeliveredState
from tests.alerts.notify.samples import NOON, ROUTING_KEY, incident

EPISODES = (
    incident(starts_at=NOON + 0.123456, ends_at=NOON + 60, delivered_state=DeliveredState.FIRING),
    incident("OutboxBlind"),
    incident("OutboxJobsExhausted", ends_at=NOON + 1),
)


def store(directory: Path, identity: str = f"http://pd/ {ROUTING_KEY}") -> Store:
    return Store(directory, "pagerduty", identity)


def test_keeps_everything(tmp_path: Path) -> None:
    """A saved state is loaded exactly, texts included; the directory is created if necessary."""
    directory = tmp_path / "deep" / "state"
    store(directory).save(EPISODES)
    loaded = store(directory).load()
    assert loaded == EPISODES
    assert [each.annotations for each in loaded] == [each.annotations for each in EPISODES]


def test_nothing_at_first(tmp_path: Path) -> None:
    """Without a file nothing was kept, and reading leaves nothing behind."""
    assert store(tmp_path).load() == ()
    assert list(tmp_path.iterdir()) == []


def test_refused_updates_are_sent_again_after_a_restart(tmp_path: Path) -> None:
    """A refused update may be accepted after a restart, for example with the right key."""
    store(tmp_path).save((incident(delivered_state=DeliveredState.REFUSED),))
    assert store(tmp_path).load() == (incident(delivered_state=DeliveredState.NOTHING),)


def test_another_receiver_has_received_nothing(tmp_path: Path) -> None:
    """With another key or URL, open incidents are sent anew, pending ones stay pending, and other ends are not sent."""
    store(tmp_path).save((*EPISODES, incident("OutboxHeadBlocked", delivered_state=DeliveredState.FIRING)))
    assert store(tmp_path, "http://pd/ another").load() == (
        incident("OutboxBlind"),
        incident("OutboxJobsExhausted", ends_at=NOON + 1),
        incident("OutboxHeadBlocked", delivered_state=DeliveredState.NOTHING),
    )


def test_holds_no_secret(tmp_path: Path) -> None:
    """Neither the key nor the address is in the file, and the hash is another one in each directory."""
    store(tmp_path / "a").save(EPISODES)
    store(tmp_path / "b").save(EPISODES)
    a, b = (path.read_text() for path in sorted(tmp_path.glob("*/notifications-pagerduty.json")))
    assert ROUTING_KEY not in a
    assert "http://pd/" not in a
    assert a != b


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"format": 2, "receiver": {"salt": "00", "hash": ""}, "episodes": []}',
        b'{"format": 1, "receiver": {"salt": "no", "hash": ""}, "episodes": []}',
        b'{"format": 1, "receiver": {"salt": "00", "hash": ""}, "episodes": [{"labels": []}]}',
        b'{"format": 1, "receiver": {"salt": "00", "hash": ""}, "episodes": [{"labels": {}, "told": "nothing"}]}',
        b'{"format": 1, "receiver": {"salt": "00", "hash": ""}, "episodes": [{"starts_at": "x", "ends_at": null}]}',
    ],
)
def test_damaged(tmp_path: Path, content: bytes) -> None:
    """A file that cannot be parsed is renamed and reported, and the next start works."""
    path = tmp_path / "notifications-pagerduty.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"notifications-pagerduty\.unreadable"):
        store(tmp_path).load()
    assert (tmp_path / "notifications-pagerduty.unreadable").read_bytes() == content
    store(tmp_path).save(EPISODES)
    assert store(tmp_path).load() == EPISODES


def test_a_crash_at_any_moment_leaves_a_complete_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted before the file is replaced, saving leaves the one before, and nothing beside it."""
    store(tmp_path).save(EPISODES)

    def crash(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for update in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os if update == "fsync" else Path, update, crash)
            with pytest.raises(OSError, match="No space left"):
                store(tmp_path).save(())
        assert store(tmp_path).load() == EPISODES
        assert [path.name for path in tmp_path.iterdir()] == ["notifications-pagerduty.json"]
    store(tmp_path).save(())
    assert store(tmp_path).load() == ()


def test_a_directory_that_cannot_be(tmp_path: Path) -> None:
    """If a directory cannot be created, the error names the path in the way."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file is not a directory"):
        store(tmp_path / "file").save(EPISODES)


def test_receivers_have_files_of_their_own(tmp_path: Path) -> None:
    """Each receiver has a file of its own."""
    store(tmp_path).save(EPISODES)
    assert Store(tmp_path, "webhook", "").load() == ()


def test_texts_do_not_make_it_save_again(tmp_path: Path) -> None:
    """A description with another figure is no change that has to be on disk."""
    store(tmp_path).save(EPISODES)
    changed = tuple(replace(each, annotations={"description": "It is 500."}) for each in EPISODES)
    assert store(tmp_path).load() == changed
