"""A backtest as people and programs read it."""

from __future__ import annotations

from alerts.backtest.backtest import Backtest, Proposals
from alerts.backtest.model import Firing, Unknown
from alerts.backtest.report import document, text
from alerts.backtest.thresholds import Proposal
from alerts.model import RuleKey, Severity
from alerts.policy.load import load_policy

START = 1_763_460_000_000
HOUR = 3_600_000
HIGH = RuleKey("OutboxBacklogHigh", Severity.PAGE)
WAITING = RuleKey("OutboxJobsWaitingLong", Severity.PAGE)
TICKET = RuleKey("OutboxHeadBlocked", Severity.TICKET)
JOB = (("job", "outbox-exporter"),)
FOUND = Backtest(
    START,
    START + 168 * HOUR,
    (
        Firing(HIGH, JOB, START + HOUR, START + 2 * HOUR),
        Firing(WAITING, JOB, START + HOUR, START + 2 * HOUR, muted=True),
        Firing(TICKET, JOB, START + 3 * HOUR, START + 3 * HOUR + 90_000, open=True),
    ),
    (Unknown(START + 4 * HOUR, START + 28 * HOUR, "no samples"),),
    {"Mine/page": "topk: not supported"},
    Proposals(
        0.0,
        (
            Proposal(HIGH, "jobs", 1000.0, 2300.0, 1, 0),
            Proposal(WAITING, "seconds", 300.0, 420.0, 1, 0),
        ),
        0.5,
    ),
)
TEXT = """\
2025-11-18 10:00:00 to 2025-11-25 10:00:00 UTC, 7 d, of which 6 d are known.
Evaluated as Prometheus does, with the thresholds of this configuration.
Mine/page cannot be evaluated: topk: not supported
Unknown, so that alerts may be missing:
  2025-11-18 14:00:00  1 d             no samples

page: 2, of which 1 muted; 1.2 a week
  2025-11-18 11:00:00  1 h             OutboxBacklogHigh: The outbox backlog is high and does not drain
  2025-11-18 11:00:00  1 h, muted      OutboxJobsWaitingLong: Outbox jobs wait long for their first attempt

ticket: 1; 1.2 a week
  2025-11-18 13:00:00  1 min 30 s or longer  OutboxHeadBlocked: Failing jobs block the head of the outbox

info: none

For at most 0 pages a week:
  OutboxBacklogHigh/page: 1,000 -> 2,300 (pages: 1 -> 0)
  OutboxJobsWaitingLong/page: 5 min -> 7 min (pages: 1 -> 0)
A replay with these thresholds gives 0.5 pages a week. In the configuration:
  alerting:
    thresholds:
      OutboxBacklogHigh: {page: {threshold: 2300}}
      OutboxJobsWaitingLong: {page: {threshold: 7m}}
A page that is no longer sent may have been one that somebody needed: check each of them above.
"""


def test_the_text():
    """Known time, gaps, alerts by severity, proposals as the configuration has them."""
    assert text(FOUND, load_policy()) == TEXT


def test_the_document():
    """Times in Unix seconds; an end that is unknown is null."""
    found = document(FOUND)
    assert found["known_seconds"] == 6 * 86400
    assert found["unknown"] == [{"start": 1763474400.0, "end": 1763560800.0, "reason": "no samples"}]
    assert found["alerts"][0] == {
        "alert": "OutboxBacklogHigh",
        "severity": "page",
        "labels": {"job": "outbox-exporter"},
        "start": 1763463600.0,
        "end": 1763467200.0,
        "seen_until": 1763467200.0,
        "muted": False,
    }
    assert found["alerts"][2]["end"] is None
    assert found["proposals"]["pages_per_week_with_proposals"] == 0.5
    assert [each["proposed"] for each in found["proposals"]["thresholds"]] == [2300.0, 420.0]
