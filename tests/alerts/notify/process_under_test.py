"""A program that sends notifications for the evaluations on its standard input, and is killed by a test.

Each line is a pickled evaluation in hexadecimal; the answer is `kept` once it is on disk. An empty line requests the
number of pending notifications.
"""

from __future__ import annotations

import pickle
import sys
import time
from pathlib import Path

from alerts.notify.delivery.outcome import RetryTiming
from alerts.notify.notifier import Notifier
from alerts.notify.receivers.alertmanager import Alertmanager
from alerts.notify.receivers.pagerduty import PagerDuty
from alerts.notify.receivers.webhook import Webhook
from exporter.core.types import Secret
from tests.alerts.notify.samples import ROUTING_KEY

PACE = RetryTiming(resend=0.5, timeout=2, initial_retry_interval=0.02, max_retry_interval=0.1)


def main(directory: str, url: str) -> None:
    kinds = (
        Alertmanager("alertmanager", url),
        PagerDuty(Secret(ROUTING_KEY), f"{url}/enqueue"),
        Webhook(f"{url}/hook"),
    )
    notifier = Notifier(kinds, Path(directory), PACE)
    notifier.start()
    print("started", flush=True)  # noqa: T201 - the test reads it
    for line in sys.stdin:
        if line.strip():
            notifier.accept(pickle.loads(bytes.fromhex(line)))
            while any(queue.unsaved() is not None for queue in notifier._queues):
                time.sleep(0.001)
            print("kept", flush=True)  # noqa: T201
        else:
            print(sum(each.waiting for each in notifier.receiver_statuses()), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
