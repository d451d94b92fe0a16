"""`verify`: is the migration fully there, or, after a rollback, fully gone?"""

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
    """Every check, in one snapshot. Reads no row of the application's tables. Raises: SampleError."""
    facts = catalogue.read(session)
    return check_applied(facts) if expect == "applied" else CheckReport(tuple(absence_checks.run_checks(facts)))


def check_applied(facts: SchemaFacts) -> CheckReport:
    """Judges these facts by the guide."""
    findings = (
        *migration_history.run_checks(facts),
        *tables.run_checks(facts),
        *policies.run_checks(facts),
        *functions.run_checks(facts),
        *schedules.run_checks(facts),
    )
    warnings = (
        *tables.find_warnings(facts),
        *policies.find_warnings(facts),
        *functions.find_warnings(facts),
        *schedules.find_warnings(facts),
    )
    return CheckReport(findings, warnings, tuple(troubleshooting.diagnose(facts, findings)))
