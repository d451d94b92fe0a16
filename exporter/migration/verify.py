"""`verify`: is the migration fully there, or, after a rollback, fully gone?"""

from typing import Literal

from exporter.database import Session
from exporter.migration import absence, catalogue, functions, policies, register, schedules, tables, troubleshooting
from exporter.migration.catalogue import Catalogue
from exporter.migration.findings import Report

Expectation = Literal["applied", "absent"]


def verify(session: Session, expect: Expectation = "applied") -> Report:
    """Every check, in one snapshot. Reads no row of the application's tables. Raises: SampleError."""
    facts = catalogue.read(session)
    return applied(facts) if expect == "applied" else Report(tuple(absence.judge(facts)))


def applied(facts: Catalogue) -> Report:
    """Judges these facts by the guide."""
    findings = (
        *register.judge(facts),
        *tables.judge(facts),
        *policies.judge(facts),
        *functions.judge(facts),
        *schedules.judge(facts),
    )
    cautions = (*tables.warn(facts), *policies.warn(facts), *functions.warn(facts), *schedules.warn(facts))
    return Report(findings, cautions, tuple(troubleshooting.diagnose(facts, findings)))
