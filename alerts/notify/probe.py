"""Do the receivers answer? Asked without telling them anything: a notification would wake somebody."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from alerts.notify.notifier import receivers, receivers_tls_context
from alerts.notify.receivers.alertmanager import Alertmanager
from alerts.notify.receivers.post import NoResponse, post
from alerts.notify.receivers.receiver import Receiver
from exporter.config.settings import AlertingSettings
from exporter.core.abortable import AbortableConnections

# Seconds for one receiver to answer.
TIMEOUT = 5.0

_REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one receiver said. `problem` is None when it is all right; `answered`, whether it said anything."""

    receiver: str
    proved: str
    problem: str | None = None
    answered: bool = True


def ask(settings: AlertingSettings) -> Iterator[ProbeResult]:
    """Ask every receiver of the configuration, one after the other, each for at most TIMEOUT seconds."""
    tls_context = receivers_tls_context(settings)
    for receiver in receivers(settings):
        try:
            status = post(receiver.probe, TIMEOUT, AbortableConnections(), tls_context).status
        except NoResponse as error:
            yield ProbeResult(receiver.name, "", str(error), answered=False)
        else:
            yield _probe_result(receiver, status)


def _probe_result(receiver: Receiver, status: int) -> ProbeResult:
    if status in _REFUSALS:
        what = "check its token" if receiver.secrets else "it wants credentials, and only a token can be given"
        return ProbeResult(receiver.name, "", f"refuses us with HTTP {status}; {what}")
    # Also of a proxy while the receiver behind it is down: nothing was proved.
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ProbeResult(receiver.name, "", f"answers HTTP {status}", answered=False)
    if isinstance(receiver, Alertmanager):
        wrong = f"answers HTTP {status}, as no Alertmanager does; check its address"
        return ProbeResult(receiver.name, "answers", None if status == HTTPStatus.OK else wrong)
    return ProbeResult(receiver.name, "can be reached; whether it takes notifications shows with the first one")
