"""The greatest age of a standby's rows: its evidence, and the message where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.core.errors import Stale
from exporter.database.replay import Replay, ReplayTracker, address

NOW = 1_796_000_000.0


def us(seconds: float) -> int:
    """Microseconds since 1970 of a moment so many seconds after NOW."""
    return round((NOW + seconds) * 1_000_000)


def replay(**facts: object) -> Replay:
    """A standby at position 1000 with a message of its sender two seconds ago; its last transaction is an hour old."""
    healthy = Replay(
        started=us(-86_400),
        version=180_004,
        replayed=1000,
        committed_at=us(-3600),
        receiving=True,
        sender_end=1000,
        sent_at=us(-2) - 300,
        heard_at=us(-2),
        paused=False,
        apply_delay="0",
        receiver_timeout="1min",
    )
    return replace(healthy, **facts)  # type: ignore[arg-type]


def lag(*samples: tuple[float, Replay]) -> float | None:
    """The evidence of the last of several samples; each at so many seconds after NOW."""
    tracker = ReplayTracker()
    for after, facts in samples:
        tracker.begin()
        tracker.found_standby("10.0.0.7:5432", NOW + after, facts)
    assert tracker.server is not None
    return tracker.server.lag


HIDDEN = {"sender_end": None, "sent_at": None, "heard_at": None}
NO_MESSAGE = {"sent_at": us(-1), "heard_at": us(-1)}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, 2.0003),
        ({"committed_at": us(-1.5)}, 1.5),
        ({"committed_at": None}, 2.0003),
        ({"sender_end": 1001}, 3600),
        ({"sender_end": 1001, "committed_at": None}, None),
        ({"sender_end": 999}, 2.0003),
        ({"receiving": False, **HIDDEN}, 3600),
        (HIDDEN, 3600),
        ({"committed_at": us(-4), **HIDDEN}, 4),
        (NO_MESSAGE, 3600),
        ({"sender_end": None, **NO_MESSAGE, "committed_at": None}, None),
        ({"heard_at": us(0.001), "sent_at": us(0)}, 0),
        ({"replayed": None}, None),
    ],
    ids=[
        "quiet",
        "busy",
        "no transaction yet",
        "received and not replayed",
        "received and not replayed, no transaction yet",
        "further than the sender was",
        "no receiver",
        "not visible",
        "not visible, busy",
        "no message since the receiver connected",
        "no message at all",
        "a message during the sample",
        "nothing replayed",
    ],
)
def test_one_sample_proves(facts, expected):
    """The least age that the last transaction or the last message proves."""
    found = lag((0, replay(**facts)))
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-5))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"sent_at": us(-2), "heard_at": us(-7)}, 7),  # this clock is five seconds behind the sender's
        ({"sent_at": us(-9), "heard_at": us(-2)}, 9),  # ahead, or the message was long on its way
        ({"sent_at": us(3), "heard_at": us(-2), "committed_at": us(1)}, 2),
        ({"sent_at": us(3), "heard_at": us(-2), "committed_at": us(1), "sender_end": 1001}, 4),
        ({**HIDDEN, "committed_at": us(0.5)}, 0),
        (
            {**HIDDEN, "committed_at": us(1.5)},
            None,
        ),  # a commit in our future: the clocks differ by an unknown amount
    ],
)
def test_clocks_that_differ_make_no_lag_smaller(facts, expected):
    """The earlier time of two counts, and a commit in the future proves nothing."""
    found = lag((0, replay(**facts)))
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-5))


def test_earlier_ends_prove_more_than_the_latest():
    """A primary that writes all the time is never seen replayed to its end; it is to where it was a sample ago."""
    running = (
        (15.0 * number, replay(replayed=1000 * number - 10, sender_end=1000 * number, sent_at=us(15 * number - 1) - 200,
                               heard_at=us(15 * number - 1)))
        for number in range(1, 9)
    )  # fmt: skip
    assert lag(*running) == pytest.approx(16.0002, abs=1e-5)


def test_the_lag_of_a_stopped_replay_grows_from_the_last_proof():
    """Paused while all was replayed; then WAL comes in that is not."""
    messages = [{"sent_at": us(at) - 200, "heard_at": us(at)} for at in (-2, 29, 59, 89)]
    paused = {"paused": True}
    samples = [
        (0, replay(**messages[0], **paused)),
        (30, replay(**messages[1], **paused)),
        (60, replay(**messages[2], **paused, sender_end=1500)),
        (90, replay(**messages[3], **paused, sender_end=1500)),
    ]
    assert [lag(*samples[:count]) for count in (1, 2, 3, 4)] == pytest.approx([2.0002, 1.0002, 31.0002, 61.0002])


def test_messages_before_the_receiver_ended_count_by_their_age():
    """A dead primary: no message arrives any more, and the lag grows with the clock."""
    gone = replay(receiving=False, **HIDDEN)
    assert lag((0, replay()), (15, gone), (45, gone)) == pytest.approx(47.0003, abs=1e-5)


def test_another_server_begins_anew():
    """A message of one server is no evidence for another, nor for itself after it was a primary."""
    other = replay(started=us(-10), **HIDDEN)
    assert lag((0, replay()), (15, other)) == 3615
    tracker = ReplayTracker()
    tracker.found_standby(None, NOW, replay())
    tracker.found_primary(None)
    assert tracker.server is not None
    assert (tracker.server.role, tracker.server.lag) == ("primary", None)
    tracker.check(1, "monitor")
    tracker.refuse_standby()
    tracker.found_standby(None, NOW, replay(**HIDDEN))
    assert tracker.server.lag == 3600


def test_memory_is_bounded():
    """A replay that is paused for ever gets new ends for ever."""
    tracker = ReplayTracker()
    for number in range(5000):
        received = us(number)
        tracker.found_standby(
            None, NOW + number, replay(sender_end=2000 + number, sent_at=received - 9, heard_at=received)
        )
    assert len(tracker._ends) == 256


PRIMARY = "or connect to the primary (with several hosts in the DSN: target_session_attrs=primary)"
NOT_VISIBLE = (
    "role monitor may not see when the WAL receiver last received a message, and no transaction was replayed lately: "
)
TIMEOUT = "wal_receiver_timeout (1min)"
NOT_PROVED = (
    "standby 10.0.0.7:5432 answers, and it is not proved that its replay is within database.max_replay_lag (1m): "
)


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        ({"paused": True, "sender_end": 1001}, "replay is paused: SELECT pg_wal_replay_resume()"),
        (
            {"apply_delay": "1h", "sender_end": 1001},
            "recovery_min_apply_delay is 1h: raise database.max_replay_lag beyond it",
        ),
        (
            {"receiving": False, **HIDDEN},
            "no WAL receiver is connected (a dead primary, a cut network, or WAL from an archive): fix that",
        ),
        (
            HIDDEN,
            f"{NOT_VISIBLE}GRANT pg_read_all_stats TO monitor WITH INHERIT TRUE, on the primary",
        ),
        (
            {**HIDDEN, "version": 150_000},
            f"{NOT_VISIBLE}ALTER ROLE monitor INHERIT; GRANT pg_read_all_stats TO monitor, on the primary",
        ),
        (
            NO_MESSAGE,
            f"the WAL receiver has received nothing since it connected: wait, for half of {TIMEOUT} if it is quiet",
        ),
        (
            {"sender_end": 1001},
            "WAL is received and not yet replayed (a query that conflicts with it, or a slow disk): wait",
        ),
        (
            {"sent_at": us(-100), "heard_at": us(-2)},
            "the clocks of this server and of its sender differ, or messages are slow: synchronise the clocks",
        ),
        (
            {"sent_at": us(-80) - 9, "heard_at": us(-80)},
            (
                "the WAL receiver has received no message from its sender lately "
                f"(a quiet one sends every half of {TIMEOUT}): "
                "fix the connection, or raise database.max_replay_lag beyond that"
            ),
        ),
    ],
)
def test_the_message_names_the_cause_and_the_fix(facts, cause):
    """The server, the reason, the remedy; and no number that changes with every sample."""
    tracker = ReplayTracker()
    tracker.found_standby("10.0.0.7:5432", NOW, replay(**facts))
    with pytest.raises(Stale) as raised:
        tracker.check(60, "monitor")
    assert str(raised.value) == f"{NOT_PROVED}{cause}; {PRIMARY}"


def test_the_limit_is_inclusive():
    """At the limit it is accepted, beyond it not."""
    tracker = ReplayTracker()
    tracker.found_standby(None, NOW, replay(**{**HIDDEN, "committed_at": us(-60)}))
    tracker.check(60, "monitor")
    with pytest.raises(Stale):
        tracker.check(59.999, "monitor")
    with pytest.raises(Stale, match="a standby proves nothing about the primary"):
        tracker.refuse_standby()


@pytest.mark.parametrize(
    ("host", "port", "text"),
    [("10.0.0.7", 5432, "10.0.0.7:5432"), ("fd00::7", 5432, "[fd00::7]:5432"), (None, None, None)],
)
def test_an_address(host, port, text):
    """As one would type it."""
    assert address(host, port) == text
