#!/usr/bin/env bash
# django-outbox-pattern 3.2.1: the daily clean-up deletes messages that were never sent.
#
# The first message that is sent on a day starts the clean-up, which deletes the rows of `published` that were added more
# than DAYS_TO_KEEP_DATA (30) days ago. It does not look at `status`: messages that were given up (-1) go, and so do
# messages that still wait to be sent (1), although the outbox promises to deliver them. A backlog is emptied without a
# trace by the first message that gets through after a long outage of the broker, or after a message was left over for
# 30 days. A fall of the backlog is no sign of progress there.
#
# Seen: three messages of 31 days ago, with status 1, -1 and 2, are gone after one new message was sent.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check django==5.2.19 django-outbox-pattern==3.2.1
"$folder/venv/bin/python" - <<'PYTHON'
from datetime import timedelta

import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django_outbox_pattern"],
    USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()

from django.core.management import call_command
from django.utils import timezone
from django_outbox_pattern.models import Published
from django_outbox_pattern.producers import Producer


class Connection:
    """A broker that accepts everything."""

    def send(self, **_):
        pass


call_command("migrate", verbosity=0)
for status in (1, -1, 2):
    message = Published.objects.create(destination="queue", body={}, status=status)
    Published.objects.filter(id=message.id).update(
        added=timezone.now() - timedelta(days=31), expires_at=timezone.now() + timedelta(days=1)
    )
new = Published.objects.create(destination="queue", body={})
before = sorted(Published.objects.values_list("status", flat=True))
Producer(Connection(), "guest", "guest").send(new)
after = list(Published.objects.values_list("id", flat=True))
print("status of the messages before:", before, "- left after a message was sent:", len(after))
assert before == [-1, 1, 1, 2]
assert after == [new.id], "unsent messages are kept now"
PYTHON
