"""Judges pg_cron's jobs and how they last ended. What row-level security may hide is unknown, never missing."""

import re
from collections.abc import Iterator, Sequence

from exporter.migration import expected
from exporter.migration.quoting import literal
from exporter.migration.report import CheckAnswer, CheckFinding, CheckWarning, Deviation, finding_of, unknown_finding
from exporter.migration.verify.access_checks import ASK_JOB_OWNER, RUNS_LIMIT, CronJob, CronRun, TableAccess
from exporter.migration.verify.catalogue import SchemaFacts
from exporter.migration.verify.functions import mentions

_HOUR = 3600.0
_SHOW_TIME_ZONE = "look as a superuser, or as a member of pg_read_all_settings: SHOW cron.timezone;"
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def run_checks(facts: SchemaFacts) -> Iterator[CheckFinding]:
    """Each job's schedule, then its runs."""
    for job in expected.JOBS:
        yield _schedule(facts, job)
        yield _runs(facts, job)


def find_warnings(facts: SchemaFacts) -> Iterator[CheckWarning]:
    """A job that never ran, and a table that nobody prunes."""
    cron = facts.cron
    if cron.jobs_access.readable and cron.zone.ahead:
        yield CheckWarning(
            "cron.timezone",
            f"pg_cron reads schedules in {cron.zone.name}, {_hours(cron.zone.ahead)} UTC: a job runs at another time "
            "than its schedule would mean in UTC",
            "see that this is meant; else set cron.timezone = 'GMT' in postgresql.conf and restart the server",
        )
    ran = {run.job for run in cron.runs}
    for job in (job for job in cron.jobs if job.name in expected.JOB_NAMES):
        if cron.runs_access.complete and cron.runs_access.readable and job.active and job.id not in ran:
            yield CheckWarning(
                f"cron.{job.name}",
                f"has not run among pg_cron's last {RUNS_LIMIT} runs",
                f"wait until it is due ({job.schedule}, {_zone(facts)}), then look again",
            )
    if facts.relation(facts.schema, "fsm_events") and not _prunes_events(facts):
        yield CheckWarning(
            "fsm_events",
            "no clean-up that can be seen here covers it: it grows for ever",
            "decide on a retention, and schedule a clean-up as for job_outbox",
        )


def same_schedule(one: str, other: str) -> bool:
    """Two cron expressions of numbers mean the same: leading zeros, names of weekdays and 7 for Sunday aside."""
    return _normal(one) == _normal(other)


def in_utc(schedule: str, ahead: float) -> str:
    """The schedule of a zone so many seconds ahead, in UTC; empty when five fields cannot say it."""
    minute, hour, day, month, weekday, *more = [*_normal(schedule), "", "", "", "", ""][:6]
    if more != [""] or not (minute.isdecimal() and hour.isdecimal()):
        return schedule if not ahead else ""
    days, minutes = divmod(int(hour) * 60 + int(minute) - round(ahead / 60), 24 * 60)
    if days and (day, month) != ("*", "*"):
        return ""
    if days and weekday.isdecimal():
        weekday = str((int(weekday) + days) % 7)
    elif days and weekday != "*":
        return ""
    return f"{minutes % 60} {minutes // 60} {day} {month} {weekday}"


def _when(facts: SchemaFacts, job: CronJob) -> str:
    """When it really runs."""
    zone = facts.cron.zone
    if zone.ahead is None:
        return "as expected, if pg_cron's clock is UTC: this role may not see cron.timezone"
    if not zone.ahead:
        return "as expected"
    utc = in_utc(job.schedule, zone.ahead)
    return f"scheduled at {job.schedule} {_zone(facts)}" + (f", which is {utc} UTC now" if utc else "")


def _zone(facts: SchemaFacts) -> str:
    zone = facts.cron.zone
    return "in a time zone not visible here" if zone.ahead is None else str(zone.name) if zone.ahead else "UTC"


def _hours(ahead: float) -> str:
    hours, minutes = divmod(round(abs(ahead) / 60), 60)
    return f"{hours}:{minutes:02} h {'ahead of' if ahead > 0 else 'behind'}"


def _normal(schedule: str) -> list[str]:
    fields = [re.sub(r"\b0+(?=\d)", "", field) for field in schedule.lower().split()]
    if fields:
        fields[-1] = re.sub("|".join(_WEEKDAYS), lambda day: str(_WEEKDAYS.index(day[0])), fields[-1])
        fields[-1] = "0" if fields[-1] == "7" else fields[-1]
    return fields


def _schedule(facts: SchemaFacts, job: expected.Job) -> CheckFinding:
    """One right job suffices, also where several roles scheduled one of that name."""
    check, wanted = f"cron.{job.name}", f"active, at {job.schedule} UTC, calling {facts.home}.{job.name}()"
    create = f"SELECT cron.schedule('{job.name}', '{job.schedule}', {literal(f'SELECT {facts.home}.{job.name}()')});"
    view, found = facts.cron.jobs_access, _named(facts, job)
    if not view.readable:
        return unknown_finding(check, wanted, view.obstacle, view.remedy or _install(view))
    if not found:
        if view.complete:
            return finding_of(check, wanted, (Deviation("no such job in this database", create),))
        return unknown_finding(check, wanted, "not visible: a role sees its own jobs only", ASK_JOB_OWNER)
    per_job = [tuple(_faults(facts, job, each, create)) for each in found]
    sound = next((each for each, faults in zip(found, per_job, strict=True) if not faults), None)
    return finding_of(check, wanted, () if sound else per_job[0], _when(facts, sound) if sound else "")


def _faults(facts: SchemaFacts, job: expected.Job, found: CronJob, create: str) -> Iterator[Deviation]:
    """It is right by pg_cron's own clock, which somebody may have set on purpose, or by UTC."""
    if not found.active:
        yield Deviation("not active", f"SELECT cron.alter_job({found.id}, active := true);")
    ahead = facts.cron.zone.ahead
    if not any(same_schedule(each, job.schedule) for each in (found.schedule, in_utc(found.schedule, ahead or 0.0))):
        if ahead is None:
            why = "in a time zone that this role may not see (cron.timezone)"
            yield Deviation(f"scheduled at {found.schedule}, {why}", _SHOW_TIME_ZONE, CheckAnswer.UNKNOWN)
        else:
            yield Deviation(f"scheduled at {found.schedule} {_zone(facts)}", create)
    if not (mentions(found.command, job.name) or _deletes(found.command, job.table)):
        yield Deviation(f"runs {found.command}", create)


def _runs(facts: SchemaFacts, job: expected.Job) -> CheckFinding:
    """A job that is not overdue and has no run yet is sound: after a migration the first run is up to a week away."""
    check = f"cron.{job.name}.runs"
    wanted = f"last run succeeded, at most {job.overdue / _HOUR:.0f} h ago"
    view, found = facts.cron.runs_access, _named(facts, job)
    if not facts.cron.jobs_access.readable or not view.readable:
        seen = view if facts.cron.jobs_access.readable else facts.cron.jobs_access
        return unknown_finding(check, wanted, seen.obstacle, seen.remedy or _install(seen))
    if not found and facts.cron.jobs_access.complete:
        return finding_of(check, wanted, (Deviation("no such job, so no run", ""),))
    ids = [each.id for each in found]
    runs = [run for run in facts.cron.runs if run.job in ids]
    if not runs:
        # Runs of the role's own jobs are visible to it.
        if found and (view.complete or not facts.cron.jobs_access.complete):
            return finding_of(check, wanted, (), "no run yet")
        return unknown_finding(check, wanted, "not visible: a role sees its own jobs' runs only", ASK_JOB_OWNER)
    return finding_of(check, wanted, _last(job, min(runs, key=lambda run: run.age)))


def _last(job: expected.Job, run: CronRun) -> Iterator[Deviation]:
    ago = f"{run.age / _HOUR:.1f} h ago"
    if run.status == "failed":
        yield Deviation(
            f"failed {ago}: {_one_line(run.message)}", f"SELECT {job.name}(); shows why, called by its owner"
        )
    elif run.age > job.overdue:
        yield Deviation(f"last ran {ago}", "see that pg_cron's launcher runs: SELECT * FROM pg_stat_activity "
                      "WHERE backend_type LIKE 'pg_cron%'; and the server's log")  # fmt: skip


def _named(facts: SchemaFacts, job: expected.Job) -> Sequence[CronJob]:
    return [each for each in facts.cron.jobs if each.name == job.name]


def _prunes_events(facts: SchemaFacts) -> bool:
    texts = [job.command for job in facts.cron.jobs] + [
        function.body for function in facts.functions if function.name != expected.RPC.name
    ]
    return any(_deletes(text, "fsm_events") for text in texts)


def _deletes(text: str, table: str) -> bool:
    return re.search(rf"\bdelete\s+from\s+(only\s+)?(\"?\w+\"?\.)?\"?{table}\b", text, re.IGNORECASE) is not None


def _install(view: TableAccess) -> str:
    if view.exists:
        return ASK_JOB_OWNER
    return (
        "CREATE EXTENSION pg_cron; and apply the migration again. Where pg_cron lives in another database, look there"
    )


def _one_line(text: str | None) -> str:
    return " ".join((text or "no message").split())[:200]
