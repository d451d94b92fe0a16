"""An application with django-outbox-pattern, which does what it is told on standard input, a JSON object a line."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import django
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from psycopg.conninfo import conninfo_to_dict
from stomp import StompConnection12
from stomp.exception import StompException

_MAX_ATTEMPTS: Final = 2


class Broker(StompConnection12):  # type: ignore[misc]
    """The connection with the broker, which accepts a message or refuses it, as the message says."""

    hangs = False

    def connect(self, *_: Any, **__: Any) -> None:
        """Nothing: there is no network."""

    def is_connected(self) -> bool:
        """Always."""
        return True

    def disconnect(self, *_: Any, **__: Any) -> None:
        """Nothing: there is no network."""

    def send(self, destination: str, body: str, **_: Any) -> None:
        """Raises: StompException, when the message is to be refused."""
        if Broker.hangs:
            _answer("sending")
            time.sleep(3600)
        if json.loads(body) == "fail":
            raise StompException(destination)


def configure(dsn: str) -> None:
    """Set Django up. The waits between attempts and between rounds, minutes by default, are left out."""
    parameters = conninfo_to_dict(dsn)
    settings.configure(
        INSTALLED_APPS=["django_outbox_pattern"],
        USE_TZ=True,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parameters["dbname"],
                "USER": parameters["user"],
                "HOST": parameters["host"],
                "PORT": parameters["port"],
                "OPTIONS": {"application_name": "django"},
            }
        },
        DJANGO_OUTBOX_PATTERN={
            "DEFAULT_CONNECTION_CLASS": f"{__name__}.Broker",
            "DEFAULT_MAXIMUM_RETRY_ATTEMPTS": _MAX_ATTEMPTS,
            "DEFAULT_PRODUCER_WAITING_TIME": 0,
        },
    )
    django.setup()
    logging.getLogger("django_outbox_pattern").setLevel(logging.CRITICAL)


def migrate() -> None:
    """Create the library's tables with its migrations."""
    call_command("migrate", verbosity=0)


def enqueue(queue: str, outcome: str) -> None:
    """Add a message."""
    _published().objects.create(destination=queue, body=outcome)


def publish() -> None:
    """Publish what is due, once."""
    _producer().publish_message_from_database()


def publish_and_hang() -> None:
    """Publish what is due, and never return from sending the first message."""
    Broker.hangs = True
    publish()


def expire_oldest() -> None:
    """Let the oldest message that waits expire."""
    messages = _published().objects.filter(status=1, expires_at__gte=timezone.now()).order_by("added")
    for message in messages[:1]:
        message.expires_at = timezone.now()
        message.save()


def clean_up() -> None:
    """Run the clean-up that follows the first message of a day."""
    cache.clear()
    _producer()._remove_old_messages()


def backend() -> int:
    """The process id of this application's session."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


# The library's modules read Django's settings when they are imported.
def _published() -> Any:
    from django_outbox_pattern.models import Published  # noqa: PLC0415

    return Published


def _producer() -> Any:
    from django_outbox_pattern.factories import factory_producer  # noqa: PLC0415

    return factory_producer()


def _answer(answer: Any) -> None:
    print(json.dumps(answer), flush=True)  # noqa: T201 -- read by the test


_CALLS: Final[dict[str, Callable[..., Any]]] = {
    call.__name__: call for call in (migrate, enqueue, publish, publish_and_hang, expire_oldest, clean_up, backend)
}


if __name__ == "__main__":
    configure(sys.argv[1])
    for line in sys.stdin:
        parameters = json.loads(line)
        _answer(_CALLS[parameters.pop("name")](**parameters))
