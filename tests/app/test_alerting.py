"""What alerting shows of its rules, and which expressions the open watch keeps."""

from dataclasses import replace

from alerts.watch.clock import WatchTime
from alerts.watch.runtime.watch_manager import WatchFactory
from alerts.watch.store.history import History
from exporter.app.alerting import Alerting, SampleSource, check_parameters, trends
from exporter.app.status import FiveSignals
from exporter.config.settings import CheckCondition, CheckDefinition, Config, WatchCheck, WatchSettings
from tests.alerts.evaluation.test_rule_manager import Outbox, manager_of
from tests.alerts.faulty import poisoned


def test_the_open_watch_keeps_its_expressions(tmp_path):
    """Over a restart and a reload, whatever the configuration has become; a closed watch needs none."""
    when = (CheckCondition(expr="outbox_queue_pending_jobs", comparison="above", limit="5"),)
    own = WatchCheck("imports", definition=CheckDefinition("Imports", when))
    first = Config(watch=WatchSettings(state_dir=tmp_path, checks=(own, WatchCheck("traffic", advisory=True))))
    parameters = check_parameters(first)
    watch = WatchFactory(parameters, 15.0, "1").watch(1, "manual", WatchTime(1.0, 1.0, "boot"), 0.0)
    expression = "max(outbox_queue_pending_jobs)"
    assert (watch.checks[-1].signal, watch.checks[0].advisory) == (expression, True)
    assert watch.sources[expression] == ("backlog",)
    later = Config(watch=WatchSettings(state_dir=tmp_path))
    for stored, known in ((watch, True), (replace(watch, closed_at=2.0), False)):
        with History.writer(tmp_path) as history:
            history.put(1, stored)
        policy = check_parameters(later).policy
        assert (expression in [signal.record for signal in policy.signals]) is known
        assert all(
            check.name != "imports"
            for check in WatchFactory(check_parameters(later), 15.0, "1")
            .watch(2, "manual", WatchTime(1.0, 1.0, "boot"), 0.0)
            .checks
        )


def test_an_alert_says_when_it_fires_and_what_mutes_it(tmp_path):
    """The for-duration of its rule, and the alert that mutes it."""
    config = Config(watch=WatchSettings(state_dir=tmp_path))
    alerting = Alerting(config, SampleSource(lambda _: (), lambda: ()), 0.0, "0.1.0")
    alerting.rule_manager = manager_of(Outbox(poisoned), tmp_path)
    assert alerting.status()["alerts"] is None
    for _ in range(60):
        alerting.rule_manager.evaluate()
    alerts = {(each["alert"], each["severity"]): each for each in alerting.status()["alerts"] or ()}
    stalled, head = alerts["OutboxStalled", "page"], alerts["OutboxHeadBlocked", "page"]
    assert (stalled["state"], stalled["muted"], stalled["muted_by"]) == ("firing", True, "OutboxHeadBlocked")
    assert (head["muted"], head["muted_by"], head["hold_seconds"]) == (False, None, 60)


def test_trends_keep_the_unknown():
    """A signal that was unknown at a moment has no value there; one look alone is no trend."""
    one: FiveSignals = {
        "backlog": 3.0,
        "oldest_pending_age_seconds": None,
        "processing_time_avg_seconds": None,
        "events_last_hour": {"API": 2.0, "QUEUE": 0.0},
        "idempotency_keys": 7.0,
        "failure_ratio": 0.0,
    }
    partly_unknown: FiveSignals = {**one, "backlog": None, "events_last_hour": None}
    assert trends([(1.0, one)]) == {}
    drawn = trends([(1.0, one), (2.0, partly_unknown)])
    assert drawn["backlog"] == [(1.0, 3.0), (2.0, None)]
    assert drawn["events"] == [(1.0, 2.0), (2.0, None)]
    assert drawn["failures"] == [(1.0, 0.0), (2.0, 0.0)]
