"""What holds back the vacuum horizon?"""

from collections.abc import Sequence
from enum import StrEnum

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources, limited, reason_of
from exporter.collectors.horizon import HorizonHolder
from exporter.core.errors import SampleError
from exporter.core.humanize import count, duration


class Answer(StrEnum):
    """The kind of the oldest holder, where it is older than a usual transaction."""

    NOTHING_OLD = "nothing-old"
    SESSION = "session"
    PREPARED_TRANSACTION = "prepared_transaction"
    REPLICATION_SLOT = "replication_slot"
    STANDBY = "standby"


def ask(sources: Sources) -> Evidence:
    """One sample of the list of sessions. That dead rows stay because of it takes several runs of VACUUM to prove."""
    try:
        with sources.sample() as session:
            return evidence(session.fetch("vacuum_horizon", HorizonHolder), session.now)
    except SampleError as error:
        return Evidence(None, reason_of(error))


def evidence(holders: Sequence[HorizonHolder], now: float) -> Evidence:
    """From the holders, the oldest first; `now` in Unix seconds."""
    if not holders or not holders[0].is_old(now):
        return Evidence(Answer.NOTHING_OLD, "no old transaction or replication slot holds back the vacuum horizon")
    first = holders[0]
    since = f" for {duration(now - first.since)}" if first.since is not None else ""
    text = f"{first.text} holds back the vacuum horizon{since}; {count(first.age)} transactions have begun since"
    return Evidence(Answer(first.kind), limited(text))
