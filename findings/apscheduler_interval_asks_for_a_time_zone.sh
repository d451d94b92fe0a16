#!/usr/bin/env bash
# APScheduler 3.11.3 with tzlocal 5.4.5: an interval needs the machine's time zone, in a scheduler that was given UTC.
#
# "Every 15 seconds" means the same in every zone, and the scheduler has one of its own (timezone=UTC). A trigger that
# is passed as an object does not get it: IntervalTrigger() asks tzlocal. That fails where TZ is a POSIX zone, which
# libc and PostgreSQL take, because zoneinfo has no file of that name. The same trigger by name ("interval", seconds=15)
# gets the scheduler's zone and works.
#
# Seen: ZoneInfoNotFoundError for the object, no error for the name and for IntervalTrigger(..., timezone=UTC).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check APScheduler==3.11.3 tzlocal==5.4.5
TZ='EST5EDT,M3.2.0,M11.1.0' "$folder/venv/bin/python" - <<'PYTHON'
from datetime import UTC

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

scheduler = BackgroundScheduler(timezone=UTC)


def outcome(make) -> str:
    try:
        scheduler.add_job(print, **make())
    except Exception as error:
        return type(error).__name__
    return "no error"


seen = {
    "IntervalTrigger(seconds=15)": outcome(lambda: {"trigger": IntervalTrigger(seconds=15)}),
    "'interval', seconds=15": outcome(lambda: {"trigger": "interval", "seconds": 15}),
    "IntervalTrigger(seconds=15, timezone=UTC)": outcome(lambda: {"trigger": IntervalTrigger(seconds=15, timezone=UTC)}),
}
for what, came in seen.items():
    print(f"{what}: {came}")
assert list(seen.values()) == ["ZoneInfoNotFoundError", "no error", "no error"], "it behaves differently now"
PYTHON
