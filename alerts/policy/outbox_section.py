"""What the runbook of an alert says about an outbox that is not in the default tables: its table, worker and commands.

The runbooks are written for the default tables.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from alerts.model import Policy
from exporter.config.settings import Config
from exporter.outbox.mapping import DEFAULT

if TYPE_CHECKING:
    from exporter.outbox.profiles import Profile

_FIRST_SECTION = "\n## Meaning\n"
_DEFAULT_TERMS = (
    "The rest of this page is written for the default tables. Read the table above for `job_outbox`, and the worker "
    "for the processor; the migration, its clean-up jobs and its functions do not belong to this outbox."
)


def profile_of(config: Config) -> "Profile | None":
    """The profile of a configuration; None for the default tables, and for a mapping of one's own."""
    name = config.outbox.profile
    if name is None or config.outbox.mapping() == DEFAULT:
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
    yield _DEFAULT_TERMS
