"""The checks of a configuration: shipped ones that it changes, and its own."""

from __future__ import annotations

from dataclasses import replace

from alerts.watch.analysis.check_status import status
from alerts.watch.analysis.coverage import TickStatus
from alerts.watch.checks.checks import CheckParameters, resolve
from alerts.watch.checks.configured import configured_checks
from alerts.watch.model.check import Budget, Check, CheckKind, Condition
from exporter.config.settings import CheckCondition, CheckDefinition, WatchCheck
from exporter.core.types import Ratio, Seconds
from tests.alerts.watch.fixtures import DAY, policy, tick

IMPORTS = 'max(outbox_queue_pending_jobs{queue="import"})'
DEFINITION = CheckDefinition(
    "Imports are short",
    (
        CheckCondition(expr='outbox_queue_pending_jobs{queue="import"}', comparison="above", limit="500"),
        CheckCondition("outbox:app_healthy", comparison="below", limit="1", absent=False),
    ),
    good="never held more than {limit} jobs",
    stretch=Seconds(60),
    share=Ratio(0.1),
)


def checks(*changes: WatchCheck, application: bool = True, **more: float) -> dict[str, Check]:
    parameters = CheckParameters(policy(), DAY, application, changes=changes)
    return {check.name: check for check in configured_checks(replace(parameters, **more))}  # type: ignore[arg-type] # by name


def test_nothing_configured_leaves_the_shipped_checks():
    """Equal to those that are resolved without a configuration."""
    assert tuple(checks().values()) == resolve(CheckParameters(policy(), DAY, application=True))


def test_shipped_checks_that_are_advisory_or_left_out():
    """Only the flags change; one that is left out is not evaluated, and says why."""
    found, before = checks(WatchCheck("backlog", advisory=True), WatchCheck("retention", enabled=False)), checks()
    assert found["backlog"] == replace(before["backlog"], advisory=True)
    assert found["retention"] == replace(
        before["retention"], left_out=True, not_applicable="it is left out by watch.checks"
    )
    assert [name for name in before if found[name] == before[name]] == [
        name for name in before if name not in ("backlog", "retention")
    ]
    assert (found["backlog"].decides, found["retention"].decides, found["traffic"].decides) == (False, False, True)


def test_a_check_of_ones_own():
    """It comes after the shipped ones. Its expression is a value of each tick."""
    found = checks(WatchCheck("imports", definition=DEFINITION, advisory=True))
    assert list(found)[-1] == "imports"
    assert found["imports"] == Check(
        name="imports",
        title="Imports are short",
        kind=CheckKind.LEVEL,
        subject='The check "Imports are short"',
        good="never held more than 500 jobs",
        bad="was breached",
        source="watch.checks of the configuration",
        budget=Budget(8640, 60),
        conditions=(
            Condition(IMPORTS, True, 500, False, None, ("backlog",), expression=True),
            Condition("outbox:app_healthy", False, 1, False, False, ("application",)),
        ),
        collectors=("application", "backlog"),
        signal=IMPORTS,
        limit=500,
        own=True,
        advisory=True,
    )


def test_scaled_durations_and_units():
    """A duration is in seconds, and scaled as those of the policy are."""
    when = (CheckCondition(expr="time() - outbox_oldest_processed_timestamp_seconds", comparison="above", limit="10m"),)
    found = checks(WatchCheck("x", definition=CheckDefinition("X", when)), time_scale=0.1)["x"]
    assert (found.limit, found.unit, found.budget.stretch) == (60, "seconds", 30)
    assert found.conditions[0].by_clock


def test_without_an_application():
    """As a shipped check that needs it."""
    found = checks(WatchCheck("imports", definition=DEFINITION), application=False)["imports"]
    assert (found.not_applicable, found.collectors) == ("no application is configured", ("backlog",))


def test_an_expression_without_a_value_is_unknown():
    """It is neither good nor bad, whatever the other conditions say, unless one of them does not hold."""
    own = checks(WatchCheck("x", definition=replace(DEFINITION, when=DEFINITION.when[:1])))["x"]
    before = tick(60.0)
    assert status(own, before) is TickStatus.UNKNOWN
    for value, expected in ((500.0, TickStatus.GOOD), (501.0, TickStatus.BAD)):
        assert status(own, replace(before, values={IMPORTS: value})) is expected


def test_after_a_clock_step_an_expression_on_the_clock_is_unknown():
    """How far it depends on the clock is not known; others stay known."""
    when = CheckCondition(expr="time() - outbox_oldest_processed_timestamp_seconds", comparison="above", limit="10m")
    own = checks(WatchCheck("x", definition=CheckDefinition("X", (when,))))["x"]
    seen = replace(tick(60.0), values={own.conditions[0].signal: 5.0})
    assert (status(own, seen), status(own, seen, 3600.0)) == (TickStatus.GOOD, TickStatus.UNKNOWN)
    other = replace(own, conditions=(replace(own.conditions[0], by_clock=False),))
    assert status(other, seen, 3600.0) is TickStatus.GOOD
