"""What the questions of one diagnosis read: database, application, saved state. Each source is read once at most."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from alerts.diagnosis import exporter_status
from alerts.diagnosis.application_answer import ApplicationAnswer
from alerts.diagnosis.exporter_status import ExporterStatus
from alerts.diagnosis.model import Evidence, Library
from alerts.evaluation.state_file import SavedState, StateFile, StateFileError
from alerts.evaluation.state_machine import ActiveAlert
from alerts.model import Policy, Rule, RuleKey, Severity
from alerts.policy.outbox_section import profile_of
from exporter.config.settings import Config
from exporter.core.errors import SampleError, TooSlow
from exporter.database import DatabaseClient, Session, relations
from exporter.database.visibility import Table
from exporter.metrics.catalogue import Metric
from exporter.metrics.readings import CollectorFailure
from exporter.outbox.mapping import OutboxMapping

# Pending and processed jobs that a statement reads: some pages of an index, and as many of the table.
COUNT_LIMIT = 1000
_HOUR = 3600.0
# Of an integer in PostgreSQL.
_MOST = 2**31 - 1
# At most so much of a message, characters.
MAX_MESSAGE_LENGTH = 240
# A state that was saved longer ago belongs to no exporter that runs: it saves every five minutes.
MAX_STATE_AGE = 900.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The time that a diagnosis may take in all, and one of its statements, seconds; None: as configured."""

    total: float | None = None
    statement: float | None = None


@dataclass(frozen=True, slots=True)
class Targets:
    """What is diagnosed. `collectors` returns the failures of the latest run of each collector of the database."""

    config: Config
    policy: Policy
    database: DatabaseClient
    collectors: Callable[[], Sequence[tuple[str, tuple[CollectorFailure, ...]]]]


class Sources:
    """The sources for the diagnosis of `alert`. Use from one thread."""

    def __init__(self, alert: str, targets: Targets, limits: Limits | None = None) -> None:
        self.alert = alert
        self.config = targets.config
        self.policy = targets.policy
        self.database = targets.database
        self._collectors = targets.collectors
        self._limits = limits or Limits()
        self._deadline = None if self._limits.total is None else time.monotonic() + self._limits.total

    @property
    def is_over(self) -> bool:
        """Whether the time of the diagnosis is over."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    @contextmanager
    def sample(self, *reads: Table) -> Generator[Session]:
        """One read-only transaction. Raises: SampleError."""
        if self.is_over:
            raise TooSlow("no time was left")
        with self.database.sample(*reads, statement_timeout=self._limits.statement) as session:
            yield session

    @cached_property
    def failures(self) -> tuple[tuple[str, CollectorFailure], ...]:
        """The failures of the collectors' latest runs, with the collector's name."""
        return tuple((name, failure) for name, failures in self._collectors() for failure in failures)

    @cached_property
    def application(self) -> ApplicationAnswer | None:
        """One sample of the application; None when none is configured."""
        settings = self.config.application
        if settings is None:
            return None
        # Not imported above: the HTTP client takes 50 ms, which many outboxes do not need.
        from alerts.diagnosis.application_sample import sample  # noqa: PLC0415

        left = None if self._deadline is None else max(0.01, self._deadline - time.monotonic())
        return sample(settings, left)

    @cached_property
    def exporter(self) -> ExporterStatus:
        """The status of the exporter that runs on this machine."""
        return exporter_status.read(self.config.web)

    @cached_property
    def saved(self) -> SavedState | None:
        """The state that the running exporter saved last; None without a recent one."""
        try:
            saved = StateFile(self.config.watch.state_dir).peek()
        except StateFileError:
            return None
        return saved if saved is not None and abs(time.time() - saved.at) <= MAX_STATE_AGE else None

    @property
    def firing_since(self) -> float | None:
        """Since when the alert's condition held when the exporter saved its state last, Unix seconds; None if not.

        An alert that only keeps firing after the end of its condition does not count.
        """
        active = self.saved.active_alerts.values() if self.saved else ()
        firing = (each.alert.firing_since for each in active if self._holds(each))
        return min((since for since in firing if since is not None), default=None)

    def _holds(self, active: ActiveAlert) -> bool:
        return active.alert.key.alert == self.alert and active.false_for is None

    def increase(self, metric: Metric, seconds: float, **labels: str) -> float | None:
        """The increase of a counter over the `seconds` before the state was saved; None without such a history.

        A reset counts from 0. Labels that are not given are added up.
        """
        if self.saved is None:
            return None
        end = round(self.saved.at * 1000)
        found = None
        for series in self.saved.series:
            if series.metric == metric.name and labels.items() <= dict(series.labels).items():
                first, last = series.between(end - round(seconds * 1000) - 1, end)
                values = series.values[first:last]
                steps = (now - before if now >= before else now for before, now in pairwise(values))
                found = (found or 0.0) + sum(steps)
        return found

    def rule(self, alert: str, severity: Severity) -> Rule:
        """A rule, also one that this outbox cannot have: questions compare with its numbers."""
        return self.policy.any_rule(RuleKey(alert, severity))

    def threshold(self, alert: str, severity: Severity) -> float:
        """The configured threshold of a rule, in its unit."""
        return self.rule(alert, severity).threshold

    @property
    def mapping(self) -> OutboxMapping:
        """What the outbox's columns mean."""
        return self.config.outbox.mapping()

    @property
    def library(self) -> Library | None:
        """The library whose outbox it is, where its profile is configured and names its worker."""
        profile = profile_of(self.config)
        return Library(profile.title, profile.worker, profile.commands) if profile and profile.worker else None

    @property
    def exhausted_attempts(self) -> int:
        """From so many attempts on a job is exhausted; the greatest number where the jobs themselves tell."""
        return _MOST if self.mapping.has_exhausted else self.config.sampling.exhausted_attempts

    @property
    def recent_attempts(self) -> float | None:
        """Only attempts of so many seconds are read where exhausted jobs are kept apart; None: of the oldest jobs.

        The oldest unprocessed jobs would be exhausted ones, which failed days ago.
        """
        return _HOUR if self.mapping.has_exhausted else None

    def reads(self, *jobs: str) -> tuple[Table, ...]:
        """The tables and columns behind jobs such as `pending_jobs` in a statement."""
        return relations.reads(self.mapping, *jobs)

    def lacks(self, *metrics: Metric) -> Evidence | None:
        """The answer about what this outbox does not have: the first of these metrics; None when it has all."""
        reasons = (self.policy.unknown_metrics.get(metric.name, "") for metric in metrics)
        reason = next(filter(None, reasons), "")
        return Evidence(None, f"not known of this outbox: {reason}") if reason else None

    def lacks_rule(self, alert: str) -> Evidence | None:
        """The answer where the alert is left out, so that it has no threshold for this outbox; None otherwise."""
        reason = self.policy.missing(alert)
        return Evidence(None, f"not known of this outbox: {reason}") if reason else None

    def scaled(self, seconds: float) -> float:
        """A duration in the time scale of the rules, seconds."""
        return seconds * self.config.alerting.time_scale


def limited(text: str) -> str:
    """A message of one line, printable, of MAX_MESSAGE_LENGTH at most."""
    line = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    return line if len(line) <= MAX_MESSAGE_LENGTH else f"{line[: MAX_MESSAGE_LENGTH - 1]}…"


def reason_of(error: SampleError) -> str:
    """The error as evidence: its reason and its message."""
    return limited(f"{error.reason}: {error}")
