"""Do the receivers answer? Asked without telling them anything: a notification would wake somebody."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from alerts.notify.alertmanager import Alertmanager
from alerts.notify.notifications import authorities, receivers
from alerts.notify.post import NoAnswer, post
from alerts.notify.receivers import Receiver
from exporter.config import AlertingSettings
from exporter.wire import Wire

# Seconds for one receiver to answer.
TIMEOUT = 5.0

_REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one receiver said. `problem` is None when it is all right; `answered`, whether it said anything."""

    receiver: str
    proved: str
    problem: str | None = None
    answered: bool = True


def ask(settings: AlertingSettings) -> Iterator[Answer]:
    """Ask every receiver of the configuration, one after the other, each for at most TIMEOUT seconds."""
    trust = authorities(settings)
    for receiver in receivers(settings):
        try:
            status = post(receiver.probe, TIMEOUT, Wire(), trust).status
        except NoAnswer as error:
            yield Answer(receiver.name, "", str(error), answered=False)
        else:
            yield _judged(receiver, status)


def _judged(receiver: Receiver, status: int) -> Answer:
    if status in _REFUSALS:
        what = "check its token" if receiver.secrets else "it wants credentials, and only a token can be given"
        return Answer(receiver.name, "", f"refuses us with HTTP {status}; {what}")
    # Also of a proxy while the receiver behind it is down: nothing was proved.
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Answer(receiver.name, "", f"answers HTTP {status}", answered=False)
    if isinstance(receiver, Alertmanager):
        wrong = f"answers HTTP {status}, as no Alertmanager does; check its address"
        return Answer(receiver.name, "answers", None if status == HTTPStatus.OK else wrong)
    return Answer(receiver.name, "can be reached; whether it takes notifications shows with the first one")
