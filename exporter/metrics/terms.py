"""One name for each quantity: the status page, the report, the dashboards and the documentation use these."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Term:
    """The name of a quantity, and its definition in a sentence."""

    name: str
    meaning: str

    def __str__(self) -> str:
        """The name."""
        return self.name


BACKLOG = Term("Backlog", "Pending jobs: waiting (not tried), failing (tried), exhausted (attempts used up).")
OLDEST_JOB = Term("Oldest job", "Age of the oldest pending job.")
DRAIN_TIME = Term("Drain time", "Backlog divided by the rate of processed jobs.")
PROCESSED_JOBS = Term("Processed jobs", "Jobs that became processed, in the time stated.")
PROCESSING_TIME = Term("Processing time", "From the creation of a job until it is processed: a mean or a percentile.")
FAILURE_RATIO = Term("Failure ratio", "Jobs that failed in the last hour and are still pending, of all tried in it.")
INITIALISATION_FAILURES = Term("Initialisation failures", "Failed initialisations, of all in the time stated.")
HEAD_BLOCKED = Term("Head blocked", "Failing and exhausted jobs among the oldest 100 pending jobs.")
EXHAUSTED_JOBS = Term("Exhausted jobs", "Pending jobs that have used up their attempts.")
EVENTS = Term("Events", "Rows of fsm_events, by source or type.")
IDEMPOTENCY_KEYS = Term("Idempotency keys", "Size of the idempotency cache, live and expired keys.")
OLDEST_EXPIRED_KEY = Term("Oldest expired key", "For how long the oldest expired key has been expired.")
OLDEST_PROCESSED_JOB = Term("Oldest processed job", "Age of the oldest processed job that is still kept.")
FALLBACK_ACTIVATIONS = Term("Fallback activations", "Activations of defence layers 2 and 3, as the application counts.")
FALLBACK_FAILURES = Term("Fallback failures", "Failures of defence layers 2 and 3, as the application counts.")
BROKEN_CHECKS = Term("Broken checks", "Checks of the migration that found a part missing or changed.")
SAMPLE_AGE = Term("Sample age", "Time since the backlog was last sampled.")
COVERAGE = Term("Coverage", "Share of the watch with data.")

TERMS: tuple[Term, ...] = tuple(value for value in globals().values() if isinstance(value, Term))

# The quantity that a signal of the policy measures.
BY_SIGNAL: Mapping[str, Term] = MappingProxyType(
    {
        "outbox:backlog_jobs": BACKLOG,
        "outbox:oldest_open_age_seconds": OLDEST_JOB,
        "outbox:oldest_pending_age_seconds": OLDEST_JOB,
        "outbox:drain_time_seconds": DRAIN_TIME,
        "outbox:completions_per_second": PROCESSED_JOBS,
        "outbox:processing_time_p95_seconds": PROCESSING_TIME,
        "outbox:failure_ratio": FAILURE_RATIO,
        "outbox:fsm_failure_ratio:5m": INITIALISATION_FAILURES,
        "outbox:fsm_failure_ratio:6h": INITIALISATION_FAILURES,
        "outbox:head_blocked_jobs": HEAD_BLOCKED,
        "outbox:exhausted_jobs": EXHAUSTED_JOBS,
        "outbox:expired_key_age_seconds": OLDEST_EXPIRED_KEY,
        "outbox:oldest_processed_age_seconds": OLDEST_PROCESSED_JOB,
        "outbox:fallback_activations:increase5m": FALLBACK_ACTIVATIONS,
        "outbox:fallback_failures:increase10m": FALLBACK_FAILURES,
        "outbox:migration_checks_broken": BROKEN_CHECKS,
        "outbox:backlog_sample_age_seconds": SAMPLE_AGE,
    }
)
