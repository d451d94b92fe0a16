"""What the runbook of an alert says about an outbox that is not in the default tables: its table, worker and commands.

The runbooks are written for the default tables.
"""

import re
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from alerts.model import Policy
from exporter.config.settings import Config
from exporter.core.humanize import format_value
from exporter.outbox.mapping import DEFAULT

if TYPE_CHECKING:
    from exporter.outbox.profiles import Profile

_FIRST_SECTION = "\n## Meaning\n"
# In the list of runbooks: the second section, and a row of the table: the alert and its severities, then its summary.
_SECOND_SECTION = "\n## How to read them\n"
_ROW = re.compile(r"^(\| \[(\w+)\]\([^|]*\|[^|]*\|)[^|]*\|\n", re.MULTILINE)
_INDEX_TERMS = (
    "Alerts that this outbox does not have are left out. What follows names the application of the default tables."
)
_DEFAULT_TERMS = (
    "The rest of this page is written for the default tables and their application. Read the table above, with its own "
    "columns, for `job_outbox`; the worker for the processor, and how it is restarted for `pm2`; and the script that "
    "`outbox-exporter adopt --format role` prints for `monitoring_role.sql`. These do not belong to this outbox: the "
    "migration and its rollback, the clean-up jobs of pg_cron, courses, FSM events, idempotency keys, the endpoints of "
    "the application, Redis, the poll every 30 seconds and the batch of 100 jobs. Whether a second worker may run is "
    "for its library to say."
)
EXHAUSTED = (
    "An exhausted job of this outbox is not attempted again, whatever the runbook says of the next poll: retry it when "
    "the cause is removed."
)


def terms_of(table: str) -> str:
    """How to read a step of a runbook for the outbox in another table."""
    return (
        f"Written for the default tables: read {table}, with its own columns, for job_outbox; the worker, and how it "
        "is restarted, for the processor and pm2; and the output of outbox-exporter adopt --format role for "
        "monitoring_role.sql. The application's endpoints, Redis and pg_cron's jobs do not belong to this outbox; "
        "whether a second worker may run is for its library to say."
    )


def profile_of(config: Config) -> "Profile | None":
    """The profile of a configuration; None for the default one, and for a mapping of one's own."""
    name = config.outbox.profile
    if name in (None, "default"):
        return None
    # Not imported above: few configurations have a profile.
    profile: Profile = import_module("exporter.outbox.profiles").load(name)
    return profile


def with_outbox(markdown: str, alert: str, config: Config, policy: Policy) -> str:
    """The runbook of an alert with a section about the outbox of a configuration; as it is for the default tables."""
    if config.outbox.mapping() == DEFAULT:
        return markdown
    section = "\n".join(_section(alert, config, policy))
    return markdown.replace(_FIRST_SECTION, f"\n## This outbox\n\n{section}\n{_FIRST_SECTION}", 1)


def index_with_outbox(markdown: str, config: Config, policy: Policy) -> str:
    """The list of runbooks: the alerts that the outbox of a configuration has, with their summaries there."""
    if config.outbox.mapping() == DEFAULT:
        return markdown
    summaries = {rule.key.alert: rule.summary for rule in policy.rules}
    listed = _ROW.sub(lambda row: f"{row[1]} {summaries[row[2]]} |\n" if row[2] in summaries else "", markdown)
    return listed.replace(_SECOND_SECTION, f"\n{_INDEX_TERMS}\n{_SECOND_SECTION}", 1)


def _section(alert: str, config: Config, policy: Policy) -> Iterator[str]:
    if reason := policy.missing(alert):
        yield f"This alert does not exist for this outbox. Reason: {reason}.\n"
    profile, table = profile_of(config), config.outbox.mapping().table
    if profile is None:
        yield f"The jobs are in the table `{table}`, by the mapping in the configuration.\n"
    else:
        worker = f" Their worker: {profile.worker}." if profile.worker else ""
        yield f"The jobs are those of {profile.title}, in the table `{table}`.{worker}\n"
        yield from (f"- {name}: {command}" for name, command in profile.commands.items())
        yield from (f"- {note}" for note in profile.notes)
        yield ""
    yield from _thresholds(alert, policy)
    if policy.exhausted_apart:
        yield f"{EXHAUSTED}\n"
    yield _DEFAULT_TERMS


def _thresholds(alert: str, policy: Policy) -> Iterator[str]:
    """Those of this configuration, which the rest of the page may not name."""
    for rule in policy.rules:
        if rule.key.alert == alert and rule.unit not in ("", "boolean"):
            yield f"Threshold ({rule.key.severity}): {format_value(rule.threshold, rule.unit)}; {rule.source}.\n"
