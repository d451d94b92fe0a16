"""Readings, notices and log lines about the tables themselves, without a server."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from typing import Any

import pytest

from exporter.collectors.horizon import Horizon, HorizonHolder, TableStatistics
from exporter.collectors.tables import TablesCollector, horizon_readings, oldest, table_readings, unknown_statistics
from exporter.core.errors import PermissionDenied
from exporter.outbox.mapping import OutboxMapping
from tests.collectors.fake_database import NOW, FakeClient, FakeSession, values

OUTBOX = TableStatistics("job_outbox", 1, 8192, True, 500, 7, 1000, 10, NOW - 60)
HOLDER = HorizonHolder("session", "700", 40, 4711, "psql", "alice", "app", None, None)


def test_a_table_has_size_rows_and_the_last_vacuum():
    """Of a partitioned one the sums, and the latest VACUUM."""
    rest = replace(OUTBOX, id=2, size=4096, live=1, dead=0, vacuumed_at=None)
    assert values(table_readings([OUTBOX, rest])) == {
        ("outbox_table_size_bytes", "job_outbox"): 12_288,
        ("outbox_table_dead_rows", "job_outbox"): 7,
        ("outbox_table_live_rows", "job_outbox"): 501,
        ("outbox_table_last_vacuum_timestamp_seconds", "job_outbox"): NOW - 60,
    }


def test_unknown_statistics_are_absent():
    """A sum of which a part is unknown is unknown; nothing is known of a server that does not count but sizes."""
    uncounted = replace(OUTBOX, id=2, live=None, dead=None, vacuumed_at=None)
    size = ("outbox_table_size_bytes", "job_outbox")
    last = ("outbox_table_last_vacuum_timestamp_seconds", "job_outbox")
    assert values(table_readings([OUTBOX, uncounted])) == {size: 16_384, last: NOW - 60}
    assert values(table_readings([uncounted])) == {size: 8192}
    assert values(table_readings([replace(OUTBOX, counts=False)])) == {size: 8192}
    assert size not in values(table_readings([replace(OUTBOX, size=None)]))
    assert values(table_readings([OUTBOX, replace(OUTBOX, id=2, size=None)]))[size] == 8192


def test_the_reason_is_stated():
    """For check-config; none where everything is known."""
    events = replace(OUTBOX, table_name="fsm_events", dead=None, live=None)
    assert list(unknown_statistics([OUTBOX], is_standby=False)) == []
    assert list(unknown_statistics([OUTBOX], is_standby=True)) == [
        "a standby keeps no statistics of dead rows and VACUUM: only sizes are known"
    ]
    assert list(unknown_statistics([OUTBOX, replace(events, counts=False)], is_standby=False)) == [
        "track_counts is off, so dead rows and runs of VACUUM are unknown, and autovacuum does not run"
    ]
    (reason,) = unknown_statistics([OUTBOX, events], is_standby=False)
    assert reason.startswith("dead and live rows of fsm_events are unknown until VACUUM or ANALYZE has counted them")


def test_the_horizon_is_held_while_it_is_pinned():
    """By the kind of its holder; a horizon that is not pinned is always held by something for a moment."""
    pinned = Horizon((HOLDER,), NOW - 900, {"job_outbox": True, "fsm_events": False})
    assert values(horizon_readings(pinned)) == {
        ("outbox_vacuum_horizon_pinned", "job_outbox"): 1,
        ("outbox_vacuum_horizon_pinned", "fsm_events"): 0,
        ("outbox_vacuum_horizon_held_timestamp_seconds", "session"): NOW - 900,
    }
    free = replace(pinned, pinned={"job_outbox": False})
    assert values(horizon_readings(free)) == {("outbox_vacuum_horizon_pinned", "job_outbox"): 0}


@pytest.mark.parametrize(
    ("holder", "sentence"),
    [
        (
            HOLDER,
            (
                "held back for 40 transactions by session with pid 4711 (application psql, role alice, database app);"
                " GRANT pg_read_all_stats shows its state and since when"
            ),
        ),
        (
            replace(HOLDER, since=NOW, state="active"),
            (
                "held back since 2023-11-14 22:13 UTC by session with pid 4711 (application psql, role alice, database"
                " app, active)"
            ),
        ),
        (
            HorizonHolder("replication_slot", "9", 12_345, None, "berlin", None, None, None, None),
            "held back for 12,345 transactions by replication slot berlin",
        ),
    ],
)
def test_the_oldest_holder_for_check_config(holder, sentence):
    """A slot has no time at all."""
    assert oldest(holder) == sentence


class Sampled:
    """A collector on a server of which each sample is prepared."""

    def __init__(self) -> None:
        self.client = FakeClient()
        self.collector = TablesCollector(self.client)

    def sample(self, table: TableStatistics, *holders: HorizonHolder, standby: bool = False) -> Any:
        answers = {"table_statistics": [asdict(table)], "vacuum_horizon": [asdict(holder) for holder in holders]}
        self.client.session = FakeSession(answers, standby=standby)
        return self.collector.collect()


def test_one_sample_reads_no_row():
    """The statistics of three tables in one transaction, and the holders."""
    sampled = Sampled()
    outcome = sampled.sample(OUTBOX, HOLDER)
    assert sampled.client.sampled == [((), False)]
    assert sampled.client.session.asked == [
        ("table_statistics", {"schema": "public", "tables": ["job_outbox", "idempotency_keys", "fsm_events"]}),
        ("vacuum_horizon", {}),
    ]
    assert (outcome.network_time, outcome.rows, str(outcome.server)) == (0.25, 0, "primary db:5432")
    assert len(outcome.readings) == 4


def test_a_standby_is_not_asked_for_holders():
    """VACUUM does not run there."""
    sampled = Sampled()
    sampled.sample(OUTBOX, HOLDER, standby=True)
    assert [name for name, _ in sampled.client.session.asked] == ["table_statistics"]


STATUS = OutboxMapping("mails", status="state", status_pending=("new",))


def test_a_status_that_the_mapping_does_not_list(caplog):
    """It is noticed at each sample, and logged again only when the values change; a mapping that lists it ends that."""
    client = FakeClient(FakeSession({"table_statistics": [], "vacuum_horizon": []}))
    client.mapping = client.session.mapping = STATUS
    collector, found = TablesCollector(client), []
    for labels in (["new"], ["held"], ["held"], ["held", "lost"], [], ["held"]):
        client.session.answers["status_values"] = [{"value": each, "is_label": True} for each in labels]
        found.append((len(collector.collect().notices), len(caplog.records)))
    assert found == [(0, 0), (1, 1), (1, 1), (1, 2), (0, 2), (1, 3)]
    assert client.session.parameters("status_values")[0] == {"schema": "public", "table": "mails", "column": "state"}
    assert caplog.records[0].fields == {
        "table": "mails",
        "values": "state 'held' is a value of its type that means nothing in this mapping; counted nowhere",
    }


def test_a_server_that_hides_its_statistics():
    """Nothing is known of the status, and the horizon is."""

    def refuse(**_: object) -> None:
        raise PermissionDenied("permission denied for view pg_stats")

    later = replace(OUTBOX, dead=20, changes=1001, vacuums=12)
    client = FakeClient(FakeSession({"vacuum_horizon": [asdict(HOLDER)], "status_values": refuse}))
    client.mapping = client.session.mapping = STATUS
    collector = TablesCollector(client)
    for table in (OUTBOX, later):
        client.session.answers["table_statistics"] = [asdict(table)]
        outcome = collector.collect()
    assert [notice.name for notice in outcome.notices] == ["job_outbox"]
    assert not outcome.failures


def test_a_server_that_hides_its_sessions():
    """Nothing is known of the horizon, and the status is."""

    def refuse(**_: object) -> None:
        raise PermissionDenied("permission denied for view pg_stat_activity")

    held = [{"value": "held", "is_label": True}]
    client = FakeClient(FakeSession({"table_statistics": [], "vacuum_horizon": refuse, "status_values": held}))
    client.mapping = client.session.mapping = STATUS
    outcome = TablesCollector(client).collect()
    assert [(notice.name, notice.text) for notice in outcome.notices] == [
        ("mails", "state 'held' is a value of its type that means nothing in this mapping; counted nowhere")
    ]
    assert not outcome.failures


def test_who_pins_the_horizon_is_noticed_and_logged_once(caplog):
    """The notice stays as long as the horizon is pinned; the log has its begin and its end."""
    caplog.set_level(logging.INFO, "exporter")
    sampled = Sampled()
    later = replace(OUTBOX, dead=20, changes=1001, vacuums=12)
    assert sampled.sample(OUTBOX, HOLDER).notices == ()
    for _ in range(2):
        (notice,) = sampled.sample(later, HOLDER).notices
        assert notice.name == "job_outbox"
        assert notice.text.startswith("dead rows stay although VACUUM runs: session with pid 4711 (application psql,")
    assert sampled.sample(later, replace(HOLDER, xid="701")).notices == ()
    assert [record.message for record in caplog.records] == [
        "vacuum horizon pinned",
        "vacuum horizon not pinned any more",
    ]
    fields = caplog.records[0].fields
    assert fields["tables"] == "job_outbox"
    assert fields["holder"].startswith("session with pid 4711 (application psql, role alice, database app) has held")
