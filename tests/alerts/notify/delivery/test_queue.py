"""When updates are sent to a receiver. The clock is an argument, the receiver a list of outcomes."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from alerts.model import Alert, Severity
from alerts.notify.delivery.outcome import DeliveryOutcome, DeliveryResult, RetryTiming
from alerts.notify.delivery.queue import DeliveryQueue, Notification
from alerts.notify.message.incidents import DeliveredState
from alerts.notify.receivers.alertmanager import Alertmanager
from alerts.notify.receivers.pagerduty import PagerDuty
from alerts.notify.receivers.receiver import Receiver
from alerts.notify.receivers.webhook import Webhook
from exporter.core.types import Secret
from tests.alerts.notify.samples import NOON, ROUTING_KEY, alert, evaluation, incident, labels

DELIVERED, FAILED = DeliveryOutcome(DeliveryResult.DELIVERED), DeliveryOutcome(DeliveryResult.FAILED, "HTTP 500")
REFUSED = DeliveryOutcome(DeliveryResult.DROPPED, "HTTP 403")
BAD = DeliveryOutcome(DeliveryResult.DROPPED, "HTTP 422", content_refused=True)
STALLED, BLIND = alert("OutboxStalled"), alert("OutboxBlind")

WEBHOOK = Webhook("http://hook.example/")
PAGERDUTY = PagerDuty(Secret(ROUTING_KEY))
ALERTMANAGER = Alertmanager("alertmanager", "http://am.example:9093")


@dataclass(slots=True)
class QueueScenario:
    """A queue, a disk that saves at once, and a clock: the wall clock shows NOON at 0 of the monotonic clock."""

    queue: DeliveryQueue
    monotonic: float = 0.0
    saves: bool = True
    sent: list[tuple[float, str, str]] = field(default_factory=list)  # monotonic clock, alert, status

    @classmethod
    def of(cls, receiver: Receiver, timing: RetryTiming | None = None) -> QueueScenario:
        return cls(DeliveryQueue(receiver, timing or RetryTiming(), jitter=lambda: 0.0))

    @property
    def at(self) -> float:
        return NOON + self.monotonic

    def accept(self, *alerts: Alert, resolved: tuple[Alert, ...] = ()) -> None:
        self.queue.accept(evaluation(self.at, alerts, resolved), self.monotonic)
        self.save()

    def save(self) -> None:
        incidents = self.queue.unsaved()
        if incidents is not None and self.saves:
            self.queue.saved(incidents)

    def notification(self) -> Notification | None:
        return self.queue.notification(self.at, self.monotonic)

    def send(self, outcome: DeliveryOutcome = DELIVERED) -> bool:
        """One attempt with this outcome, if one is due."""
        notification = self.notification()
        if notification is None:
            return False
        self.sent += [(self.monotonic, update.incident.alert, update.status) for update in notification.updates]
        self.queue.finished(outcome, self.at, self.monotonic)
        self.save()
        return True

    def send_all(self, outcome: DeliveryOutcome = DELIVERED) -> list[tuple[str, str]]:
        """Send all that is due; returns the alerts and their statuses."""
        before = len(self.sent)
        while self.send(outcome):
            pass
        return [(name, status) for _, name, status in self.sent[before:]]

    def counts(self) -> tuple[int, int, int]:
        counts = self.queue.receiver_status().counts
        return counts[DeliveryResult.DELIVERED], counts[DeliveryResult.FAILED], counts[DeliveryResult.DROPPED]


@pytest.fixture(params=[WEBHOOK, PAGERDUTY], ids=["webhook", "pagerduty"])
def scenario(request: pytest.FixtureRequest) -> QueueScenario:
    """One with a receiver of events."""
    return QueueScenario.of(request.param)


def test_beginning_and_end_once_each(scenario: QueueScenario) -> None:
    """The start of an alert is sent once, however often it is evaluated; then its end, once."""
    for scenario.monotonic in (0, 15, 30):
        scenario.accept(STALLED)
        scenario.send_all()
    scenario.monotonic = 45
    scenario.accept(resolved=(STALLED,))
    assert scenario.send_all() == [("OutboxStalled", "resolved")]
    scenario.monotonic = 60
    scenario.accept()
    assert scenario.send_all() == []
    assert scenario.sent == [(0, "OutboxStalled", "firing"), (45, "OutboxStalled", "resolved")]
    assert scenario.queue.idle_for(scenario.monotonic) is None
    assert scenario.queue.unsaved() is None


def test_one_notification_at_a_time(scenario: QueueScenario) -> None:
    """There is no other notification until the outcome of the first is known."""
    scenario.accept(STALLED, BLIND)
    assert scenario.notification() is not None
    assert scenario.notification() is None
    assert scenario.queue.idle_for(0) is None
    scenario.queue.finished(DELIVERED, scenario.at, scenario.monotonic)
    scenario.save()
    assert scenario.notification() is not None


def test_down_for_an_hour(scenario: QueueScenario) -> None:
    """After an hour without the receiver, everything arrives in order, once; meanwhile it is hardly bothered."""
    attempts = 0
    for scenario.monotonic in range(0, 3600, 15):
        firing = (scenario.monotonic // 600) % 2 == 0  # it fires and ends three times
        if firing:
            scenario.accept(alert(since=NOON + scenario.monotonic // 600 * 600))
        else:
            scenario.accept(resolved=(STALLED,) if scenario.monotonic % 600 == 0 else ())
        attempts += scenario.send(FAILED)
    assert 3600 / 60 <= attempts <= 3600 / 60 + 10
    assert scenario.queue.receiver_status().waiting == 6
    scenario.monotonic = 3660
    assert scenario.send_all() == [("OutboxStalled", "firing"), ("OutboxStalled", "resolved")] * 3
    assert scenario.queue.receiver_status().waiting == 0
    assert scenario.counts() == (6, attempts, 0)


def test_failures_back_off_and_success_ends_that(scenario: QueueScenario) -> None:
    """After a failure the next attempt waits, twice as long each time; after a success none does."""
    scenario.accept(STALLED, BLIND)
    for wait in (1, 2, 4):
        assert scenario.send(FAILED)
        assert not scenario.send()
        assert scenario.queue.idle_for(scenario.monotonic) == wait
        scenario.monotonic += wait
    assert len(scenario.send_all()) == 2
    scenario.accept(STALLED, BLIND, alert("OutboxHeadBlocked"))
    assert scenario.send(FAILED)
    assert scenario.queue.idle_for(scenario.monotonic) == 1


def test_retry_after_is_honoured(scenario: QueueScenario) -> None:
    """With Retry-After of 90 seconds, the next attempt follows after 90 seconds."""
    scenario.accept(STALLED)
    assert scenario.send(DeliveryOutcome(DeliveryResult.FAILED, "HTTP 429", 90))
    scenario.monotonic = 89.9
    assert not scenario.send()
    scenario.monotonic = 90
    assert scenario.send()


def test_an_update_that_fails_delays_no_other(scenario: QueueScenario) -> None:
    """One event that always fails does not keep those of other alerts from arriving."""
    scenario.accept(STALLED, BLIND)
    arrived = []
    for scenario.monotonic in range(600):
        notification = scenario.notification()
        if notification is not None:
            name = notification.updates[0].incident.alert
            scenario.queue.finished(FAILED if name == "OutboxStalled" else DELIVERED, scenario.at, scenario.monotonic)
            scenario.save()
            arrived += [name] if name != "OutboxStalled" else []
        if scenario.monotonic == 100:
            scenario.accept(STALLED, BLIND, alert("OutboxHeadBlocked"))
    assert arrived == ["OutboxBlind", "OutboxHeadBlocked"]
    assert scenario.queue.receiver_status().waiting == 1


def test_a_refusal_is_for_good(scenario: QueueScenario) -> None:
    """A refused notification is dropped, counted, and neither repeated nor resolved; the others are not delayed."""
    scenario.accept(STALLED, BLIND)
    assert scenario.send(REFUSED)
    assert scenario.send()
    for scenario.monotonic in (15, 30):
        scenario.accept(STALLED, BLIND)
        assert scenario.send_all() == []
    assert scenario.queue.receiver_status().waiting == 1  # it fires, and the receiver does not know
    scenario.accept(resolved=(STALLED, BLIND))
    assert scenario.send_all() == [("OutboxBlind", "resolved")]
    assert scenario.queue.receiver_status().waiting == 0
    assert scenario.counts() == (2, 0, 1)
    assert scenario.queue.receiver_status().problem == ""  # the last attempt succeeded
    scenario.accept(alert(since=NOON + 60))
    assert scenario.send_all() == [("OutboxStalled", "firing")]  # a new incident is sent again


def test_an_end_that_is_refused_is_over(scenario: QueueScenario) -> None:
    """A refused end is dropped, too, and the alert is free to fire again."""
    scenario.accept(STALLED)
    scenario.send()
    scenario.accept(resolved=(STALLED,))
    assert scenario.send(REFUSED)
    assert scenario.queue.receiver_status().waiting == 0
    assert scenario.counts() == (1, 0, 1)
    assert scenario.queue.receiver_status().problem == "HTTP 403"


def test_nothing_is_sent_before_it_is_saved(scenario: QueueScenario) -> None:
    """A crash after sending must find on disk that there is something to resolve."""
    scenario.saves = False
    scenario.accept(STALLED)
    assert not scenario.send()
    scenario.saves = True
    scenario.save()
    assert scenario.send()


def test_a_change_while_saving_is_saved_as_well(scenario: QueueScenario) -> None:
    """A save confirms only the changes that were made before it began."""
    scenario.saves = False
    scenario.accept(STALLED)
    before = scenario.queue.unsaved()
    assert before is not None
    scenario.accept(STALLED, BLIND)
    scenario.queue.saved(before)
    assert not scenario.send()
    scenario.saves = True
    scenario.save()
    assert scenario.send()


def test_a_hanging_disk_delays_updates_for_two_seconds(scenario: QueueScenario) -> None:
    """After two seconds without an answer of the disk it is sent all the same."""
    scenario.saves = False
    scenario.accept(STALLED)
    assert scenario.queue.idle_for(0) == 2
    scenario.monotonic = 2
    assert scenario.send()


def test_a_full_disk_delays_nothing(scenario: QueueScenario) -> None:
    """When saving fails, updates are sent unsaved, and the status shows the problem until saving works again."""
    scenario.saves = False
    scenario.accept(STALLED)
    scenario.queue.not_saved("state cannot be written: No space left on device", scenario.monotonic)
    assert scenario.send()
    assert scenario.queue.receiver_status().save_problem == "state cannot be written: No space left on device"
    assert scenario.queue.unsaved() is not None  # so that it is tried again
    scenario.saves = True
    scenario.save()
    assert scenario.queue.receiver_status().save_problem == ""


def test_capacity() -> None:
    """At most the capacity waits; each drop is counted once; a dropped firing alert is sent when there is room."""
    scenario = QueueScenario.of(WEBHOOK, RetryTiming(capacity=2))
    alerts = [alert(name) for name in ("A", "B", "C")]
    for scenario.monotonic in (0, 15, 30):
        scenario.accept(*alerts)
    assert scenario.counts() == (0, 0, 1)
    assert scenario.queue.receiver_status().waiting == 2
    scenario.accept(alerts[0], alerts[2], resolved=(alerts[1],))  # B ended before it was sent: C takes its place
    assert scenario.counts() == (0, 0, 3)
    assert scenario.send_all() == [("A", "firing"), ("C", "firing")]


def test_each_drop_over_capacity_is_counted() -> None:
    """Another firing of an alert that finds no room is another loss."""
    scenario = QueueScenario.of(WEBHOOK, RetryTiming(capacity=1))
    one = alert("B")
    for _ in range(2):
        scenario.accept(STALLED, one)
        scenario.accept(STALLED, resolved=(one,))
    assert scenario.counts() == (0, 0, 2)


def test_an_incident_being_sent_is_kept_at_capacity() -> None:
    """An incident in flight is not dropped over capacity: its end is sent, too."""
    scenario = QueueScenario.of(WEBHOOK, RetryTiming(capacity=1))
    scenario.accept(STALLED)
    assert scenario.notification() is not None
    scenario.accept(BLIND, resolved=(STALLED,))
    scenario.queue.finished(DELIVERED, scenario.at, scenario.monotonic)
    scenario.save()
    assert scenario.send_all() == [("OutboxStalled", "resolved")]


def test_a_flood_is_bounded_by_the_capacity() -> None:
    """For a receiver that is down for days the number of incidents is bounded; alerts known to it are resolved."""
    scenario = QueueScenario.of(WEBHOOK, RetryTiming(capacity=20))
    scenario.accept(STALLED)
    scenario.send()
    for number in range(500):
        scenario.monotonic += 15
        fresh = alert("OutboxBlind", since=scenario.at, queue=str(number))
        scenario.accept(STALLED, fresh)
        scenario.monotonic += 15
        scenario.accept(STALLED, resolved=(fresh,))
        scenario.send(FAILED)
        assert scenario.queue.receiver_status().waiting <= 2 * 20
        assert len(scenario.queue._failures) <= 20
    scenario.monotonic += 60
    scenario.accept(resolved=(STALLED,))
    sent = scenario.send_all()
    assert ("OutboxStalled", "resolved") in sent
    assert sent.count(("OutboxBlind", "firing")) == sent.count(("OutboxBlind", "resolved")) <= 20
    delivered, _, dropped = scenario.counts()
    assert delivered + dropped == 2 + 2 * 500


def test_severities_of_receivers() -> None:
    """PagerDuty receives pages; only Alertmanager receives the watchdog."""
    alerts = (
        alert("OutboxWatchdog", Severity.NONE),
        alert("OutboxJobsExhausted", Severity.TICKET),
        alert("OutboxWatchPassed", Severity.INFO),
        STALLED,
    )
    sent_by_receiver = {}
    for receiver in (ALERTMANAGER, WEBHOOK, PAGERDUTY):
        scenario = QueueScenario.of(receiver)
        scenario.accept(*alerts)
        sent_by_receiver[receiver.name] = {name for name, _ in scenario.send_all()}
    assert sent_by_receiver["alertmanager"] == {each.key.alert for each in alerts}
    assert sent_by_receiver["webhook"] == sent_by_receiver["alertmanager"] - {"OutboxWatchdog"}
    assert sent_by_receiver["pagerduty"] == {"OutboxStalled"}


def test_delivery_continues_after_a_restart(scenario: QueueScenario) -> None:
    """Delivered states survive, pending updates are sent, and an end during the downtime is detected."""
    scenario.queue.begin(
        (
            incident(delivered_state=DeliveredState.FIRING),
            incident("OutboxBlind"),
            incident("OutboxHeadBlocked", ends_at=NOON),
        )
    )
    scenario.accept(STALLED)
    assert sorted(scenario.send_all()) == [
        ("OutboxBlind", "firing"),
        ("OutboxHeadBlocked", "firing"),
        ("OutboxHeadBlocked", "resolved"),
    ]
    for scenario.monotonic in range(15, 301, 15):
        scenario.accept(STALLED)
    assert scenario.send_all() == [("OutboxBlind", "resolved")]


# --- Alertmanager: states ---


@pytest.fixture
def states() -> QueueScenario:
    """One with an Alertmanager."""
    return QueueScenario.of(ALERTMANAGER)


def test_everything_that_fires_is_repeated(states: QueueScenario) -> None:
    """Every minute, all of it; valid for four times as long from the evaluation on."""
    for states.monotonic in range(0, 181, 15):
        states.accept(STALLED)
        notification = states.notification()
        if notification is not None:
            assert notification.valid_until == states.at + 240
            states.sent += [(states.monotonic, update.incident.alert, update.status) for update in notification.updates]
            states.queue.finished(DELIVERED, states.at, states.monotonic)
            states.save()
    assert [monotonic for monotonic, _, _ in states.sent] == [0, 60, 120, 180]


def test_new_updates_are_sent_at_once(states: QueueScenario) -> None:
    """New and resolved alerts do not wait for the next repetition."""
    states.accept(STALLED)
    states.send_all()
    states.monotonic = 15
    states.accept(STALLED, BLIND)
    assert states.send_all() == [("OutboxStalled", "firing"), ("OutboxBlind", "firing")]
    states.monotonic = 30
    states.accept(BLIND, resolved=(STALLED,))
    assert states.send_all() == [("OutboxStalled", "resolved"), ("OutboxBlind", "firing")]


def test_an_end_is_repeated_for_a_quarter_of_an_hour(states: QueueScenario) -> None:
    """As Prometheus does, in case Alertmanager restarts before it has notified."""
    states.accept(STALLED)
    states.send_all()
    for states.monotonic in range(15, 1500, 15):
        states.accept(resolved=(STALLED,) if states.monotonic == 15 else ())
        states.send_all()
    ends = [monotonic for monotonic, _, status in states.sent if status == "resolved"]
    assert ends == list(range(15, 915, 60))
    assert states.queue.unsaved() is None


def test_an_end_is_kept_until_it_is_delivered(states: QueueScenario) -> None:
    """After an hour of downtime Alertmanager receives recent ends, but not those beyond the retention."""
    states.accept(STALLED)
    states.send_all()
    for states.monotonic in range(15, 3600, 15):
        states.accept(resolved=(STALLED,) if states.monotonic == 15 else ())
        states.send(FAILED)
    assert states.queue.receiver_status().waiting == 1
    states.monotonic = 3660
    assert states.send_all() == [("OutboxStalled", "resolved")]
    states.monotonic = 3720
    states.accept()
    assert states.send_all() == []


def test_the_watchdog_expires_without_evaluations(states: QueueScenario) -> None:
    """The watchdog is resent only after an evaluation, so that it expires when evaluation hangs."""
    watchdog = alert("OutboxWatchdog", Severity.NONE)
    states.accept(watchdog)
    states.send_all()
    for states.monotonic in range(1, 600):
        assert not states.send()
    assert states.queue.idle_for(states.monotonic) is None
    states.accept(watchdog)
    assert states.send_all() == [("OutboxWatchdog", "firing")]


def test_a_late_repetition_is_valid_from_the_evaluation_on(states: QueueScenario) -> None:
    """Alerts that are sent late keep the validity of the evaluation that they are from."""
    states.accept(STALLED)
    assert states.send(FAILED)
    states.monotonic = 500
    notification = states.notification()
    assert notification is not None
    assert notification.valid_until == NOON + 240


def test_rare_evaluations_are_valid_for_longer(states: QueueScenario) -> None:
    """An evaluation every ten minutes counts as recent for forty."""
    states.accept(STALLED)
    states.send_all()
    states.monotonic = 600
    states.accept(STALLED)
    notification = states.notification()
    assert notification is not None
    assert notification.valid_until == states.at + 2400


def test_the_last_state_counts(states: QueueScenario) -> None:
    """After a downtime of Alertmanager, only the latest incident of an alert is sent."""
    states.accept(STALLED)
    states.send(FAILED)
    states.accept(resolved=(STALLED,))
    states.accept(alert(since=NOON + 5))
    states.monotonic = 60
    notification = states.notification()
    assert notification is not None
    assert [(update.incident.starts_at, update.status) for update in notification.updates] == [(NOON + 5, "firing")]


def test_while_it_does_not_answer_everything_waits(states: QueueScenario) -> None:
    """A failed resend counts as waiting, which OutboxNotificationsFailing evaluates."""
    states.accept(STALLED, BLIND)
    states.send_all()
    assert states.queue.receiver_status().waiting == 0
    states.monotonic = 60
    states.accept(STALLED, BLIND)
    assert states.send(FAILED)
    assert states.queue.receiver_status().waiting == 2
    assert states.counts() == (2, 2, 0)
    states.monotonic = 61
    assert states.send()
    assert states.queue.receiver_status().waiting == 0


def test_a_state_that_is_refused_is_repeated(states: QueueScenario) -> None:
    """After a wrong password is fixed, Alertmanager receives all alerts; none was dropped."""
    states.accept(STALLED)
    assert states.send(REFUSED)
    assert states.counts() == (0, 1, 0)
    assert states.queue.receiver_status().waiting == 1
    states.monotonic = 60
    assert states.send_all() == [("OutboxStalled", "firing")]


def test_an_old_end_that_is_refused_is_dropped(states: QueueScenario) -> None:
    """An end that Alertmanager refuses for a quarter of an hour is dropped, and counted."""
    states.accept(STALLED)
    states.send_all()
    states.accept(BLIND, resolved=(STALLED,))
    for states.monotonic in (0, 899, 960, 1100):
        assert states.send(REFUSED)
    assert states.counts()[2] == 1
    assert states.send_all() == []
    states.monotonic = 1200
    assert states.send_all() == [("OutboxBlind", "firing")]


def refusing(scenario: QueueScenario, *bad: str) -> list[set[str]]:
    """Whatever is due now, at a receiver that takes no request with one of these alerts; which alerts went together."""
    requests = []
    while (notification := scenario.notification()) is not None:
        names = {update.incident.alert for update in notification.updates}
        scenario.queue.finished(BAD if names & set(bad) else DELIVERED, scenario.at, scenario.monotonic)
        scenario.save()
        requests.append(names)
        assert len(requests) < 100
    return requests


@pytest.mark.parametrize("bad", [(), ("A",), ("D",), ("G",), ("A", "B"), ("C", "F"), ("A", "D", "G"), tuple("ABCDEFG")])
def test_a_refused_alert_is_isolated(states: QueueScenario, bad: tuple[str, ...]) -> None:
    """A request that is refused for its content is halved until every alert arrives but the bad ones, each alone."""
    states.accept(*map(alert, "ABCDEFG"))
    requests = refusing(states, *bad)
    assert set().union(*(each for each in requests if not each & set(bad))) == set("ABCDEFG") - set(bad)
    assert [each for each in requests if each <= set(bad) and len(each) == 1] == [{name} for name in bad]
    assert len(requests) <= 13
    assert states.counts() == (7 - len(bad), len(bad), 0)
    assert states.queue.receiver_status().waiting == len(bad)


def test_a_refused_alert_is_sent_alone(states: QueueScenario) -> None:
    """It is tried again by itself, less and less often; the others are repeated without it, in one request."""
    states.accept(*map(alert, "ABC"))
    refusing(states, "B")
    sent = {}
    for states.monotonic in range(1, 301):
        states.accept(*map(alert, "ABC"))
        if requests := refusing(states, "B"):
            sent[states.monotonic] = requests
    assert {monotonic for monotonic, requests in sent.items() if {"A", "C"} in requests} == {60, 120, 180, 240, 300}
    assert [monotonic for monotonic, requests in sent.items() if {"B"} in requests] == [
        1,
        3,
        7,
        15,
        31,
        63,
        123,
        183,
        243,
    ]
    assert all(each in ({"A", "C"}, {"B"}) for requests in sent.values() for each in requests)
    assert states.queue.receiver_status().problem == "B (page) is refused: HTTP 422"


def test_new_updates_do_not_wait_for_a_refused_alert(states: QueueScenario) -> None:
    """Starts and ends of other alerts are sent at once while one alert is refused."""
    states.accept(*map(alert, "AB"))
    refusing(states, "B")
    states.accept(*map(alert, "ABC"))
    assert refusing(states, "B") == [{"A", "C"}]
    states.accept(*map(alert, "BC"), resolved=(alert("A"),))
    assert refusing(states, "B") == [{"A", "C"}]


def test_a_fixed_alert_is_sent_with_the_others_again(states: QueueScenario) -> None:
    """Once it is accepted, nothing is left of the refusal."""
    states.accept(*map(alert, "ABC"))
    refusing(states, "B")
    states.monotonic = 1
    assert refusing(states) == [{"B"}]
    assert (states.queue.receiver_status().waiting, states.queue.receiver_status().problem) == (0, "")
    states.monotonic = 60
    states.accept(*map(alert, "ABC"))
    assert refusing(states) == [{"A", "B", "C"}]


def test_a_refused_alert_that_ended_is_dropped_after_the_retention(states: QueueScenario) -> None:
    """Its end is tried for a quarter of an hour; then it is dropped, counted, and holds no place."""
    states.accept(*map(alert, "AB"))
    refusing(states, "B")
    for states.monotonic in range(15, 1200, 15):
        states.accept(alert("A"), resolved=(alert("B"),) if states.monotonic == 15 else ())
        refusing(states, "B")
    assert states.counts()[2] == 1
    assert (states.queue.receiver_status().waiting, states.queue.receiver_status().problem) == (0, "")
    assert states.queue.idle_for(states.monotonic) != 0


def test_a_failure_in_the_middle_begins_anew(states: QueueScenario) -> None:
    """When a receiver fails while a refused alert is isolated, the round starts anew, without the known refused one."""
    states.accept(*map(alert, "ABCD"))
    assert states.send(BAD)
    assert states.send(FAILED)
    assert states.notification() is None
    states.monotonic = 60
    assert refusing(states, "A")[0] == {"A", "B", "C", "D"}
    assert states.queue.receiver_status().waiting == 1


def test_undelivered_states_survive_a_restart(states: QueueScenario) -> None:
    """Incidents that the previous process did not deliver are sent at once, before the first evaluation."""
    states.queue.begin((incident(), incident("OutboxBlind", ends_at=NOON - 60, delivered_state=DeliveredState.FIRING)))
    notification = states.notification()
    assert notification is not None
    assert [update.status for update in notification.updates] == ["firing", "resolved"]
    assert notification.valid_until == states.at + 240


def test_repeated_resolutions_are_dropped_first() -> None:
    """Repeated resolutions are dropped before new alerts."""
    scenario = QueueScenario.of(ALERTMANAGER, RetryTiming(capacity=3))
    for number in range(10):
        one = alert("OutboxBlind", queue=str(number))
        scenario.accept(one)
        scenario.send_all()
        scenario.accept(resolved=(one,))
        scenario.send_all()
    assert scenario.counts()[2] == 0


def test_alerts_are_distinguished_by_labels(scenario: QueueScenario) -> None:
    """Two alerts of one rule are two: each has its own beginning and end."""
    one, two = alert("OutboxCollectorFailing", collector="events"), alert("OutboxCollectorFailing", collector="keys")
    scenario.accept(one, two)
    assert len(scenario.send_all()) == 2
    scenario.accept(two, resolved=(one,))
    notification = scenario.notification()
    assert notification is not None
    assert notification.updates[0].incident.labels == labels("OutboxCollectorFailing", collector="events")
