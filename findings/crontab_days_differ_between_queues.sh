#!/usr/bin/env bash
# graphile-worker 0.18.0, croniter 7.0.0, cron-parser 5.10.6, cronsim 2.8: one crontab, other days.
#
# When day of month and weekday are both restricted, cron runs on the days that match either. What is a restriction
# differs where a field is written as all days, or as a step of all days. Debian's cron, which cronsim follows, looks at
# the first character: `*/2` begins with a star and is none, so that both fields have to match. graphile-worker looks at
# the set: `1-31` has every day and is none. croniter (procrastinate uses it) and cron-parser (pg-boss) take both as
# restrictions. A clean-up that moves from one to another, with its schedule, runs seven times as often, or a seventh as
# often, without an error.
#
# Seen, in 14 days from Tuesday, 1 December 2026: with 1-31 and Monday (1), two Mondays in graphile-worker and every day
# in the others; with */2 and Monday, one Monday in cronsim, and every odd day and all Mondays in the others.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check croniter==7.0.0 cronsim==2.8
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts graphile-worker@0.18.0 cron-parser@5.10.6 2>/dev/null
cat >days.mjs <<'NODE'
import { CronExpressionParser } from "cron-parser";
import { parseCrontab } from "graphile-worker";

const days = Array.from({ length: 14 }, (_, day) => day + 1);

function graphile(expression) {
  const [item] = parseCrontab(`${expression} clean_up`);
  const weekday = (date) => new Date(Date.UTC(2026, 11, date)).getUTCDay();
  return days.filter((date) => item.match({ min: 0, hour: 0, date, month: 12, dow: weekday(date) }));
}

function cronParser(expression) {
  const currentDate = new Date("2026-11-30T23:59:59Z");
  const times = CronExpressionParser.parse(expression, { currentDate, tz: "UTC" });
  const found = times.take(14).map((time) => time.toDate());
  return found.filter((time) => time < Date.UTC(2026, 11, 15)).map((time) => time.getUTCDate());
}

const found = process.argv.slice(2).map((expression) => ({
  "graphile-worker": graphile(expression),
  "cron-parser": cronParser(expression),
}));
console.log(JSON.stringify(found));
NODE
cat >days.py <<'PYTHON'
import json
import subprocess
import sys
from datetime import UTC, datetime
from itertools import takewhile

from croniter import croniter
from cronsim import CronSim

EXPRESSIONS = ["0 0 1-31 * 1", "0 0 */2 * 1"]
START, END = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), datetime(2026, 12, 15, tzinfo=UTC)


def days(times) -> list[int]:
    return [time.day for time in takewhile(lambda time: time < END, times)]


found = json.loads(subprocess.check_output(["node", "days.mjs", *EXPRESSIONS]))
for expression, seen in zip(EXPRESSIONS, found, strict=True):
    seen["croniter"] = days(croniter(expression, START).all_next(datetime))
    seen["cronsim"] = days(CronSim(expression, START))
    print(expression)
    for library, on in seen.items():
        print(f"  {library}: {on}")
every, odd_or_monday = list(range(1, 15)), [1, 3, 5, 7, 9, 11, 13, 14]
assert found[0] == {"graphile-worker": [7, 14], "cron-parser": every, "croniter": every, "cronsim": every}
assert found[1] == {
    "graphile-worker": odd_or_monday,
    "cron-parser": odd_or_monday,
    "croniter": odd_or_monday,
    "cronsim": [7],
}
PYTHON
"$folder/venv/bin/python" days.py
