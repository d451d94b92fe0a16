"""When a receiver hears what. The clock is an argument, the receiver is a list of outcomes."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from alerts.model import Alert, Severity
from alerts.notify.delivery.outcome import DeliveryOutcome, DeliveryResult
from alerts.notify.delivery.queue import DeliveryQueue, Notification
from alerts.notify.delivery.retry import RetryTiming
from alerts.notify.message.incidents import DeliveredState
from alerts.notify.receivers.alertmanager import Alertmanager
from alerts.notify.receivers.pagerduty import PagerDuty
from alerts.notify.receivers.receiver import Receiver
from alerts.notify.receivers.webhook import Webhook
from exporter.core.types import Secret
from tests.alerts.notify.samples import NOON, ROUTING_KEY, alert, evaluation, incident, labels

DELIVERED, FAILED = DeliveryOutcome(DeliveryResult.DELIVERED), DeliveryOutcome(DeliveryResult.FAILED, "HTTP 500")
REFUSED = DeliveryOutcome(DeliveryResult.DROPPED, "HTTP 403")
BAD = DeliveryOutcome(DeliveryResult.DROPPED, "HTTP 422", content_rejected=True)
STALLED, BLIND = alert("OutboxStalled"), alert("OutboxBlind")

WEBHOOK = Webhook("http://hook.example/")
PAGERDUTY = PagerDuty(Secret(ROUTING_KEY))
ALERTMANAGER = Alertmanager("alertmanager", "http://am.example:9093")


@dataclass(slots=True)
class QueueScenario:
    """A courier, a disk that saves at once, and a clock: the wall clock shows NOON at tick 0."""

    courier: DeliveryQueue
    monotonic: float = 0.0
    saves: bool = True
    told: list[tuple[float, str, str]] = field(default_factory=list)  # tick, alert, status

    @classmethod
    def of(cls, receiver: Receiver, pace: RetryTiming | None = None) -> QueueScenario:
        return cls(DeliveryQueue(receiver, pace or RetryTiming(), jitter=lambda: 0.0))

    @property
    def at(self) -> float:
        return NOON + self.monotonic

    def accept(self, *alerts: Alert, resolved: tuple[Alert, ...] = ()) -> None:
        self.courier.accept(evaluation(self.at, alerts, resolved), self.monotonic)
        self.save()

    def save(self) -> None:
        episodes = self.courier.unsaved()
        if episodes is not None and self.saves:
            self.courier.saved(episodes)

    def notification(self) -> Notification | None:
        return self.courier.notification(self.at, self.monotonic)

    def send(self, outcome: DeliveryOutcome = DELIVERED) -> bool:
        """One attempt with this outcome, if one is due."""
        notification = self.notification()
        if notification is None:
            return False
        self.told += [(self.monotonic, update.incident.alert, update.status) for update in notification.steps]
        self.courier.finished(outcome, self.at, self.monotonic)
        self.save()
        return True

    def send_all(self, outcome: DeliveryOutcome = DELIVERED) -> list[tuple[str, str]]:
        """Whatever is due now; who was told what."""
        before = len(self.told)
        while self.send(outcome):
            pass
        return [(name, status) for _, name, status in self.told[before:]]

    def counts(self) -> tuple[int, int, int]:
        counts = self.courier.receiver_status().counts
        return counts[DeliveryResult.DELIVERED], counts[DeliveryResult.FAILED], counts[DeliveryResult.DROPPED]


@pytest.fixture(params=[WEBHOOK, PAGERDUTY], ids=["webhook", "pagerduty"])
def world(request: pytest.FixtureRequest) -> QueueScenario:
    """One with a receiver of events."""
    return QueueScenario.of(request.param)


def test_beginning_and_end_once_each(world: QueueScenario) -> None:
    """While an alert fires, its beginning is told once, however often it is evaluated; then its end, once."""
    for world.monotonic in (0, 15, 30):
        world.accept(STALLED)
        world.send_all()
    world.monotonic = 45
    world.accept(resolved=(STALLED,))
    assert world.send_all() == [("OutboxStalled", "resolved")]
    world.monotonic = 60
    world.accept()
    assert world.send_all() == []
    assert world.told == [(0, "OutboxStalled", "firing"), (45, "OutboxStalled", "resolved")]
    assert world.courier.idle_for(world.monotonic) is None
    assert world.courier.unsaved() is None


def test_one_parcel_at_a_time(world: QueueScenario) -> None:
    """Until it is known what became of one parcel, there is no other."""
    world.accept(STALLED, BLIND)
    assert world.notification() is not None
    assert world.notification() is None
    assert world.courier.idle_for(0) is None
    world.courier.finished(DELIVERED, world.at, world.monotonic)
    world.save()
    assert world.notification() is not None


def test_down_for_an_hour(world: QueueScenario) -> None:
    """After an hour without the receiver, everything arrives in order, once; meanwhile it is hardly bothered."""
    attempts = 0
    for world.monotonic in range(0, 3600, 15):
        firing = (world.monotonic // 600) % 2 == 0  # it fires and ends three times
        if firing:
            world.accept(alert(since=NOON + world.monotonic // 600 * 600))
        else:
            world.accept(resolved=(STALLED,) if world.monotonic % 600 == 0 else ())
        attempts += world.send(FAILED)
    assert 3600 / 60 <= attempts <= 3600 / 60 + 10
    assert world.courier.receiver_status().waiting == 6
    world.monotonic = 3660
    assert world.send_all() == [("OutboxStalled", "firing"), ("OutboxStalled", "resolved")] * 3
    assert world.courier.receiver_status().waiting == 0
    assert world.counts() == (6, attempts, 0)


def test_failures_back_off_and_success_ends_that(world: QueueScenario) -> None:
    """After a failure the next attempt waits, twice as long each time; after a success none does."""
    world.accept(STALLED, BLIND)
    for wait in (1, 2, 4):
        assert world.send(FAILED)
        assert not world.send()
        assert world.courier.idle_for(world.monotonic) == wait
        world.monotonic += wait
    assert len(world.send_all()) == 2
    world.accept(STALLED, BLIND, alert("OutboxHeadBlocked"))
    assert world.send(FAILED)
    assert world.courier.idle_for(world.monotonic) == 1


def test_retry_after_is_honoured(world: QueueScenario) -> None:
    """Whoever asks for ninety seconds is left alone for ninety seconds."""
    world.accept(STALLED)
    assert world.send(DeliveryOutcome(DeliveryResult.FAILED, "HTTP 429", 90))
    world.monotonic = 89.9
    assert not world.send()
    world.monotonic = 90
    assert world.send()


def test_an_event_that_chokes_the_receiver_holds_up_no_other(world: QueueScenario) -> None:
    """One event that always fails does not keep those of other alerts from arriving."""
    world.accept(STALLED, BLIND)
    arrived = []
    for world.monotonic in range(600):
        notification = world.notification()
        if notification is not None:
            name = notification.steps[0].incident.alert
            world.courier.finished(FAILED if name == "OutboxStalled" else DELIVERED, world.at, world.monotonic)
            world.save()
            arrived += [name] if name != "OutboxStalled" else []
        if world.monotonic == 100:
            world.accept(STALLED, BLIND, alert("OutboxHeadBlocked"))
    assert arrived == ["OutboxBlind", "OutboxHeadBlocked"]
    assert world.courier.receiver_status().waiting == 1


def test_a_refusal_is_for_good(world: QueueScenario) -> None:
    """What is refused is dropped, counted, and neither repeated nor resolved; the others are not held up."""
    world.accept(STALLED, BLIND)
    assert world.send(REFUSED)
    assert world.send()
    for world.monotonic in (15, 30):
        world.accept(STALLED, BLIND)
        assert world.send_all() == []
    assert world.courier.receiver_status().waiting == 1  # it fires, and the receiver does not know
    world.accept(resolved=(STALLED, BLIND))
    assert world.send_all() == [("OutboxBlind", "resolved")]
    assert world.courier.receiver_status().waiting == 0
    assert world.counts() == (2, 0, 1)
    assert world.courier.receiver_status().problem == ""  # the last attempt succeeded
    world.accept(alert(since=NOON + 60))
    assert world.send_all() == [("OutboxStalled", "firing")]  # another episode is another try


def test_an_end_that_is_refused_is_over(world: QueueScenario) -> None:
    """A refused end is dropped, too, and the alert is free to fire again."""
    world.accept(STALLED)
    world.send()
    world.accept(resolved=(STALLED,))
    assert world.send(REFUSED)
    assert world.courier.receiver_status().waiting == 0
    assert world.counts() == (1, 0, 1)
    assert world.courier.receiver_status().problem == "HTTP 403"


def test_nothing_is_sent_before_it_is_saved(world: QueueScenario) -> None:
    """A crash after sending must find on disk that there is something to resolve."""
    world.saves = False
    world.accept(STALLED)
    assert not world.send()
    world.saves = True
    world.save()
    assert world.send()


def test_what_changed_while_saving_has_to_be_saved_as_well(world: QueueScenario) -> None:
    """A disk that confirms what was true before has not confirmed what came meanwhile."""
    world.saves = False
    world.accept(STALLED)
    before = world.courier.unsaved()
    assert before is not None
    world.accept(STALLED, BLIND)
    world.courier.saved(before)
    assert not world.send()
    world.saves = True
    world.save()
    assert world.send()


def test_a_disk_that_does_not_answer_holds_up_nothing_for_long(world: QueueScenario) -> None:
    """After two seconds without an answer of the disk it is sent all the same."""
    world.saves = False
    world.accept(STALLED)
    assert world.courier.idle_for(0) == 2
    world.monotonic = 2
    assert world.send()


def test_a_disk_that_is_full_holds_up_nothing(world: QueueScenario) -> None:
    """Where saving is known to fail, things go on in memory, and that is seen until it works again."""
    world.saves = False
    world.accept(STALLED)
    world.courier.not_saved("state cannot be written: No space left on device", world.monotonic)
    assert world.send()
    assert world.courier.receiver_status().save_problem == "state cannot be written: No space left on device"
    assert world.courier.unsaved() is not None  # so that it is tried again
    world.saves = True
    world.save()
    assert world.courier.receiver_status().save_problem == ""


def test_capacity() -> None:
    """No more than the capacity waits; each loss is counted once; what was turned away is told when there is room."""
    world = QueueScenario.of(WEBHOOK, RetryTiming(capacity=2))
    alerts = [alert(name) for name in ("A", "B", "C")]
    for world.monotonic in (0, 15, 30):
        world.accept(*alerts)
    assert world.counts() == (0, 0, 1)
    assert world.courier.receiver_status().waiting == 2
    world.accept(
        alerts[0], alerts[2], resolved=(alerts[1],)
    )  # B is over, and nobody has heard of it: C takes its place
    assert world.counts() == (0, 0, 3)
    assert world.send_all() == [("A", "firing"), ("C", "firing")]


def test_turned_away_once_more_is_counted_once_more() -> None:
    """Another firing of an alert that finds no room is another loss."""
    world = QueueScenario.of(WEBHOOK, RetryTiming(capacity=1))
    one = alert("B")
    for _ in range(2):
        world.accept(STALLED, one)
        world.accept(STALLED, resolved=(one,))
    assert world.counts() == (0, 0, 2)


def test_what_is_on_its_way_keeps_its_place() -> None:
    """However many begin, the episode that is just being told is not forgotten: its end is told, too."""
    world = QueueScenario.of(WEBHOOK, RetryTiming(capacity=1))
    world.accept(STALLED)
    assert world.notification() is not None
    world.accept(BLIND, resolved=(STALLED,))
    world.courier.finished(DELIVERED, world.at, world.monotonic)
    world.save()
    assert world.send_all() == [("OutboxStalled", "resolved")]


def test_a_flood_does_not_grow_memory() -> None:
    """A receiver that is down while alerts come and go for days keeps a bounded number, and resolves what it knows."""
    world = QueueScenario.of(WEBHOOK, RetryTiming(capacity=20))
    world.accept(STALLED)
    world.send()
    for number in range(500):
        world.monotonic += 15
        fresh = alert("OutboxBlind", since=world.at, queue=str(number))
        world.accept(STALLED, fresh)
        world.monotonic += 15
        world.accept(STALLED, resolved=(fresh,))
        world.send(FAILED)
        assert world.courier.receiver_status().waiting <= 2 * 20
        assert len(world.courier._failures) <= 20
    world.monotonic += 60
    world.accept(resolved=(STALLED,))
    told = world.send_all()
    assert ("OutboxStalled", "resolved") in told
    assert told.count(("OutboxBlind", "firing")) == told.count(("OutboxBlind", "resolved")) <= 20
    delivered, _, dropped = world.counts()
    assert delivered + dropped == 2 + 2 * 500


def test_what_a_receiver_does_not_hear_of() -> None:
    """PagerDuty hears pages; the watchdog is for Alertmanager alone."""
    alerts = (
        alert("OutboxWatchdog", Severity.NONE),
        alert("OutboxJobsExhausted", Severity.TICKET),
        alert("OutboxWatchPassed", Severity.INFO),
        STALLED,
    )
    heard = {}
    for receiver in (ALERTMANAGER, WEBHOOK, PAGERDUTY):
        world = QueueScenario.of(receiver)
        world.accept(*alerts)
        heard[receiver.name] = {name for name, _ in world.send_all()}
    assert heard["alertmanager"] == {each.key.alert for each in alerts}
    assert heard["webhook"] == heard["alertmanager"] - {"OutboxWatchdog"}
    assert heard["pagerduty"] == {"OutboxStalled"}


def test_goes_on_after_a_restart(world: QueueScenario) -> None:
    """What was told stays told, what was not is told, and an end that nobody noticed is noticed in the end."""
    world.courier.begin(
        (incident(told=DeliveredState.FIRING), incident("OutboxBlind"), incident("OutboxHeadBlocked", ends_at=NOON))
    )
    world.accept(STALLED)
    assert sorted(world.send_all()) == [
        ("OutboxBlind", "firing"),
        ("OutboxHeadBlocked", "firing"),
        ("OutboxHeadBlocked", "resolved"),
    ]
    for world.monotonic in range(15, 301, 15):
        world.accept(STALLED)
    assert world.send_all() == [("OutboxBlind", "resolved")]


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
            states.told += [(states.monotonic, update.incident.alert, update.status) for update in notification.steps]
            states.courier.finished(DELIVERED, states.at, states.monotonic)
            states.save()
    assert [monotonic for monotonic, _, _ in states.told] == [0, 60, 120, 180]


def test_news_is_told_at_once(states: QueueScenario) -> None:
    """What begins or ends between two repetitions does not wait for the next."""
    states.accept(STALLED)
    states.send_all()
    states.monotonic = 15
    states.accept(STALLED, BLIND)
    assert states.send_all() == [("OutboxStalled", "firing"), ("OutboxBlind", "firing")]
    states.monotonic = 30
    states.accept(BLIND, resolved=(STALLED,))
    assert states.send_all() == [("OutboxStalled", "resolved"), ("OutboxBlind", "firing")]


def test_an_end_is_repeated_for_a_quarter_of_an_hour(states: QueueScenario) -> None:
    """As Prometheus does, in case Alertmanager is restarted before it has told anybody."""
    states.accept(STALLED)
    states.send_all()
    for states.monotonic in range(15, 1500, 15):
        states.accept(resolved=(STALLED,) if states.monotonic == 15 else ())
        states.send_all()
    ends = [monotonic for monotonic, _, status in states.told if status == "resolved"]
    assert ends == list(range(15, 915, 60))
    assert states.courier.unsaved() is None


def test_an_end_is_kept_until_it_was_heard_once(states: QueueScenario) -> None:
    """An Alertmanager that is down for an hour hears of the end all the same, and of nothing that is over long."""
    states.accept(STALLED)
    states.send_all()
    for states.monotonic in range(15, 3600, 15):
        states.accept(resolved=(STALLED,) if states.monotonic == 15 else ())
        states.send(FAILED)
    assert states.courier.receiver_status().waiting == 1
    states.monotonic = 3660
    assert states.send_all() == [("OutboxStalled", "resolved")]
    states.monotonic = 3720
    states.accept()
    assert states.send_all() == []


def test_a_dead_evaluation_is_not_kept_alive(states: QueueScenario) -> None:
    """Who evaluates and hangs is not made to look alive: the watchdog is repeated only when it was judged again."""
    watchdog = alert("OutboxWatchdog", Severity.NONE)
    states.accept(watchdog)
    states.send_all()
    for states.monotonic in range(1, 600):
        assert not states.send()
    assert states.courier.idle_for(states.monotonic) is None
    states.accept(watchdog)
    assert states.send_all() == [("OutboxWatchdog", "firing")]


def test_a_late_repetition_is_valid_from_the_evaluation_on(states: QueueScenario) -> None:
    """An Alertmanager that comes back after the last evaluation is not told that it was just now."""
    states.accept(STALLED)
    assert states.send(FAILED)
    states.monotonic = 500
    notification = states.notification()
    assert notification is not None
    assert notification.valid_until == NOON + 240


def test_rare_evaluations_are_valid_for_longer(states: QueueScenario) -> None:
    """Who evaluates every ten minutes is believed for forty."""
    states.accept(STALLED)
    states.send_all()
    states.monotonic = 600
    states.accept(STALLED)
    notification = states.notification()
    assert notification is not None
    assert notification.valid_until == states.at + 2400


def test_the_last_state_counts(states: QueueScenario) -> None:
    """What fired, ended and fired again while Alertmanager was down is told as it stands."""
    states.accept(STALLED)
    states.send(FAILED)
    states.accept(resolved=(STALLED,))
    states.accept(alert(since=NOON + 5))
    states.monotonic = 60
    notification = states.notification()
    assert notification is not None
    assert [(update.incident.starts_at, update.status) for update in notification.steps] == [(NOON + 5, "firing")]


def test_while_it_does_not_answer_everything_waits(states: QueueScenario) -> None:
    """A failed repetition is visible as waiting, though it was told before: OutboxNotificationsFailing goes by that."""
    states.accept(STALLED, BLIND)
    states.send_all()
    assert states.courier.receiver_status().waiting == 0
    states.monotonic = 60
    states.accept(STALLED, BLIND)
    assert states.send(FAILED)
    assert states.courier.receiver_status().waiting == 2
    assert states.counts() == (2, 2, 0)
    states.monotonic = 61
    assert states.send()
    assert states.courier.receiver_status().waiting == 0


def test_a_state_that_is_refused_is_repeated(states: QueueScenario) -> None:
    """An Alertmanager behind a wrong password hears everything once that is mended; nothing was given up."""
    states.accept(STALLED)
    assert states.send(REFUSED)
    assert states.counts() == (0, 1, 0)
    assert states.courier.receiver_status().waiting == 1
    states.monotonic = 60
    assert states.send_all() == [("OutboxStalled", "firing")]


def test_an_old_end_that_is_refused_is_given_up(states: QueueScenario) -> None:
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


def refusing(world: QueueScenario, *bad: str) -> list[set[str]]:
    """Whatever is due now, at a receiver that takes no request with one of these alerts; which alerts went together."""
    requests = []
    while (notification := world.notification()) is not None:
        names = {update.incident.alert for update in notification.steps}
        world.courier.finished(BAD if names & set(bad) else DELIVERED, world.at, world.monotonic)
        world.save()
        requests.append(names)
        assert len(requests) < 100
    return requests


@pytest.mark.parametrize("bad", [(), ("A",), ("D",), ("G",), ("A", "B"), ("C", "F"), ("A", "D", "G"), tuple("ABCDEFG")])
def test_a_bad_alert_is_found(states: QueueScenario, bad: tuple[str, ...]) -> None:
    """A request that is refused for its content is halved until every alert arrives but the bad ones, each alone."""
    states.accept(*map(alert, "ABCDEFG"))
    requests = refusing(states, *bad)
    assert set().union(*(each for each in requests if not each & set(bad))) == set("ABCDEFG") - set(bad)
    assert [each for each in requests if each <= set(bad) and len(each) == 1] == [{name} for name in bad]
    assert len(requests) <= 13
    assert states.counts() == (7 - len(bad), len(bad), 0)
    assert states.courier.receiver_status().waiting == len(bad)


def test_a_bad_alert_stays_apart(states: QueueScenario) -> None:
    """It is tried again by itself, less and less often; the others are repeated without it, in one request."""
    states.accept(*map(alert, "ABC"))
    refusing(states, "B")
    told = {}
    for states.monotonic in range(1, 301):
        states.accept(*map(alert, "ABC"))
        if requests := refusing(states, "B"):
            told[states.monotonic] = requests
    assert {monotonic for monotonic, requests in told.items() if {"A", "C"} in requests} == {60, 120, 180, 240, 300}
    assert [monotonic for monotonic, requests in told.items() if {"B"} in requests] == [
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
    assert all(each in ({"A", "C"}, {"B"}) for requests in told.values() for each in requests)
    assert states.courier.receiver_status().problem == "B (page) is refused: HTTP 422"


def test_news_does_not_wait_for_a_bad_alert(states: QueueScenario) -> None:
    """What begins while an alert is refused is told at once, and what ends."""
    states.accept(*map(alert, "AB"))
    refusing(states, "B")
    states.accept(*map(alert, "ABC"))
    assert refusing(states, "B") == [{"A", "C"}]
    states.accept(*map(alert, "BC"), resolved=(alert("A"),))
    assert refusing(states, "B") == [{"A", "C"}]


def test_a_bad_alert_that_is_mended_travels_with_the_others_again(states: QueueScenario) -> None:
    """Once it is accepted, nothing is left of the refusal."""
    states.accept(*map(alert, "ABC"))
    refusing(states, "B")
    states.monotonic = 1
    assert refusing(states) == [{"B"}]
    assert (states.courier.receiver_status().waiting, states.courier.receiver_status().problem) == (0, "")
    states.monotonic = 60
    states.accept(*map(alert, "ABC"))
    assert refusing(states) == [{"A", "B", "C"}]


def test_a_bad_alert_that_is_over_is_given_up_in_the_end(states: QueueScenario) -> None:
    """Its end is tried for a quarter of an hour; then it is dropped, counted, and holds no place."""
    states.accept(*map(alert, "AB"))
    refusing(states, "B")
    for states.monotonic in range(15, 1200, 15):
        states.accept(alert("A"), resolved=(alert("B"),) if states.monotonic == 15 else ())
        refusing(states, "B")
    assert states.counts()[2] == 1
    assert (states.courier.receiver_status().waiting, states.courier.receiver_status().problem) == (0, "")
    assert states.courier.idle_for(states.monotonic) != 0


def test_a_failure_in_the_middle_begins_anew(states: QueueScenario) -> None:
    """A receiver that falls silent while a bad alert is looked for hears all of it again, the known bad one apart."""
    states.accept(*map(alert, "ABCD"))
    assert states.send(BAD)
    assert states.send(FAILED)
    assert states.notification() is None
    states.monotonic = 60
    assert refusing(states, "A")[0] == {"A", "B", "C", "D"}
    assert states.courier.receiver_status().waiting == 1


def test_undelivered_states_survive_a_restart(states: QueueScenario) -> None:
    """What the run before did not deliver is sent at once, before anything is evaluated."""
    states.courier.begin((incident(), incident("OutboxBlind", ends_at=NOON - 60, told=DeliveredState.FIRING)))
    notification = states.notification()
    assert notification is not None
    assert [update.status for update in notification.steps] == ["firing", "resolved"]
    assert notification.valid_until == states.at + 240


def test_retained_ends_leave_room() -> None:
    """Ends that are only repeated make room for what begins."""
    world = QueueScenario.of(ALERTMANAGER, RetryTiming(capacity=3))
    for number in range(10):
        one = alert("OutboxBlind", queue=str(number))
        world.accept(one)
        world.send_all()
        world.accept(resolved=(one,))
        world.send_all()
    assert world.counts()[2] == 0


def test_labels_tell_alerts_apart(world: QueueScenario) -> None:
    """Two alerts of one rule are two: each has its own beginning and end."""
    one, two = alert("OutboxCollectorFailing", collector="events"), alert("OutboxCollectorFailing", collector="keys")
    world.accept(one, two)
    assert len(world.send_all()) == 2
    world.accept(two, resolved=(one,))
    notification = world.notification()
    assert notification is not None
    assert notification.steps[0].incident.labels == labels("OutboxCollectorFailing", collector="events")
