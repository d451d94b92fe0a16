"""Each kind of change, and what is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.watch.model.change import Change, KnownState
from alerts.watch.model.tick import Cause, CollectorProblem, Tick
from alerts.watch.runtime.change_detector import ChangeDetector, Observation
from exporter.core.errors import Reason
from exporter.metrics.readings import CollectorFailure, DatabaseServer, ServerStart
from exporter.metrics.snapshot import CollectorState, CollectorTarget
from tests.alerts.watch.fixtures import START

APP = "outbox_app_processed_jobs_total"
AGE = "sample_age:application"


def tick(t: float, **more: object) -> Tick:
    return replace(Tick(START + t, t, 1, 15.0, {}), **more)  # type: ignore[arg-type] # fields by name


def detector(*ticks: Tick) -> ChangeDetector:
    return ChangeDetector(KnownState("1"), ticks or (tick(0.0),))


def seen(changes: tuple[Change, ...]) -> list[tuple[str, str, float, float]]:
    assert all(each.at == START + each.latest for each in changes)
    return [(each.kind.value, each.text, each.earliest, each.latest) for each in changes]


def server(
    started: float, ago: float, address: str | None = "a:5432", *, standby: bool = False, age: float = 0.0
) -> Observation:
    return Observation(DatabaseServer(standby, address, start=ServerStart(started, ago)), age)


def test_nothing_changes():
    """Whatever is seen again, or for the first time."""
    found = detector()
    for number in range(1, 4):
        observation = replace(server(500.0, 100.0 + 15 * number), definitions={"table a": 1})
        at = tick(15.0 * number, values={APP: 5.0 * number, AGE: 1.0}, maintenance=False)
        assert found.detect(at, observation) == ()


def test_clock_steps():
    """Between the tick before and this one."""
    assert seen(detector().detect(tick(15.0, step=-3600.0), Observation())) == [
        ("clock_step", "the clock was set by -3600 s", 0.0, 15.0)
    ]


def test_the_application_is_restarted():
    """Between the last sample before its counters were reset and the first one after it, however long that was."""
    found = detector(tick(0.0, values={APP: 50.0, AGE: 4.0}))
    assert found.detect(tick(15.0), Observation()) == ()
    assert seen(found.detect(tick(30.0, values={APP: 3.0, AGE: 2.0}), Observation())) == [
        ("application_restart", f"the application was restarted ({APP} was reset)", -4.0, 28.0)
    ]
    assert found.detect(tick(45.0, values={APP: 4.0, AGE: 2.0}), Observation()) == ()


def test_locks():
    """Once for as long as any lasts."""
    locked = tick(15.0, problems=(CollectorProblem("backlog", Cause.LOCK, stale=True),))
    found = detector()
    assert seen(found.detect(locked, Observation())) == [
        ("lock", "a lock on a table made samples fail (backlog)", 0.0, 15.0)
    ]
    assert found.detect(replace(locked, elapsed=30.0), Observation()) == ()
    other = tick(45.0, problems=(CollectorProblem("backlog", Cause.TIMEOUT, stale=True),))
    assert found.detect(other, Observation()) == ()


def test_maintenance():
    """Its begin and its end; a declaration that cannot be read is neither."""
    found = detector()
    declared = tick(15.0, maintenance=True, maintenance_reason="drill")
    assert seen(found.detect(declared, Observation())) == [
        ("maintenance", "maintenance was declared (drill)", 0.0, 15.0)
    ]
    assert seen(found.detect(tick(30.0), Observation())) == [("maintenance", "declared maintenance ended", 15.0, 30.0)]
    for state in (None, False, None, True):
        assert found.detect(tick(45.0, maintenance=state), Observation()) == ()


def test_the_server_is_restarted():
    """At its start, which it tells itself; its clock may be any."""
    found = detector()
    found.detect(tick(15.0), server(500.0, 3600.0, age=2.0))
    assert found.detect(tick(30.0), Observation()) == ()
    assert seen(found.detect(tick(60.0), server(9_999.0, 12.0, age=3.0))) == [
        ("server_restart", "PostgreSQL was restarted", 45.0, 45.0)
    ]


def test_a_restart_is_not_before_the_last_answer():
    """Where the clocks disagree by less than a second."""
    found = detector()
    found.detect(tick(15.0), server(500.0, 3600.0))
    assert seen(found.detect(tick(30.0), server(510.0, 15.5)))[0][2:] == (15.0, 15.0)


@pytest.mark.parametrize(
    ("after", "text"),
    [
        (server(510.0, 5.0, "b:5432"), "primary b:5432 answers instead of primary a:5432"),
        (server(490.0, 3600.0), "primary a:5432 answers instead of primary a:5432"),  # one that ran before
        (server(510.0, 5.0, standby=True), "standby a:5432 answers instead of primary a:5432"),
    ],
)
def test_another_server_answers(after, text):
    """Another address or role, or a start before the last answer of the other one."""
    found = detector()
    found.detect(tick(15.0), server(500.0, 3600.0))
    assert seen(found.detect(tick(30.0), after)) == [("failover", text, 15.0, 30.0)]


def test_a_standby_is_promoted():
    """The same server, no longer in recovery. Another address of the same server is no change."""
    found = detector()
    found.detect(tick(15.0), server(500.0, 3600.0, standby=True))
    assert found.detect(tick(30.0), server(500.0, 3615.0, "[::1]:5432", standby=True)) == ()
    assert seen(found.detect(tick(45.0), server(500.0, 3630.0))) == [
        ("failover", "the standby was promoted to primary", 30.0, 45.0)
    ]


def definitions(age: float = 0.0, **objects: int) -> Observation:
    return Observation(definitions=objects, definitions_age=age)


def test_definitions_and_settings():
    """Between two samples of the catalogue, with the names of what differs."""
    found = detector()
    before = {"table a": 1, "index b": 2, "setting work_mem": 3}
    after = {"table a": 9, "function f()": 4, "setting work_mem": 5, "setting port": 6}
    assert found.detect(tick(15.0), definitions(5.0, **before)) == ()
    assert seen(found.detect(tick(600.0), definitions(8.0, **after))) == [
        ("definition", "definitions changed: function f() created, index b dropped, table a changed", 10.0, 592.0),
        ("setting", "server settings changed: port, work_mem", 10.0, 592.0),
    ]
    many = {f"index {number}": 1 for number in range(7)}
    text = seen(found.detect(tick(700.0), definitions(**after, **many)))[0][1]
    assert text.endswith("index 4 created and 2 more")


def test_another_version_prints_definitions_differently():
    """Of the server: only that is named."""
    found = detector()
    found.detect(tick(15.0), definitions(**{"the server's version": 150001, "table a": 1}))
    changed = found.detect(tick(30.0), definitions(**{"the server's version": 160001, "table a": 2}))
    assert [each[:2] for each in seen(changed)] == [("setting", "the server's version changed")]


def test_a_stored_state_is_gone_on_with():
    """A change while no exporter ran is noticed."""
    first = detector()
    first.detect(tick(15.0), replace(server(500.0, 3600.0), definitions={"table a": 1}))
    later = ChangeDetector(first.known, (tick(15.0),))
    observation = replace(server(520.0, 100.0), definitions={"table a": 2})
    assert [(kind, earliest, latest) for kind, _, earliest, latest in seen(later.detect(tick(600.0), observation))] == [
        ("server_restart", 500.0, 500.0),
        ("definition", 15.0, 600.0),
    ]


def test_the_observation():
    """Of the last server that answered, and of the collector with definitions; none while nobody answers."""
    answered = DatabaseServer(in_recovery=False, address="a:5432", start=ServerStart(500.0, 60.0))
    backlog = CollectorState("backlog", CollectorTarget.DATABASE, 15.0, server=answered, answered=95.0, succeeded=95.0)
    migration = CollectorState(
        "migration", CollectorTarget.CATALOGUE, 300.0, definitions={"table a": 1}, succeeded=70.0
    )
    found = Observation.of((backlog, migration), 100.0)
    assert (found.server, found.server_age, found.definitions, found.definitions_age) == (
        answered,
        5,
        {"table a": 1},
        30,
    )
    refused = replace(backlog, problems=(CollectorFailure(Reason.CONNECTION, "x"),), unreachable=98.0)
    assert Observation.of((refused, migration), 100.0).server is None
    assert Observation.of((), 100.0) == Observation()
