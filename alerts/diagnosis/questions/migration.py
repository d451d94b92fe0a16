"""Is the migration intact?"""

import re
from collections.abc import Sequence
from enum import StrEnum

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources, limited, reason_of
from exporter.core.errors import SampleError
from exporter.metrics.catalogue import MIGRATION_CHECKS
from exporter.migration.report import CheckAnswer, CheckFinding
from exporter.migration.verify.run import verify


class Answer(StrEnum):
    """Whether a check is broken, and the most urgent kind."""

    INTACT = "intact"
    ACCESS = "access"
    FUNCTION = "function"
    SCHEDULE = "schedule"
    INDEX = "index"
    STRUCTURE = "structure"


# The names of checks, the most urgent kind first.
_KINDS = (
    (Answer.ACCESS, r"\.(?:row_security|policy\.|execute)"),
    (Answer.FUNCTION, r"^(?:initialize_|cleanup_)"),
    (Answer.STRUCTURE, r"\.(?:table|columns|primary_key|foreign_key)|^dependency\.|^register\."),
    (Answer.INDEX, r"^idx_"),
    (Answer.SCHEDULE, r"^cron\."),
)


def ask(sources: Sources) -> Evidence:
    """The checks of `verify`. They read no row of the application's tables."""
    if lacking := sources.lacks(MIGRATION_CHECKS):
        return lacking
    try:
        with sources.sample() as session:
            findings = verify(session).findings
    except SampleError as error:
        return Evidence(None, reason_of(error))
    broken = [each for each in findings if each.answer is CheckAnswer.BROKEN]
    if not broken:
        unknown = sum(each.answer is CheckAnswer.UNKNOWN for each in findings)
        note = f"; {unknown} checks need privileges that this role does not have" if unknown else ""
        return Evidence(Answer.INTACT, f"no check of the migration is broken{note}")
    named = "; ".join(f"{each.check}: {each.found}" for each in broken[:3])
    more = f"; {len(broken) - 3} more" if len(broken) > 3 else ""  # noqa: PLR2004 - as many as are named
    text = limited(f"broken checks of the migration ({len(broken)}): {named}{more}")
    return Evidence(classify(broken), text, limited(broken[0].remedy))


def classify(broken: Sequence[CheckFinding]) -> Answer:
    """The most urgent kind of broken checks."""
    for answer, pattern in _KINDS:
        if any(re.search(pattern, each.check) for each in broken):
            return answer
    return Answer.STRUCTURE
