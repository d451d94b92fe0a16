"""How did the latest watch end?"""

from enum import StrEnum

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources, limited
from alerts.watch import clock
from alerts.watch.analysis.archive import latest, load_watch
from alerts.watch.model.watch import Verdict
from alerts.watch.store.history import History
from alerts.watch.store.lock_file import HistoryError


class Answer(StrEnum):
    """Its verdict; UNDECIDED while it runs."""

    UNDECIDED = "undecided"
    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


_ANSWERS = {Verdict.PASS: Answer.PASSED, Verdict.FAIL: Answer.FAILED, Verdict.INCONCLUSIVE: Answer.INCONCLUSIVE}


def ask(sources: Sources) -> Evidence:
    """Read the history of the state directory."""
    try:
        with History.reader(sources.config.watch.state_dir.absolute()) as history:
            watch = latest(history)
            record = load_watch(history, watch, clock.now()) if watch else None
    except HistoryError as error:
        return Evidence(None, limited(str(error)))
    if record is None:
        return Evidence(Answer.UNDECIDED, "no watch has begun")
    verdict = record.watch.verdict
    if verdict is None:
        return Evidence(Answer.UNDECIDED, "the watch is undecided")
    reasons = "; ".join(record.judgement.reasons[:2])
    return Evidence(_ANSWERS[verdict], limited(f"watch {record.watch.number} ended in {verdict}: {reasons}"))
