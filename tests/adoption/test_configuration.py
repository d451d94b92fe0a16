"""The sections of a proposal."""

from __future__ import annotations

from dataclasses import replace

from exporter.adoption import configuration, library
from exporter.adoption.proposal import Proposal
from exporter.config.settings import ApplicationSettings, Config, DatabaseSettings
from exporter.core.types import Url, Zone
from exporter.outbox.mapping import DEFAULT, OutboxMapping
from tests.adoption.relations import table
from tests.adoption.test_library import NSERVICEBUS, PGBOSS

CONFIG = Config()
MAPPING = OutboxMapping("outbox", schema="public", id=("id",), created="made", processed="done")
OWN = Proposal(table("outbox", "id:int!"), "", MAPPING)


def test_a_profile_is_one_line():
    (boss,) = library.proposals([PGBOSS])
    assert configuration.document(boss, CONFIG) == {"outbox": {"profile": "pg-boss"}}
    (moved,) = library.proposals([replace(PGBOSS, schema="queue")])
    assert configuration.document(moved, CONFIG) == {"outbox": {"profile": "pg-boss", "schema": "queue"}}


def test_what_differs_from_a_profile():
    """Is written beside it, and the zone of times where it needs one."""
    (bus,) = library.proposals([NSERVICEBUS])
    assert configuration.document(bus, CONFIG) == {
        "database": {"timestamp_zone": "UTC"},
        "outbox": {"profile": "nservicebus", "table": "Sales_OutboxData"},
    }


def test_the_default_tables():
    proposal = Proposal(table("job_outbox", "outbox_id:uuid!"), "", replace(DEFAULT, schema="public"), "default")
    assert configuration.document(proposal, CONFIG) == {"outbox": {"profile": "default"}}


def test_a_table_without_profile():
    """Every key; the schema where it is not that of the configuration."""
    section = {"table": "outbox", "id": ["id"], "created": "made", "processed": "done"}
    assert configuration.document(OWN, CONFIG) == {"outbox": section}
    elsewhere = replace(CONFIG, database=DatabaseSettings(schema="app"))
    assert configuration.document(OWN, elsewhere) == {"outbox": {"schema": "public", **section}}


def test_the_settings_to_sample_with():
    """Those of the configuration with this mapping, without the application."""
    config = replace(CONFIG, application=ApplicationSettings(Url("http://localhost")))
    found = configuration.configured(replace(OWN, timestamp_zone="UTC"), config)
    assert found.outbox.mapping() == replace(MAPPING, schema="")
    assert (found.database.timestamp_zone, found.application) == (Zone("UTC"), None)


def test_a_section_that_is_not_accepted():
    assert configuration.problem(OWN, CONFIG) == ""
    untold = replace(OWN, mapping=replace(MAPPING, processed=""))
    assert configuration.problem(untold, CONFIG).startswith("processed: nothing tells which jobs are processed")
    odd = replace(OWN, mapping=replace(MAPPING, schema="Odd Schema"))
    assert configuration.problem(odd, CONFIG) == "schema: expected a plain identifier of at most 63 bytes"
