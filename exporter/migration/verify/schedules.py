"""Checks pg_cron's jobs and their latest runs. A job that row-level security may hide is unknown, not missing."""

import re
from collections.abc import Iterator, Sequence

from exporter.migration import expected
from exporter.migration.expected import ExpectedJob
from exporter.migration.report import CheckAnswer, CheckFinding, CheckWarning, Deviation, finding_of, unknown_finding
from exporter.migration.sql_text import literal, mentions
from exporter.migration.verify.access_checks import ASK_JOB_OWNER, RUNS_LIMIT, CronJob, CronRun, TableAccess
from exporter.migration.verify.catalogue import SchemaFacts

_SHOW_TIME_ZONE = "ask as a superuser, or as a member of pg_read_all_settings: SHOW cron.timezone;"
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def run_checks(facts: SchemaFacts) -> Iterator[CheckFinding]:
    """Two findings per documented job: its schedule and its runs."""
    for job in expected.JOBS:
        yield _schedule(facts, job)
        yield _runs(facts, job)


def find_warnings(facts: SchemaFacts) -> Iterator[CheckWarning]:
    """A time zone other than UTC, a job that never ran, and no clean-up of fsm_events."""
    cron = facts.cron
    if cron.jobs_access.readable and cron.zone.ahead:
        yield CheckWarning(
            "cron.timezone",
            f"pg_cron reads schedules in {cron.zone.name}, {_hours(cron.zone.ahead)} UTC: a job runs at another time "
            "than its schedule would mean in UTC",
            "check that this is intended; else set cron.timezone = 'GMT' in postgresql.conf and restart the server",
        )
    ran = {run.job for run in cron.runs}
    for job in (job for job in cron.jobs if job.name in expected.JOB_NAMES):
        if cron.runs_access.complete and cron.runs_access.readable and job.active and job.id not in ran:
            yield CheckWarning(
                f"cron.{job.name}",
                f"has not run among pg_cron's last {RUNS_LIMIT} runs",
                f"wait until it is due ({job.schedule}, {_zone(facts)}), then check again",
            )
    bodies = [function.body for function in facts.functions if function.name != expected.RPC.name]
    deleted = any(_deletes(code, "fsm_events") for code in (*bodies, *(job.command for job in cron.jobs)))
    if facts.relation(facts.schema, "fsm_events") and not deleted:
        yield CheckWarning(
            "fsm_events",
            "no clean-up job or function is visible here: it grows without limit",
            "decide on a retention, and schedule a clean-up as for job_outbox",
        )


def same_schedule(one: str, other: str) -> bool:
    """Whether two cron expressions are the same but for leading zeros, names of weekdays and 7 for Sunday."""
    return _normal(one) == _normal(other)


def in_utc(schedule: str, ahead: float) -> str:
    """A schedule of a time zone `ahead` seconds ahead of UTC, in UTC; empty if five fields cannot express it."""
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
    """When the job runs."""
    zone = facts.cron.zone
    if zone.ahead is None:
        return "as expected, if pg_cron's time zone is UTC: this role may not see cron.timezone"
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


def _schedule(facts: SchemaFacts, job: ExpectedJob) -> CheckFinding:
    """One correct job suffices, also where several roles scheduled a job of that name."""
    call = f"{facts.full_name(job.name)}()"
    check, wanted = f"cron.{job.name}", f"active, at {job.schedule} UTC, calling {call}"
    create = f"SELECT cron.schedule('{job.name}', '{job.schedule}', {literal(f'SELECT {call}')});"
    access, found = facts.cron.jobs_access, _named(facts, job)
    if not access.readable:
        return unknown_finding(check, wanted, access.obstacle, access.remedy or _install(access))
    if not found:
        if access.complete:
            return finding_of(check, wanted, (Deviation("no such job in this database", create),))
        return unknown_finding(check, wanted, "not visible: a role sees its own jobs only", ASK_JOB_OWNER)
    per_job = [tuple(_deviations(facts, job, each, create)) for each in found]
    correct = next((each for each, deviations in zip(found, per_job, strict=True) if not deviations), None)
    return finding_of(check, wanted, () if correct else per_job[0], _when(facts, correct) if correct else "")


def _deviations(facts: SchemaFacts, job: ExpectedJob, found: CronJob, create: str) -> Iterator[Deviation]:
    """The schedule may be the documented one in pg_cron's time zone, which may be intended, or in UTC."""
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


def _runs(facts: SchemaFacts, job: ExpectedJob) -> CheckFinding:
    """A job without a run is ok: after a migration the first run may be a week away."""
    check = f"cron.{job.name}.runs"
    wanted = f"last run succeeded, at most {job.overdue / expected.HOUR:.0f} h ago"
    cron, found = facts.cron, _named(facts, job)
    for access in (cron.jobs_access, cron.runs_access):
        if not access.readable:
            return unknown_finding(check, wanted, access.obstacle, access.remedy or _install(access))
    if not found and cron.jobs_access.complete:
        return finding_of(check, wanted, (Deviation("no such job, so no run", ""),))
    ids = [each.id for each in found]
    runs = [run for run in cron.runs if run.job in ids]
    if not runs:
        # A role sees the runs of its own jobs.
        if found and (cron.runs_access.complete or not cron.jobs_access.complete):
            return finding_of(check, wanted, (), "no run yet")
        return unknown_finding(check, wanted, "not visible: a role sees its own jobs' runs only", ASK_JOB_OWNER)
    return finding_of(check, wanted, _last(job, min(runs, key=lambda run: run.age)))


def _last(job: ExpectedJob, run: CronRun) -> Iterator[Deviation]:
    ago = f"{run.age / expected.HOUR:.1f} h ago"
    if run.status == "failed":
        message = " ".join((run.message or "no message").split())[:200]
        yield Deviation(f"failed {ago}: {message}", f"SELECT {job.name}(); shows why, called by its owner")
    elif run.age > job.overdue:
        query = "SELECT * FROM pg_stat_activity WHERE backend_type LIKE 'pg_cron%';"
        yield Deviation(f"last ran {ago}", f"check that pg_cron's launcher runs: {query} and the server's log")


def _named(facts: SchemaFacts, job: ExpectedJob) -> Sequence[CronJob]:
    return [each for each in facts.cron.jobs if each.name == job.name]


def _deletes(text: str, table: str) -> bool:
    return re.search(rf"\bdelete\s+from\s+(only\s+)?(\"?\w+\"?\.)?\"?{table}\b", text, re.IGNORECASE) is not None


def _install(access: TableAccess) -> str:
    if access.exists:
        return ASK_JOB_OWNER
    return "CREATE EXTENSION pg_cron; and apply the migration again. Where pg_cron is in another database, check there"
