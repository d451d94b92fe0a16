"""Checks that the receivers answer, without sending a notification."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from alerts.notify.notifier import receivers, receivers_tls_context
from alerts.notify.receivers.alertmanager import Alertmanager
from alerts.notify.receivers.post import NoResponse, post
from alerts.notify.receivers.receiver import Receiver
from exporter.config.settings import AlertingSettings
from exporter.core.abortable import AbortableConnections
from exporter.core.errors import SecretUnavailable

# How long one receiver may take to answer, seconds.
TIMEOUT = 5.0

_REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result for one receiver: `proved`, or a `problem`. `answered`: whether it answered at all."""

    receiver: str
    proved: str
    problem: str | None = None
    answered: bool = True


def ask(settings: AlertingSettings) -> Iterator[ProbeResult]:
    """Probe all configured receivers one after the other, each for at most TIMEOUT seconds."""
    tls_context = receivers_tls_context(settings)
    for receiver in receivers(settings):
        try:
            status = post(receiver.probe, TIMEOUT, AbortableConnections(), tls_context).status
        except NoResponse as error:
            yield ProbeResult(receiver.name, "", str(error), answered=False)
        except SecretUnavailable as error:
            yield ProbeResult(receiver.name, "", str(error))
        else:
            yield _probe_result(receiver, status)


def _probe_result(receiver: Receiver, status: int) -> ProbeResult:
    if status in _REFUSALS:
        advice = "check its token" if receiver.secrets else "it requires credentials, and only a token is supported"
        return ProbeResult(receiver.name, "", f"refuses access with HTTP {status}; {advice}")
    # A proxy may also send this while the receiver behind it is down: nothing was proved.
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ProbeResult(receiver.name, "", f"answers HTTP {status}", answered=False)
    if isinstance(receiver, Alertmanager):
        wrong = f"answers HTTP {status}, unlike an Alertmanager; check its address"
        return ProbeResult(receiver.name, "answers", None if status == HTTPStatus.OK else wrong)
    return ProbeResult(receiver.name, "can be reached; whether it accepts notifications is known after the first one")
