"""The questions about jobs, asked of outboxes that are not the default tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from alerts.diagnosis.diagnose import diagnose, question
from alerts.diagnosis.output import as_json, as_text, sentence
from alerts.diagnosis.sources import Sources, Targets
from alerts.diagnosis.tree import load
from alerts.policy.load import configured_policy
from exporter.config.settings import Config, DatabaseSettings, OutboxSettings
from exporter.core.types import Secret
from exporter.database import DatabaseClient
from exporter.lab.postgres.cluster import Cluster
from tests.outbox.shapes import configuration, schema
from tests.postgres import temporary

QUESTIONS = ("progress", "failing", "durations", "kept_jobs", "errors", "locks", "migration", "jobs_clean_up",
             "expired_keys", "conservation")  # fmt: skip
NOT_KNOWN = "not known of this outbox: "
DEFAULT_ONLY = {
    "errors": f"{NOT_KNOWN}the texts of errors are read of the default table only",
    "migration": f"{NOT_KNOWN}belongs to the default tables",
    "jobs_clean_up": f"{NOT_KNOWN}belongs to the default tables",
    "expired_keys": f"{NOT_KNOWN}belongs to the default tables",
}


@contextmanager
def asking(cluster: Cluster, config: Config, sql: str, alert: str = "OutboxStalled") -> Iterator[Sources]:
    with temporary(cluster) as database:
        database.execute(sql)
        settings = DatabaseSettings(dsn=Secret(database.dsn()))
        client = DatabaseClient(settings, config.outbox.mapping())
        client.open()
        try:
            targets = Targets(replace(config, database=settings), configured_policy(config), client, list)
            yield Sources(alert, targets)
        finally:
            client.close()


def answers(sources: Sources) -> dict[str, tuple[str | None, str]]:
    found = {name: question(name)(sources) for name in QUESTIONS}
    return {name: (each.answer and str(each.answer), each.text) for name, each in found.items()}


def test_a_status_and_times(embedded):
    """The questions have the same answers as of the default tables with such jobs."""
    with asking(embedded, configuration("status"), schema("status")) as sources:
        found = answers(sources)
    assert found["progress"][0] == "every-attempt-fails"
    assert found["progress"][1].startswith("2 jobs pending, the oldest for ")
    assert found["progress"][1].endswith("; none processed for 10 min, the last attempt 2 min ago")
    assert found["failing"][0] == "one-queue"
    assert found["durations"] == ("normal", "no job was processed lately")
    assert found["kept_jobs"] == (
        None,
        f"{NOT_KNOWN}the mapping does not say how long processed jobs are kept; alerting.thresholds sets a limit",
    )
    assert found["locks"][0] == "free"
    assert {name: found[name] for name in DEFAULT_ONLY} == {name: (None, text) for name, text in DEFAULT_ONLY.items()}
    assert found["conservation"] == (None, f"{NOT_KNOWN}a job may leave the backlog without being processed")


KEPT = """
    INSERT INTO outbox_messages (topic, status, attempts, created_at, last_attempt_at)
      SELECT 'report', 'failed', 5, now() - interval '3 days', now() - interval '2 days' FROM generate_series(1, 1200);
    UPDATE outbox_messages SET last_attempt_at = now() - interval '3 hours'
      WHERE status <> 'completed' AND last_attempt_at > now() - interval '1 hour';
"""


def test_exhausted_jobs_that_are_kept_explain_their_own_alert_only(embedded):
    """With a thousand of them, a stall is one still: the due jobs are not attempted."""
    for alert, answer, words in (
        ("OutboxStalled", "none", "1 failing jobs, 0 of them exhausted, by queue: mail 1; 1 of the oldest 100"),
        ("OutboxJobsExhausted", "one-queue", "by queue: report "),
    ):
        with asking(embedded, configuration("status"), schema("status") + KEPT, alert) as sources:
            failing, progress = question("failing")(sources), question("progress")(sources)
            cause = diagnose(sources, load()).cause
        assert cause is not None
        assert cause.name == ("processor-stopped" if alert == "OutboxStalled" else "queue-refuses-jobs")
        assert failing.answer is not None
        assert (str(failing.answer), words in failing.text) == (answer, True), failing.text
        assert str(progress.answer) == "stopped"
        assert progress.text.endswith("; none processed for 10 min, none attempted")


def test_rows_that_are_deleted(embedded):
    """How old the oldest due job is, and that nothing tells which jobs are processed."""
    deleted = f"{NOT_KNOWN}the row of a processed job is deleted"
    with asking(embedded, configuration("deleted"), schema("deleted")) as sources:
        found = answers(sources)
    assert found["progress"][0] is None
    assert found["progress"][1].startswith("3 jobs pending, the oldest for ")
    assert found["progress"][1].endswith(f"; which jobs are processed is {deleted}")
    assert (found["durations"], found["kept_jobs"]) == ((None, deleted), (None, deleted))
    assert found["failing"][0] == "none"
    assert found["failing"][1].startswith("1 failing jobs, 0 of them exhausted, by queue: report 1; ")


def test_a_boolean(embedded):
    """Without attempts there are no failing jobs to ask about."""
    with asking(embedded, configuration("boolean"), schema("boolean")) as sources:
        found = answers(sources)
    assert found["failing"] == (None, f"{NOT_KNOWN}no column says which jobs were attempted")
    assert found["progress"][1].startswith("2 jobs pending")


def test_the_worker_of_a_library_is_named(embedded):
    """In the text, in the document, and with the evidence of a notification."""
    config = configuration("deleted")
    mapping = config.outbox.mapping()
    named = OutboxSettings(
        profile="graphile-worker", schema="public", table=mapping.table, id=mapping.id, created=mapping.created,
        queue=mapping.queue,
        due=mapping.due, queues_table="", queues_id="", queues_name="",
    )  # fmt: skip
    config = replace(config, outbox=named)
    with asking(embedded, config, schema("deleted"), "OutboxJobsExhausted") as sources:
        found = diagnose(sources, load())
    assert found.cause is not None
    assert found.cause.name == "queues-refuse-jobs"
    assert "\nof Graphile Worker, worker: graphile-worker; restart: restart graphile-worker, or the process" in as_text(
        found
    )
    assert '"worker": "graphile-worker"' in as_json(found)
    assert sentence(found).endswith("; worker: graphile-worker (runbook OutboxFailureRatioHigh, mitigation 1)")


@pytest.mark.parametrize("profile", [None, "default"])
def test_the_default_tables_have_no_library(profile):
    """Their runbooks name the processor."""
    config = replace(Config(), outbox=OutboxSettings(profile=profile))
    sources = Sources(
        "OutboxStalled", Targets(config, configured_policy(config), DatabaseClient(config.database), list)
    )
    assert sources.library is None
