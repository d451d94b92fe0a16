"""`verify`: whether the migration is complete or, after a rollback, completely removed."""

from typing import Literal

from exporter.database import Session
from exporter.migration.report import CheckReport
from exporter.migration.verify import (
    absence_checks,
    catalogue,
    functions,
    migration_history,
    policies,
    schedules,
    tables,
    troubleshooting,
)
from exporter.migration.verify.catalogue import SchemaFacts

Expectation = Literal["applied", "absent"]


def verify(session: Session, expect: Expectation = "applied") -> CheckReport:
    """Run every check in one snapshot. It reads no row of the application's tables. Raises: SampleError."""
    facts = catalogue.read(session)
    return check_applied(facts) if expect == "applied" else CheckReport(tuple(absence_checks.run_checks(facts)))


def check_applied(facts: SchemaFacts) -> CheckReport:
    """Compare the facts with the migration guide."""
    findings = tuple(
        finding
        for area in (migration_history, tables, policies, functions, schedules)
        for finding in area.run_checks(facts)
    )
    warnings = tuple(
        warning for area in (tables, policies, functions, schedules) for warning in area.find_warnings(facts)
    )
    return CheckReport(findings, warnings, tuple(troubleshooting.diagnose(facts, findings)))
