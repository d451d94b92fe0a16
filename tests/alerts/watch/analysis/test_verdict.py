"""The verdicts of whole histories, and the messages that explain them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.watch.analysis.verdict import evaluate_watch
from alerts.watch.model.check import Baseline
from alerts.watch.model.result import Judgement
from alerts.watch.model.tick import Cause, CollectorProblem, Tick
from alerts.watch.model.watch import Verdict, Watch
from tests.alerts.watch import fixtures
from tests.alerts.watch.fixtures import DAY, HOUR, START, during, lacking, result, showing, without

MINUTE = 60.0


def verdict_on(history: list[Tick], *, duration: float = DAY, application: bool = True) -> Judgement:
    watch = fixtures.watch(duration, application=application)
    return evaluate_watch(watch, history, fixtures.START + duration, duration, final=True)


def test_a_clean_day_passes():
    """Every check passes, all of the watch was covered, and every part of the message is checked."""
    judgement = verdict_on(fixtures.ticks())
    assert judgement.verdict is Verdict.PASS, judgement.reasons
    undecided = {name for name, verdict in fixtures.verdicts(judgement).items() if verdict is None}
    assert undecided == {"processing_time_before", "oldest_job_before", "failing_jobs_before"}
    assert set(fixtures.verdicts(judgement).values()) == {Verdict.PASS, None}
    assert judgement.ratio == 1.0
    assert judgement.gaps == ()
    assert judgement.reasons == ()
    assert judgement.ticks == 1440
    assert judgement.evidence["processed jobs"] == pytest.approx(DAY - 60)
    assert all(each.expected == each.received == 1440 for each in judgement.coverage.values())


@pytest.mark.parametrize(
    ("check", "minutes", "change", "word"),
    [
        ("oldest_job", 6, showing(oldest_open_age_seconds=301), "older than 5 min"),
        ("backlog", 6, showing(backlog_jobs=1001), "exceeded 1,000 jobs"),
        ("backlog_normal", 61, showing(backlog_jobs=101), "exceeded the normal 100 jobs"),
        ("drain_time", 16, showing(backlog_jobs=101, drain_time_seconds=float("inf")), "took longer than 15 min"),
        ("head_blocked", 6, showing(head_blocked_jobs=50), "held 50 failing jobs or more"),
        ("failing_jobs", 31, showing(failure_ratio=0.11), "exceeded 10.0 %"),
        ("application_health", 6, showing(app_healthy=0), "reported itself unhealthy"),
        ("application_answers", 6, showing(app_endpoints_down=1), "gave no useful answer"),
        ("fallback_failures", 6, showing(**{"fallback_failures:increase10m": 3}), "reached 3 in 10 min"),
        ("migration", 16, showing(migration_checks_broken=1), "was broken"),
        ("outbox_readable", 6, showing(backlog_sample_age_seconds=301), "could not be read"),
        ("expired_keys", 6, showing(expired_key_age_seconds=26.1 * HOUR), "expired for more than 1 d 2 h"),
        ("retention", 61, showing(oldest_processed_age_seconds=39 * DAY), "older than 38 d"),
        ("pages", 6, lambda tick: replace(tick, firing=("OutboxHeadBlocked/page",)), "Alerts of severity page fired"),
    ],
)
def test_each_check_fails_beyond_its_budget_and_not_within(check, minutes, change, word):
    """A minute more than a stretch fails, a minute less is named and passes."""
    history = fixtures.ticks()
    failed = verdict_on(during(history, 8 * HOUR, 8 * HOUR + minutes * MINUTE, change))
    assert result(failed, check).verdict is Verdict.FAIL
    assert failed.verdict is Verdict.FAIL
    assert word in result(failed, check).reason
    assert result(failed, check).reason in failed.reasons
    assert result(failed, check).breached == pytest.approx(minutes * MINUTE)
    passed = verdict_on(during(history, 8 * HOUR, 8 * HOUR + (minutes - 2) * MINUTE, change))
    assert result(passed, check).verdict is Verdict.PASS
    assert "within its budget" in result(passed, check).reason
    assert result(passed, check).breaches[0].seconds == pytest.approx((minutes - 2) * MINUTE)


@pytest.mark.parametrize(
    ("check", "minutes", "change", "rates", "word"),
    [
        ("processing_time", 31, showing(processing_time_p95_seconds=61), {"slow": 0.3}, "exceeded 1 min"),
        ("initialisations", 6, showing(**{"fsm_failure_ratio:5m": 0.06}), {"failed": 0.5}, "exceeded 5.0 %"),
        ("initialisation_budget", 61, showing(**{"fsm_failure_ratio:6h": 0.016}), {"failed": 0.05}, "exceeded 1.5 %"),
        ("fallbacks", 11, showing(**{"fallback_activations:increase5m": 11}), {"fallbacks": 0.2}, "exceeded 10 in 5 "),
    ],
)
def test_a_breach_counts_when_outcomes_prove_it(check, minutes, change, rates, word):
    """Beyond the budget it fails, within it passes; without the outcomes it may be chance, and is no breach."""
    start, history = 8 * HOUR, fixtures.ticks()

    def judged(span: float, *, proved: bool) -> Judgement:
        shown = during(history, start, start + span * MINUTE, change)
        # The outcomes of ten minutes are enough, and signals show them later.
        return verdict_on(
            fixtures.counting(shown, start - 10 * MINUTE, start + span * MINUTE, **rates) if proved else shown
        )

    failed = judged(minutes, proved=True)
    assert result(failed, check).verdict is Verdict.FAIL
    assert word in result(failed, check).reason
    assert " In the whole watch at least " in result(failed, check).reason
    assert result(failed, check).breached == pytest.approx(minutes * MINUTE)
    within = judged(minutes - 2, proved=True)
    assert result(within, check).verdict is Verdict.PASS
    assert "within its budget" in result(within, check).reason
    by_chance = result(judged(minutes, proved=False), check)
    assert (by_chance.verdict, by_chance.breached) == (Verdict.PASS, 0)
    assert "was never proved to exceed" in by_chance.reason


def test_without_enough_outcomes_a_check_is_inconclusive():
    """However good they were: 130 initialisations in the watch, none of which failed, may be from 2 %."""

    def few(tick: Tick) -> Tick:
        counts = {"succeeded": 1000 + tick.elapsed // 660, "failed": 2.0}
        added = {f'outbox_app_fsm_initializations_total{{result="{key}"}}': value for key, value in counts.items()}
        return replace(tick, values={**tick.values, **added})

    judgement = verdict_on(during(fixtures.ticks(), 0, DAY, few))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    (reason,) = judgement.reasons
    assert reason == (
        "Not enough initialisations to exclude 1.5 %: at most 2.9 % at 95 % (0 of 130 initialisations failed); "
        "about 143 more would have been needed."
    )
    assert result(judgement, "initialisations").verdict is Verdict.PASS


def test_a_share_about_the_limit_is_inconclusive():
    """More outcomes would not exclude it. While the watch runs, the check has no verdict yet."""
    history = fixtures.counting(fixtures.ticks(), 0, DAY, failed=0.0075)
    judgement = verdict_on(history)
    assert result(judgement, "initialisation_budget").verdict is Verdict.INCONCLUSIVE
    assert result(judgement, "initialisation_budget").reason.startswith("1.5 % is not excluded: at most 2.0 % at 95 %")
    so_far = evaluate_watch(fixtures.watch(), history[:600], 0.0, 10 * HOUR, final=False)
    assert result(so_far, "initialisation_budget").verdict is None
    assert "is not excluded yet" in result(so_far, "initialisation_budget").reason
    assert "without enough evidence yet" in so_far.summary


def test_pass_states_the_bound_and_the_power():
    """In words, and as numbers: 86 of 43,256 initialisations failed."""
    found = result(verdict_on(fixtures.ticks()), "initialisations")
    assert found.reason == (
        "The failure rate of initialisations was never proved to exceed 5.0 %. "
        "At most 0.3 % at 95 % (86 of 43,256 initialisations failed); 5.7 % would have been seen."
    )
    assert found.estimate is not None
    assert (found.estimate.events, found.estimate.exposure, found.estimate.limit) == (86, 43_256, 0.05)
    assert 0.0012 < found.estimate.at_least < 86 / 43_256 < found.estimate.at_most < 0.0029


def test_fail_is_certain_at_once_and_stays():
    """While the watch runs nothing is decided but FAIL, which no later calm takes back."""
    history = during(fixtures.ticks(), HOUR, 2 * HOUR, showing(backlog_jobs=2000))
    watch = fixtures.watch()
    verdicts = []
    for minutes in (59, 64, 66, 300):
        upto = [each for each in history if each.elapsed <= minutes * MINUTE]
        verdicts.append(evaluate_watch(watch, upto, 0.0, minutes * MINUTE, final=False).verdict)
    assert verdicts == [None, None, Verdict.FAIL, Verdict.FAIL]


def test_many_short_breaches_fail_together():
    """Four minutes each hour are within every stretch and far beyond one per cent."""
    history = fixtures.ticks()
    for hour in range(24):
        history = during(history, hour * HOUR, hour * HOUR + 4 * MINUTE, showing(backlog_jobs=2000))
    judgement = verdict_on(history)
    assert result(judgement, "backlog").verdict is Verdict.FAIL
    assert result(judgement, "backlog").longest == pytest.approx(4 * MINUTE)


def test_exporter_down_for_half_is_inconclusive():
    """With the gap named, once, and the checks saying for how long they saw nothing."""
    judgement = verdict_on(without(fixtures.ticks(), 6 * HOUR, 18 * HOUR))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    (gap,) = judgement.gaps
    assert (gap.cause, gap.affects) == (Cause.EXPORTER_DOWN, ())
    assert gap.span.started_at == fixtures.START + 6 * HOUR
    assert gap.span.seconds == pytest.approx(12 * HOUR + 60)
    assert judgement.ratio == pytest.approx(0.5, abs=0.001)
    assert "could not be evaluated for 12 h" in result(judgement, "backlog").reason
    assert "exporter down" in result(judgement, "backlog").reason


def test_a_short_outage_passes_with_its_gap_named():
    """Three minutes of an unreachable database."""
    judgement = verdict_on(
        during(fixtures.ticks(), HOUR, HOUR + 3 * MINUTE, fixtures.database_unknown(Cause.UNREACHABLE))
    )
    assert judgement.verdict is Verdict.PASS, judgement.reasons
    (gap,) = judgement.gaps
    assert (gap.cause, gap.span.seconds) == (Cause.UNREACHABLE, 3 * MINUTE)
    assert "backlog" in gap.affects
    assert judgement.coverage["outbox:backlog_jobs"].received == 1440 - 3
    assert judgement.coverage["outbox:app_healthy"].received == 1440
    assert "unknown for 3 min" in result(judgement, "backlog").reason


def test_a_longer_outage_is_inconclusive_not_fail():
    """Missing samples are no failure."""
    judgement = verdict_on(during(fixtures.ticks(), HOUR, HOUR + 20 * MINUTE, fixtures.database_unknown(Cause.LOCK)))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert Verdict.FAIL not in fixtures.verdicts(judgement).values()
    assert "table locked" in result(judgement, "backlog").reason


def test_fail_beats_inconclusive():
    """Half a day of unknown results does not excuse a breach."""
    history = during(fixtures.ticks(), HOUR, 2 * HOUR, showing(backlog_jobs=2000))
    assert verdict_on(without(history, 6 * HOUR, 18 * HOUR)).verdict is Verdict.FAIL


def test_no_traffic_is_inconclusive():
    """All is well, and nothing was proved."""
    quiet = lambda tick: replace(tick, values={**tick.values, "outbox_processed_jobs_total": 7.0})  # noqa: E731
    judgement = verdict_on(during(fixtures.ticks(), 0, DAY, quiet))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.reasons == ("There were no processed jobs; at least 20 are needed.",)


def test_no_tick_at_all_is_inconclusive():
    """Argo's trap: a watch that measured nothing has not succeeded."""
    judgement = verdict_on([])
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.ratio == 0
    assert judgement.gaps[0].span.seconds == DAY


def test_a_breach_in_declared_maintenance_is_excused_and_shown():
    """The backlog may grow; the maintenance is named with its reason, and the excused time is counted."""

    def maintained(tick: Tick) -> Tick:
        return replace(
            showing(backlog_jobs=9000, oldest_open_age_seconds=HOUR)(tick),
            maintenance=True,
            maintenance_reason="rollback",
        )

    judgement = verdict_on(during(fixtures.ticks(), HOUR, 3 * HOUR, maintained))
    assert judgement.verdict is Verdict.PASS, judgement.reasons
    (maintenance,) = judgement.maintenance
    assert maintenance.reason == "rollback"
    assert maintenance.span.seconds == pytest.approx(2 * HOUR, abs=60)
    assert result(judgement, "backlog").excused == 2 * HOUR
    assert "2 h of declared maintenance are excused" in result(judgement, "backlog").reason


def test_maintenance_excuses_only_related_checks():
    """A broken migration is no backlog that grows."""

    def maintained(tick: Tick) -> Tick:
        return replace(showing(migration_checks_broken=1)(tick), maintenance=True)

    assert verdict_on(during(fixtures.ticks(), HOUR, 3 * HOUR, maintained)).verdict is Verdict.FAIL


def test_mostly_maintenance_proves_nothing():
    """A check that was excused for more than half of the watch is inconclusive."""
    judgement = verdict_on(during(fixtures.ticks(), 0, 13 * HOUR, lambda tick: replace(tick, maintenance=True)))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "could be evaluated for 11 h of 1 d only" in result(judgement, "backlog").reason


def test_maintenance_that_cannot_be_read_makes_a_breach_unknown():
    """It may be excused: no FAIL, and no PASS either."""

    def torn(tick: Tick) -> Tick:
        return replace(showing(backlog_jobs=9000)(tick), maintenance=None)

    judgement = verdict_on(during(fixtures.ticks(), HOUR, 3 * HOUR, torn))
    assert result(judgement, "backlog").verdict is Verdict.INCONCLUSIVE
    assert judgement.verdict is Verdict.INCONCLUSIVE


def test_without_an_application_its_checks_do_not_apply():
    """They are named as not evaluated, and the others decide."""
    gone = [name for name, collectors in fixtures.watch().sources.items() if "application" in collectors]
    judgement = verdict_on(during(fixtures.ticks(), 0, DAY, lacking(*gone)), application=False)
    assert judgement.verdict is Verdict.PASS, judgement.reasons
    assert result(judgement, "application_health").verdict is None
    assert result(judgement, "application_health").reason == "Not checked: no application is configured."


def test_an_application_without_values_is_inconclusive():
    """One endpoint short of fields for a day is not a healthy application."""
    partial = CollectorProblem("application", Cause.APPLICATION, stale=False)
    history = [replace(lacking("outbox:app_healthy")(tick), problems=(partial,)) for tick in fixtures.ticks()]
    judgement = verdict_on(history)
    assert result(judgement, "application_health").verdict is Verdict.INCONCLUSIVE
    assert judgement.verdict is Verdict.INCONCLUSIVE


def test_values_that_may_be_absent_pass():
    """An empty outbox has no oldest job, a quiet hour no failure ratio."""
    empty = lacking("outbox:oldest_open_age_seconds", "outbox:failure_ratio", "outbox:drain_time_seconds")
    calm = lambda tick: showing(backlog_jobs=0)(empty(tick))  # noqa: E731
    assert verdict_on(during(fixtures.ticks(), HOUR, 20 * HOUR, calm)).verdict is Verdict.PASS


def test_stopped_early_is_never_a_pass():
    """However clean it was."""
    watch = replace(fixtures.watch(), stopped="by hand")
    judgement = evaluate_watch(watch, fixtures.ticks(23 * HOUR), fixtures.START + 23 * HOUR, 23 * HOUR, final=True)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "stopped after 23 h of 1 d (by hand)" in judgement.summary


def test_alerts_are_listed_with_their_times():
    """From their first tick to the first without them; an alert that still fires is open."""
    fires = lambda tick: replace(tick, firing=("OutboxJobsExhausted/ticket",))  # noqa: E731
    history = during(during(fixtures.ticks(), HOUR, 2 * HOUR, fires), 23 * HOUR, DAY, fires)
    first, second = verdict_on(history).alerts
    assert (first.span.started, first.span.seconds, first.open) == (HOUR + 60, HOUR, False)
    assert second.open


def test_an_alert_that_is_held_is_not_known_to_fire():
    """Its signal is unknown: the stretch is unknown for the pages, and shown all the same."""
    held = lambda tick: replace(tick, held=("OutboxStalled/page",))  # noqa: E731
    judgement = verdict_on(during(fixtures.ticks(), HOUR, HOUR + 20 * MINUTE, held))
    assert result(judgement, "pages").verdict is Verdict.INCONCLUSIVE
    assert judgement.alerts[0].rule == "OutboxStalled/page"


def test_the_application_restarting_is_noticed():
    """Its counters begin anew: once in declared maintenance, once not."""

    def anew(at: float):
        def change(tick: Tick) -> Tick:
            names = [name for name in tick.values if name.startswith("outbox_app_")]
            counts = {name: 0.0 if "failed" in name or "fallback" in name else tick.elapsed - at for name in names}
            return replace(tick, values={**tick.values, **counts})

        return change

    history = during(fixtures.ticks(), HOUR, DAY, anew(HOUR))
    history = during(history, 5 * HOUR, DAY, anew(5 * HOUR))
    history = during(history, 5 * HOUR, 6 * HOUR, lambda tick: replace(tick, maintenance=True))
    judgement = verdict_on(history)
    assert [(each.elapsed, each.explained) for each in judgement.restarts] == [
        (HOUR + 60, False),
        (5 * HOUR + 60, True),
    ]
    assert judgement.verdict is Verdict.PASS


def test_the_worst_value_is_listed_with_its_time():
    """The first of equal ones; for a limit from below, the lowest. No number of processed jobs is a bad one."""
    history = during(fixtures.ticks(), HOUR, HOUR + 60, showing(backlog_jobs=900, app_healthy=0.5))
    history = during(history, 2 * HOUR, 3 * HOUR, showing(backlog_jobs=950, app_healthy=0))
    history = during(history, 4 * HOUR, 4 * HOUR + 60, showing(backlog_jobs=10, app_healthy=1))
    judgement = verdict_on(history)
    backlog, health = result(judgement, "backlog"), result(judgement, "application_health")
    assert (backlog.worst, backlog.worst_at) == (950, fixtures.START + 2 * HOUR + 60)
    assert (health.worst, health.worst_at) == (0, fixtures.START + 2 * HOUR + 60)
    assert (result(judgement, "traffic").check.signal, result(judgement, "traffic").worst) == (
        "outbox:completions_per_second",
        None,
    )


def test_reasons_are_the_most_severe_first():
    """FAIL, INCONCLUSIVE, then breaches within a budget; each once, and no check that passed without any."""
    history = during(fixtures.ticks(), HOUR, 2 * HOUR, showing(backlog_jobs=2000))
    history = during(history, 3 * HOUR, 4 * HOUR, fixtures.collector_unknown("application", Cause.APPLICATION))
    judgement = verdict_on(history)
    verdicts = [each.verdict for each in judgement.results]
    backlog, normal = result(judgement, "backlog"), result(judgement, "backlog_normal")
    assert (backlog.verdict, normal.verdict) == (Verdict.FAIL, Verdict.PASS)
    assert judgement.reasons[0] == backlog.reason
    assert judgement.reasons[-1] == normal.reason
    assert len(judgement.reasons) == 2 + verdicts.count(Verdict.INCONCLUSIVE)


@pytest.mark.parametrize(("hours", "verdict"), [(12, Verdict.PASS), (12.05, Verdict.INCONCLUSIVE)])
def test_half_of_the_watch_has_to_be_known(hours, verdict):
    """The rest may be excused."""
    judgement = verdict_on(during(fixtures.ticks(), 0, hours * HOUR, lambda tick: replace(tick, maintenance=True)))
    assert result(judgement, "backlog").verdict is verdict


@pytest.mark.parametrize(("step", "verdict"), [(0.9, Verdict.FAIL), (1.0, Verdict.INCONCLUSIVE)])
def test_a_clock_step_of_a_second_makes_ages_uncertain(step, verdict):
    """A smaller one may be slewing."""
    history = fixtures.ticks()
    history[0] = replace(history[0], step=step)
    old = showing(oldest_open_age_seconds=300.5)
    judgement = verdict_on(during(history, HOUR, HOUR + 6 * MINUTE, old))
    assert result(judgement, "oldest_job").verdict is verdict


def compared(seconds: float) -> Watch:
    """A watch whose baseline of the processing time is this on every earlier day."""
    baseline = Baseline((seconds,) * 24, 7, same_weekday=False, shift=0.0, spread=0.1)
    checks = fixtures.watch().checks
    return replace(
        fixtures.watch(),
        checks=tuple(
            replace(each, baseline=baseline) if each.name == "processing_time_before" else each for each in checks
        ),
    )


def test_worse_than_before_fails():
    """Although every limit is met: 50 s where 5 s were usual."""
    history = during(fixtures.ticks(), 0, DAY, showing(processing_time_p95_seconds=50.0))
    judgement = evaluate_watch(compared(5.0), history, START + DAY, DAY, final=True)
    assert judgement.verdict is Verdict.FAIL
    assert judgement.reasons == (
        (
            "The processing time of the slowest twentieth was higher than before: +225 % against the same hours of "
            "7 earlier days, at least +164 % and at most +300 %, each at 95 %; tolerance 50.0 %."
        ),
    )
    assert result(judgement, "processing_time_before").word == "FAIL"


def test_no_worse_than_before_passes():
    """And a watch without a baseline, or with one that proves nothing, is decided by the other checks."""
    judgement = evaluate_watch(compared(2.5), fixtures.ticks(), START + DAY, DAY, final=True)
    assert (judgement.verdict, result(judgement, "processing_time_before").verdict) == (Verdict.PASS, Verdict.PASS)
    history = during(fixtures.ticks(), 0, DAY, showing(processing_time_p95_seconds=15.0))
    judgement = evaluate_watch(compared(5.0), history, START + DAY, DAY, final=True)
    assert (judgement.verdict, result(judgement, "processing_time_before").verdict) == (Verdict.PASS, None)
    assert "cannot be told from before: +50 %" in result(judgement, "processing_time_before").reason
    without = result(judgement, "failing_jobs_before")
    assert (without.verdict, without.word) == (None, "no baseline")
    assert without.reason == "No baseline: there was none when the watch began."


def test_it_is_compared_at_the_end_alone():
    """Not while it runs, and not when it was stopped: repeated looks would find a difference by chance."""
    history = during(fixtures.ticks(), 0, DAY, showing(processing_time_p95_seconds=50.0))
    early = evaluate_watch(compared(5.0), history[:-1], START + DAY - 60, DAY - 60, final=False)
    assert (early.verdict, result(early, "processing_time_before").verdict) == (None, None)
    assert "it is compared at the end of the watch" in result(early, "processing_time_before").reason
    stopped = replace(compared(5.0), stopped="by hand")
    judgement = evaluate_watch(stopped, history, START + DAY, DAY, final=True)
    assert result(judgement, "processing_time_before").verdict is None
