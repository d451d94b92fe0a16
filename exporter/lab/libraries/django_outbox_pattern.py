"""django-outbox-pattern: https://github.com/juntossomosmais/django-outbox-pattern.

A queue is a message's destination.
"""

import time
from typing import Any, Final

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg.conninfo import conninfo_to_dict
from stomp import StompConnection12
from stomp.exception import StompException

from exporter.lab.libraries import job

# The library waits for minutes after the third attempt.
_ATTEMPTS: Final = 2


class Broker(StompConnection12):  # type: ignore[misc]
    """A connection with a message broker that is part of this process. It refuses messages, as their body says."""

    def connect(self, *_: Any, **__: Any) -> None:
        """Nothing: there is no network."""

    def is_connected(self) -> bool:
        """Always."""
        return True

    def disconnect(self, *_: Any, **__: Any) -> None:
        """Nothing: there is no network."""

    def send(self, destination: str, body: str, **_: Any) -> None:
        """Raises: StompException, when it refuses the message."""
        time.sleep(job.duration())
        try:
            job.finish(float(body))
        except job.JobFailedError as error:
            raise StompException(destination) from error


class DjangoLibrary:
    """`published` and the command `publish`.

    The library has no delayed messages: the delay is left out. It repeats attempts without a wait, and nobody sees
    which messages failed before: one that fails for a while only succeeds here.
    """

    def __init__(self, dsn: str) -> None:
        parameters = conninfo_to_dict(dsn)
        keys = {"NAME": "dbname", "USER": "user", "HOST": "host", "PORT": "port"}
        database = {key: parameters[name] for key, name in keys.items()}
        settings.configure(
            INSTALLED_APPS=["django_outbox_pattern"],
            USE_TZ=True,
            DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", **database}},
            DJANGO_OUTBOX_PATTERN={
                "DEFAULT_CONNECTION_CLASS": f"{__name__}.Broker",
                "DEFAULT_MAXIMUM_RETRY_ATTEMPTS": _ATTEMPTS,
            },
        )
        django.setup()

    def install(self) -> None:
        """Run the library's migrations."""
        call_command("migrate", verbosity=0)

    def enqueue(self, queue: str, fails_until: float, delay: int) -> None:  # noqa: ARG002 - there is no delay
        """Add a message."""
        # The library's modules read Django's settings when they are imported.
        from django_outbox_pattern.models import Published  # noqa: PLC0415

        Published.objects.create(destination=queue, body=fails_until if fails_until >= job.FAILS else job.SUCCEEDS)

    def close(self) -> None:
        """End the connections."""
        connection.close()

    def work(self) -> None:
        """Run `manage.py publish`."""
        call_command("publish")
