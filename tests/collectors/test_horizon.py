"""Whether the vacuum horizon is pinned, from samples of statistics and holders; and who holds it, in words."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from exporter.collectors.horizon import Horizon, HorizonHolder, HorizonTracker, TableStatistics

NOW = 1_700_000_000.0
OUTBOX = TableStatistics("job_outbox", 1, 8192, True, 500, 0, 1000, 10, NOW - 60)
SESSION = HorizonHolder("session", "700", 40, 4711, "psql", "alice", "app", None, None)


def sessions(*xids: int) -> list[HorizonHolder]:
    return [replace(SESSION, xid=str(xid), pid=xid) for xid in xids]


class Server:
    """Statistics that change from sample to sample; the first shows 100 dead rows after ten runs of VACUUM."""

    def __init__(self) -> None:
        self.tracker = HorizonTracker()
        self.now = NOW
        self.table = replace(OUTBOX, dead=100)

    def sample(self, *xids: int, dead: int | None = None, changes: int = 0, vacuums: int = 0) -> bool | None:
        """The answer, five minutes later: with so many dead rows, and further changes and runs of VACUUM."""
        self.table = replace(
            self.table, dead=dead, changes=self.table.changes + changes, vacuums=self.table.vacuums + vacuums
        )
        self.now += 300
        return self.tracker.note(self.now, sessions(*xids), [self.table]).pinned.get("job_outbox")


def test_dead_rows_that_two_runs_leave_are_proof():
    """The first run may have begun before the horizon was found; then the answer stays while the horizon does."""
    server = Server()
    assert server.sample(7, dead=100) is None
    assert server.sample(7, dead=150, changes=60, vacuums=1) is None
    assert server.sample(7, dead=200, changes=60, vacuums=1) is True
    assert server.sample(7, dead=230, changes=30) is True
    assert server.sample(9, dead=230) is False


def test_two_runs_between_samples_are_proof_as_well():
    """One of them began when the first had ended."""
    server = Server()
    server.sample(7, dead=100)
    assert server.sample(7, dead=150, changes=60, vacuums=2) is True


def test_without_a_run_there_is_no_answer():
    """Dead rows are no proof, however many; neither is one run."""
    server = Server()
    assert [server.sample(7, dead=10_000 * n) for n in range(1, 4)] == [None, None, None]
    assert server.sample(7, dead=90_000, changes=10, vacuums=1) is None


def test_a_horizon_that_moves_is_not_pinned():
    """An ordinary burst: many dead rows, VACUUM runs, and at every sample another transaction is the oldest."""
    server = Server()
    server.sample(7, dead=50_000)
    assert [server.sample(7 + n, dead=50_000, changes=20_000, vacuums=5) for n in range(1, 6)] == [False] * 5
    assert server.sample(dead=50_000, changes=20_000, vacuums=5) is False


def test_counts_that_are_handed_in_after_a_run_are_no_proof():
    """Two runs removed everything; 80 dead rows then came from a session, with the 80 changes that made them."""
    server = Server()
    assert server.sample(3, dead=100) is None
    assert server.sample(7, dead=100) is False
    assert [server.sample(7, dead=80, changes=80, vacuums=1) for _ in range(5)] == [False] * 5
    assert server.sample(7, dead=80, changes=79, vacuums=1) is True


def test_a_run_that_removes_rows_shows_that_nothing_is_pinned():
    """A transaction of another database, for example, holds rows only while a snapshot of this one shows it."""
    server = Server()
    server.sample(7, dead=100)
    assert server.sample(7, dead=90, changes=300, vacuums=2) is False
    assert server.sample(7, dead=200, changes=110, vacuums=1) is True
    assert server.sample(7, dead=20, changes=110, vacuums=1) is False


def test_without_dead_rows_nothing_is_pinned():
    """Whatever was there before."""
    server = Server()
    assert server.sample(7, dead=0) is False
    assert server.sample(7, dead=20, changes=20) is False
    assert server.sample(7, dead=40, changes=20, vacuums=2) is True
    assert server.sample(7, dead=0) is False


def test_after_a_reset_of_the_statistics_there_is_no_answer():
    """Counts that fall show a reset, or another server; the same without any count of dead rows."""
    server = Server()
    server.sample(7, dead=100)
    assert server.sample(7, dead=200, changes=10, vacuums=2) is True
    assert server.sample(7, dead=200, changes=-1100) is None
    assert server.sample(7, dead=200, changes=10, vacuums=2) is True
    assert server.sample(7, dead=200, vacuums=-1) is None
    assert server.sample(7, dead=None) is None
    assert server.sample(7, dead=200, changes=10, vacuums=2) is None


def test_a_server_that_does_not_count_gives_no_answer():
    """A standby, or one without track_counts."""
    tracker = HorizonTracker()
    for _ in range(3):
        assert tracker.note(NOW, sessions(7), [replace(OUTBOX, counts=False, dead=100)]).pinned == {}


def test_one_pinned_partition_pins_its_table():
    """Without one, a table of which a partition is unknown is unknown."""
    tracker = HorizonTracker()
    first, second = replace(OUTBOX, dead=100), replace(OUTBOX, id=2, dead=0)
    keys = replace(OUTBOX, table_name="idempotency_keys", id=3)
    assert tracker.note(NOW, sessions(7), [first, second, keys]).pinned == {"idempotency_keys": False}
    first = replace(first, dead=180, changes=1090, vacuums=12)
    horizon = tracker.note(NOW, sessions(7), [first, replace(second, dead=None), keys])
    assert horizon.pinned == {"job_outbox": True, "idempotency_keys": False}
    assert horizon.pinned_tables == ("job_outbox",)


def test_since_when_it_is_held():
    """From the first sample that found it there, or from the begin of the transaction where the role may see it."""
    tracker = HorizonTracker()
    assert [tracker.note(NOW + after, sessions(7), []).since - NOW for after in (0, 300, 600)] == [0, 0, 0]
    assert tracker.note(NOW + 900, sessions(8), []).since == NOW + 900
    known = replace(SESSION, xid="9", since=NOW - 7200)
    assert tracker.note(NOW + 1200, [known], []).since == NOW - 7200


def test_holders_that_have_just_come_are_left_out():
    """Behind the oldest there are always sessions at work."""
    tracker = HorizonTracker()
    first = tracker.note(NOW, sessions(7, 8), [])
    assert [each.pid for each in first.holders] == [7]
    then = tracker.note(NOW + 300, sessions(7, 8, 9), [])
    assert [each.pid for each in then.holders] == [7, 8]
    assert tracker.note(NOW + 600, [], []).holder is None


PREPARED = HorizonHolder("prepared_transaction", "812", 9, None, None, "bob", "app", None, NOW - 3600)


@pytest.mark.parametrize(
    ("holder", "text"),
    [
        (SESSION, "session with pid 4711 (application psql, role alice, database app)"),
        (
            replace(SESSION, name=None, state="idle in transaction"),
            "session with pid 4711 (role alice, database app, idle in transaction)",
        ),
        (replace(SESSION, name=None, role=None, database=None), "session with pid 4711"),
        (PREPARED, "prepared transaction 812 (role bob, database app)"),
        (HorizonHolder("replication_slot", "9", 1, None, "berlin", None, None, None, None), "replication slot berlin"),
        (
            HorizonHolder("standby", "9", 1, 12, "walreceiver", "repl", None, None, None),
            "standby with pid 12 (application walreceiver, role repl)",
        ),
    ],
)
def test_a_holder_in_words(holder, text):
    """As far as the role sees it."""
    assert holder.text == text


def test_the_horizon_in_words():
    """A session may hold it twice, by its snapshot and by its transaction."""
    twice = replace(SESSION, xid="705", age=35)
    held = "session with pid 4711 (application psql, role alice, database app) has held back the vacuum horizon since"
    assert Horizon((SESSION, twice), NOW, {}).text == f"{held} 2023-11-14 22:13 UTC or longer"
    assert Horizon((PREPARED, SESSION), NOW - 3600, {}).text == (
        "prepared transaction 812 (role bob, database app) has held back the vacuum horizon since 2023-11-14 21:13 UTC;"
        " next session with pid 4711 (application psql, role alice, database app)"
    )
    assert Horizon((), NOW, {}).text == ""


@pytest.mark.parametrize(
    ("age", "since", "is_old"),
    [(9_999, None, False), (10_000, None, True), (1, NOW - 599, False), (1, NOW - 600, True), (10_000, NOW, True)],
)
def test_one_sample_tells_an_old_holder_by_time_or_transactions(age, since, is_old):
    """Ten minutes, or ten thousand transactions."""
    assert replace(SESSION, age=age, since=since).is_old(NOW) is is_old


@dataclass
class Simulation:
    """A server with one table: sessions hand in their counts late, VACUUM removes what no holder may see.

    `dead` has the transaction that made each dead row; `unreported` what each session has not handed in yet.
    """

    rng: random.Random
    next_xid: int = 100
    dead: list[int] = field(default_factory=list)
    unreported: list[int] = field(default_factory=lambda: [0, 0, 0])
    holders: list[int] = field(default_factory=list)
    counted: int = 0
    changes: int = 0
    vacuums: int = 0

    def step(self) -> None:
        act = self.rng.choice(
            (self.update, self.update, self.report, self.vacuum, self.vacuum, self.hold, self.release)
        )
        act()

    def update(self) -> None:
        rows = self.rng.randrange(1, 9)
        self.dead += [self.next_xid] * rows
        self.unreported[self.rng.randrange(3)] += rows
        self.next_xid += 1

    def report(self) -> None:
        session = self.rng.randrange(3)
        self.counted += self.unreported[session]
        self.changes += self.unreported[session]
        self.unreported[session] = 0

    def vacuum(self) -> None:
        self.dead = [xid for xid in self.dead if xid >= self.horizon]
        self.counted = len(self.dead)
        self.vacuums += 1

    def hold(self) -> None:
        if len(self.holders) < self.rng.choice((1, 1, 2)):
            self.holders.append(self.next_xid)
            self.next_xid += 1

    def release(self) -> None:
        if self.holders and self.rng.random() < 0.2:
            self.holders.pop(self.rng.randrange(len(self.holders)))

    @property
    def horizon(self) -> int:
        return min(self.holders, default=self.next_xid)

    def answers(self, steps: int) -> Iterator[bool | None]:
        tracker = HorizonTracker()
        for step in range(steps):
            self.step()
            if step % 3 == 0:
                table = replace(OUTBOX, dead=self.counted, changes=self.changes, vacuums=self.vacuums)
                holders = sessions(*sorted(self.holders))
                yield tracker.note(NOW + step, holders, [table]).pinned.get("job_outbox")


@pytest.mark.parametrize("seed", range(8))
def test_pinned_is_never_said_of_rows_that_the_next_run_removes(seed):
    """In random histories with late counts: whenever it is said, there are dead rows that a holder keeps."""
    simulation = Simulation(random.Random(seed))
    said = 0
    for answer in simulation.answers(3000):
        if answer:
            said += 1
            assert any(xid >= simulation.horizon for xid in simulation.dead)
            assert simulation.holders
    assert said > 20
