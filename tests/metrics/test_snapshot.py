"""The snapshot: the latest result of each collector, and when it expires."""

import threading
from dataclasses import replace

import pytest

from exporter.core.errors import APPLICATION_REASONS, DATABASE_REASONS, Reason
from exporter.metrics import catalogue
from exporter.metrics.readings import (
    CollectorFailure,
    CollectorNotice,
    CollectorOutcome,
    CollectorRun,
    DatabaseServer,
    Reading,
)
from exporter.metrics.snapshot import (
    CollectorState,
    CollectorTarget,
    SnapshotStore,
    database_up,
    latest_server,
)

BACKLOG = CollectorState("backlog", CollectorTarget.DATABASE, interval=15)
EVENTS = CollectorState("events", CollectorTarget.DATABASE, interval=15)
APPLICATION = CollectorState("application", CollectorTarget.APPLICATION, interval=15)
READINGS = (Reading(catalogue.HEAD_BLOCKED_JOBS, 3),)


def success(finished: float, collector: str = "backlog") -> CollectorRun:
    return CollectorRun(
        collector, CollectorOutcome(READINGS), finished_at=1_763_000_000 + finished, finished=finished, duration=0.01
    )


def failure(finished: float, reason: Reason, collector: str = "backlog") -> CollectorRun:
    outcome = CollectorOutcome(failures=(CollectorFailure(reason, "what, where, what to do"),))
    return CollectorRun(collector, outcome, finished_at=1_763_000_000 + finished, finished=finished, duration=0.5)


def test_a_target_fails_in_its_own_ways():
    """The zero-filled failure reasons are those that asking this target can have."""
    assert CollectorTarget.DATABASE.reasons == DATABASE_REASONS
    assert CollectorTarget.APPLICATION.reasons == APPLICATION_REASONS


def test_nothing_is_known_before_the_first_run():
    """No reading is fresh, nothing was counted, nothing has a time."""
    assert not BACKLOG.fresh(0)
    assert (BACKLOG.runs, BACKLOG.skipped, BACKLOG.failures, BACKLOG.success) == (0, 0, {}, None)
    assert (BACKLOG.duration, BACKLOG.succeeded_at, BACKLOG.expires) == (None, None, None)


def test_a_result_expires_after_three_intervals():
    """It is fresh up to and including its last moment, and never after."""
    state = BACKLOG.after(success(100), interval=15)
    assert state.readings == READINGS
    assert state.fresh(100)
    assert state.fresh(100 + 3 * 15)
    assert not state.fresh(100 + 3 * 15 + 0.001)


def test_a_result_outlives_its_renewal_by_three_sampling_intervals():
    """However long the collector's own interval is: the renewal is due that long after the start of the run."""
    state = BACKLOG.after(success(100), interval=600, step=15)
    assert state.interval == 600
    due = 100 - 0.01 + 600
    assert state.fresh(due + 45)
    assert not state.fresh(due + 45.001)


def test_a_result_expires_after_three_of_its_own_intervals():
    """They are shorter where the collector runs at the sampling interval."""
    assert BACKLOG.after(success(100), interval=15, step=15).expires == 145
    assert BACKLOG.after(success(100), interval=24, step=15).expires == pytest.approx(100 - 0.01 + 24 + 45)


def test_what_is_not_known_any_more_is_not_shown():
    """A success without a reading replaces the readings before it, and is one."""
    nothing = CollectorRun("backlog", CollectorOutcome(), finished_at=1_763_000_115, finished=115, duration=0.01)
    state = BACKLOG.after(success(100), interval=15).after(nothing, interval=15)
    assert state.readings == ()
    assert (state.success, state.expires) == (True, 160)


def test_a_failed_renewal_ends_a_long_life():
    """A collector of ten minutes that fails: its old result goes three sampling intervals later."""
    state = EVENTS.after(success(100, "events"), 600, 15)
    failed = state.after(failure(400, Reason.CONNECTION, "events"), 15, 15)
    assert failed.readings == READINGS
    assert failed.expires == 445
    assert failed.after(failure(415, Reason.CONNECTION, "events"), 15, 15).expires == 445


def test_the_store_has_the_sampling_interval():
    """The time-to-live of its readings follows it."""
    store = SnapshotStore([EVENTS], step=2)
    store.record(success(100, "events"), 600)
    assert store.state_of("events").expires == pytest.approx(100 - 0.01 + 600 + 6)
    store.record(failure(101, Reason.TIMEOUT, "events"), 600)
    assert store.state_of("events").expires == 107


def test_the_last_result_expires_at_its_own_time_after_a_failure():
    """Failing adds no life and takes none: the series vanish when they always would have."""
    state = BACKLOG.after(success(100), 15).after(failure(115, Reason.LOCK), 15)
    assert state.readings == READINGS
    assert state.expires == 145
    assert state.success is False
    assert state.failures == {Reason.LOCK: 1}
    assert state.problems[0].reason is Reason.LOCK
    assert state.succeeded_at == 1_763_000_100
    assert state.duration == 0.5


def test_notices_and_unknown_values_belong_to_the_readings():
    """A run without readings keeps those of the last one, as it keeps its readings; one with readings replaces them."""
    notice = CollectorNotice("job_outbox", "what somebody should know")
    unknown = {catalogue.PROCESSED_JOBS: "nobody counts"}
    noticing = replace(success(100), outcome=CollectorOutcome(READINGS, notices=(notice,), unknown=unknown))
    state = BACKLOG.after(noticing, interval=15)
    failed, renewed = state.after(failure(115, Reason.LOCK), interval=15), state.after(success(115), interval=15)
    assert (failed.notices, failed.unknown) == ((notice,), unknown)
    assert (renewed.notices, renewed.unknown) == ((), {})


def test_a_success_clears_problems_and_keeps_counts():
    """Earlier failures stay counted; there are no present problems."""
    state = BACKLOG.after(failure(100, Reason.LOCK), 15).after(failure(115, Reason.LOCK), 15).after(success(130), 15)
    assert state.problems == ()
    assert state.success is True
    assert state.failures == {Reason.LOCK: 2}
    assert state.runs == 3


def test_a_partial_result_is_shown_and_is_no_success():
    """One dead endpoint does not spoil the others, and the run did fail."""
    outcome = CollectorOutcome(READINGS, (CollectorFailure(Reason.HTTP, "getFSM answered 500"),))
    state = APPLICATION.after(CollectorRun("application", outcome, 1_763_000_100, 100, 0.2), 15)
    assert state.fresh(101)
    assert state.success is False
    assert state.succeeded_at is None


def test_failures_are_counted_one_by_one():
    """A run that failed in two ways counts in both, and each time."""
    outcome = CollectorOutcome(
        failures=(
            CollectorFailure(Reason.HTTP, "a"),
            CollectorFailure(Reason.PAYLOAD, "b"),
            CollectorFailure(Reason.HTTP, "c"),
        )
    )
    state = APPLICATION.after(CollectorRun("application", outcome, 1_763_000_100, 100, 0.2), 15)
    assert state.failures == {Reason.HTTP: 2, Reason.PAYLOAD: 1}


def test_the_database_is_down_before_the_first_success():
    """Nothing proved, nothing up; and the application cannot prove it."""
    assert not database_up([BACKLOG, EVENTS], 0)
    assert not database_up([BACKLOG, APPLICATION.after(success(100, "application"), 15)], 101)


def test_the_database_is_up_while_one_sample_is_fresh():
    """A lock on one table is that collector's failure, not the database's."""
    locked, fine = BACKLOG.after(failure(101, Reason.LOCK), 15), EVENTS.after(success(100, "events"), 15)
    assert database_up([locked, fine], 102)
    assert not database_up([locked, fine], 100 + 3 * 15 + 1)


@pytest.mark.parametrize("reason", [Reason.CONNECTION, Reason.AUTHENTICATION])
def test_an_unreachable_database_is_down_at_once(reason):
    """As one that refuses the login. Older results may still be published; `up` may not."""
    fine = EVENTS.after(success(100, "events"), 15)
    gone = BACKLOG.after(failure(101, reason), 15)
    assert not database_up([fine, gone], 102)
    assert fine.fresh(102)


def test_the_database_is_up_again_with_the_first_success():
    """One sample proves it, whichever collector it is of."""
    gone = BACKLOG.after(failure(101, Reason.CONNECTION), 15)
    assert database_up([gone, EVENTS.after(success(103, "events"), 15)], 104)
    assert database_up([gone.after(success(105), 15), EVENTS], 106)


@pytest.mark.parametrize("reason", [Reason.RLS, Reason.PERMISSION, Reason.SCHEMA, Reason.TIMEOUT, Reason.INTERNAL])
def test_a_database_that_never_gave_a_number_is_not_up(reason):
    """`up` means that a sample succeeded, not that a server answered."""
    assert not database_up([BACKLOG.after(failure(100, reason), 15)], 101)


MIGRATION = CollectorState("migration", CollectorTarget.CATALOGUE, interval=300)


def test_an_outage_expires_readings_that_are_not_due():
    """With the database unreachable, each result of it goes three sampling intervals later; the rest stays."""
    store = SnapshotStore([BACKLOG, EVENTS, MIGRATION, APPLICATION], step=15)
    for state in store.states():
        store.record(success(100, state.name), 600)
    store.record(failure(160, Reason.CONNECTION), 15)
    store.record(failure(175, Reason.CONNECTION), 15)
    assert [state.name for state in store.states() if state.fresh(205)] == [
        "backlog",
        "events",
        "migration",
        "application",
    ]
    assert [state.name for state in store.states() if state.fresh(205.001)] == ["application"]


def test_readings_from_a_file_survive_an_outage():
    """A declared maintenance is in a file, which can be read without the database and does not depend on it."""
    ledger = CollectorState("maintenance", CollectorTarget.STATE_FILE, 15)
    store = SnapshotStore([BACKLOG, ledger, EVENTS], step=15)
    for state in store.states():
        store.record(success(100, state.name), 600)
    store.record(failure(160, Reason.CONNECTION), 15)
    store.record(success(161, "maintenance"), 15)
    assert [state.name for state in store.states() if state.fresh(206)] == ["maintenance"]


def test_a_short_outage_costs_no_result():
    """Readings that are not due return, or stay, once one sample succeeds: their next run is minutes away."""
    store = SnapshotStore([BACKLOG, EVENTS], step=15)
    for name in ("backlog", "events"):
        store.record(success(100, name), 600)
    store.record(failure(160, Reason.CONNECTION), 15)
    assert not store.state_of("events").fresh(210)
    store.record(success(211), 15)
    assert store.state_of("events").fresh(212)
    store.record(failure(226, Reason.CONNECTION), 15)
    assert store.state_of("events").fresh(271)
    assert not store.state_of("events").fresh(271.001)


@pytest.mark.parametrize("reason", [Reason.LOCK, Reason.TIMEOUT, Reason.SCHEMA, Reason.PERMISSION])
def test_a_failure_of_one_table_expires_no_other_reading(reason):
    """The others are not due, and could be renewed."""
    store = SnapshotStore([BACKLOG, EVENTS], step=15)
    for name in ("backlog", "events"):
        store.record(success(100, name), 600)
    store.record(failure(160, reason), 15)
    assert store.state_of("events").fresh(700)
    assert not store.state_of("backlog").fresh(206)


def test_the_store_keeps_the_order_of_its_collectors():
    """However runs finish."""
    store = SnapshotStore([BACKLOG, EVENTS, APPLICATION])
    store.record(success(100, "events"), 15)
    assert [state.name for state in store.states()] == ["backlog", "events", "application"]


def test_recording_answers_with_the_state_before():
    """So that the caller can distinguish a change from more of the same."""
    store = SnapshotStore([BACKLOG])
    assert store.record(success(100), 15).success is None
    assert store.record(failure(115, Reason.LOCK), 30).success is True
    assert store.states()[0].interval == 30


def test_states_that_were_handed_out_never_change():
    """A scrape under way sees one moment."""
    store = SnapshotStore([BACKLOG])
    before = store.states()
    store.record(success(100), 15)
    store.skip("backlog")
    assert before == (BACKLOG,)
    assert store.states()[0].skipped == 1


def test_an_unknown_collector_is_a_bug():
    """The board does not invent collectors."""
    with pytest.raises(KeyError):
        SnapshotStore([BACKLOG]).skip("backlogg")


def test_no_note_is_lost_between_threads():
    """Skips and runs of many threads all count."""
    store = SnapshotStore([BACKLOG])

    def note() -> None:
        for number in range(200):
            store.record(success(number), 15)
            store.skip("backlog")

    threads = [threading.Thread(target=note) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (state,) = store.states()
    assert (state.runs, state.skipped) == (1600, 1600)


PRIMARY = DatabaseServer(in_recovery=False, address="10.0.0.7:5432")
STANDBY = DatabaseServer(in_recovery=True, address="10.0.0.8:5432", lag=3.5)


def answered(
    finished: float, server: DatabaseServer, reason: Reason | None = None, collector: str = "backlog"
) -> CollectorRun:
    """A run that this server answered, well or not."""
    failures = (CollectorFailure(reason, "why"),) if reason else ()
    outcome = CollectorOutcome(() if reason else READINGS, failures, server=server)
    return CollectorRun(collector, outcome, finished_at=1_763_000_000 + finished, finished=finished, duration=0.01)


def test_a_standby_that_is_too_far_behind_counts_as_down():
    """At once, as without a server; and up again with the first success afterwards."""
    fine = EVENTS.after(success(100, "events"), 15)
    stale = BACKLOG.after(answered(101, STANDBY, Reason.STALE), 15)
    assert not database_up([fine, stale], 102)
    assert database_up([fine, stale.after(answered(103, PRIMARY), 15)], 104)


def test_the_server_is_the_one_that_answered_last():
    """Whether it was sampled or not; not for longer than a result lives, and not after one that did not answer."""
    assert latest_server([BACKLOG, EVENTS, APPLICATION], 100) is None
    first = BACKLOG.after(answered(100, PRIMARY), 15)
    assert latest_server([first, EVENTS], 101) == PRIMARY
    stale = EVENTS.after(answered(102, STANDBY, Reason.STALE, "events"), 15)
    assert latest_server([first, stale], 103) == STANDBY
    assert latest_server([first, stale], 102 + 3 * 15) == STANDBY
    assert latest_server([first, stale], 102 + 3 * 15 + 0.001) is None
    gone = first.after(failure(104, Reason.CONNECTION), 15)
    assert latest_server([gone, stale], 105) is None
    refused = first.after(failure(104, Reason.AUTHENTICATION), 15)
    assert latest_server([refused, stale], 105) is None
    assert gone.server == PRIMARY  # whose readings are still there
    locked = first.after(failure(104, Reason.LOCK), 15)
    assert latest_server([locked, stale], 105) == STANDBY


def test_cost_is_that_of_the_latest_four_successes():
    """Fewer are chance, more have forgotten how it is now; a failure counts for nothing."""
    state = BACKLOG
    for cost in (1.0, 2.0, 3.0, 4.0, 5.0):
        state = state.after(CollectorRun("backlog", CollectorOutcome(), 1e9, 100.0, cost), 15)
    assert state.costs == (2.0, 3.0, 4.0, 5.0)
    failed = CollectorOutcome(failures=(CollectorFailure(Reason.LOCK, "locked"),))
    assert state.after(CollectorRun("backlog", failed, 1e9, 100.0, 9.0), 15).costs == (2.0, 3.0, 4.0, 5.0)
    assert state.costs_with(CollectorRun("backlog", CollectorOutcome(), 1e9, 100.0, 6.0)) == (3.0, 4.0, 5.0, 6.0)


def test_default_step_is_the_default_sampling_interval():
    """A result every 300 s expires 45 s after its renewal was due."""
    readings = (Reading(catalogue.HEAD_BLOCKED_JOBS, 1),)
    state = BACKLOG.after(CollectorRun("backlog", CollectorOutcome(readings), 1e9, 100.0, 0.0), 300)
    assert (state.fresh(445.0), state.fresh(445.001)) == (True, False)


def test_success_at_the_moment_of_an_outage_does_not_outweigh_it():
    """Only a success after it proves that the database is back."""
    readings = (Reading(catalogue.HEAD_BLOCKED_JOBS, 1),)
    up = BACKLOG.after(CollectorRun("backlog", CollectorOutcome(readings), 1e9, 100.0, 0.0), 15)
    gone = replace(BACKLOG, name="events", unreachable=100.0)
    assert not database_up([up, gone], 101.0)
    assert database_up([up, replace(gone, unreachable=99.9)], 101.0)


def test_reasons_of_a_target_that_is_not_the_application():
    """The catalogue and the state file fail as the database does; the application has reasons of its own."""
    assert Reason.HTTP in CollectorTarget.APPLICATION.reasons
    assert all(Reason.RLS in target.reasons for target in CollectorTarget if target is not CollectorTarget.APPLICATION)
