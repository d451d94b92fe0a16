"""What `adopt` prints."""

from __future__ import annotations

import json
from dataclasses import replace

import yaml

from exporter.adoption import library, rendering
from exporter.adoption.adopt import Adoption
from exporter.adoption.proof import Proof, Signal
from exporter.adoption.proposal import Proposal
from exporter.adoption.recognise import Choice
from exporter.config.settings import Config
from exporter.outbox.mapping import OutboxMapping
from tests.adoption.relations import table
from tests.adoption.test_library import NSERVICEBUS, PGBOSS

(BOSS,) = library.proposals([PGBOSS])
(BUS,) = library.proposals([NSERVICEBUS])
DRAFT = Proposal(
    table("outbox", "id:int!", schema="app"),
    "recognised by the names and types of its columns",
    OutboxMapping("outbox", schema="app", id=("id",), created="made", status="state"),
    assumed=("a",),
    undecided=("what\nZZ means",),
)
PROOF = Proof((Signal("backlog", 2, "2 jobs (2 waiting)"),), (), ("an index would help",))
FOUND = Adoption("db:5432/app", (BOSS,), ("public.deliveries",), PROOF, "-- role\n", "-- remove\n")


def test_a_configuration():
    """Everything but the mapping is a comment."""
    text = rendering.as_yaml(FOUND, Config())
    assert text == (
        "# db:5432/app: recognised and proved\n"
        "# pgboss.job: pg-boss, tested with version 12.38.0\n"
        "# proved:\n"
        "#   all 8 columns of the profile are there, of fitting types\n"
        "#   one sample of every collector\n"
        "# now:\n"
        "#   backlog: 2 jobs (2 waiting)\n"
        "# notes:\n"
        "#   an index would help\n"
        "# The role that may read this and no more: outbox-exporter adopt --format role | psql\n"
        "\n"
        "outbox: {profile: pg-boss}\n"
        "# also looked at, and not taken:\n"
        "#   public.deliveries (--table public.deliveries)\n"
    )


def test_a_draft_is_a_comment():
    """No configuration is printed as if it were right."""
    text = rendering.as_yaml(Adoption("db", (DRAFT,)), Config())
    assert yaml.safe_load(text) is None
    assert text.splitlines()[0] == "# db: recognised, but not everything is proved"
    assert "# missing:\n#   what ZZ means\n" in text
    assert "#     created: made\n" in text


def test_several_candidates():
    """With what chooses each: its profile, or its table where two have the same."""
    text = rendering.as_yaml(Adoption("db", (BOSS, BUS, DRAFT)), Config())
    assert yaml.safe_load(text) is None
    assert "#   --profile pg-boss: pgboss.job, pg-boss, tested with version 12.38.0\n" in text
    assert "#   --table app.outbox: app.outbox, recognised by the names and types of its columns\n" in text
    twice = rendering.as_yaml(Adoption("db", (BUS, BUS)), Config())
    assert "#   --table public.Sales_OutboxData: " in twice


def test_nothing():
    assert rendering.as_yaml(Adoption("db"), Config()) == (
        "# db: nothing was recognised\n"
        "# no outbox was recognised: no profile fits, and no table has the shape of one; --table NAME names it\n"
    )


def test_what_people_have_chosen():
    """Is in the command that prints the role, and in what was not found."""
    chosen = replace(FOUND, choice=Choice("pg-boss", "app.my table"))
    command = "outbox-exporter adopt --profile pg-boss --table 'app.my table' --format role | psql"
    assert f"# The role that may read this and no more: {command}\n" in rendering.as_yaml(chosen, Config())
    nothing = rendering.as_yaml(Adoption("db", choice=Choice(profile="oban")), Config())
    assert nothing.endswith("# no outbox was recognised that fits --profile oban\n")


def test_json():
    """The same, with the scripts."""
    found = json.loads(rendering.as_json(FOUND, Config()))
    assert found["verdict"] == "recognised and proved"
    assert found["configuration"] == {"outbox": {"profile": "pg-boss"}}
    assert found["signals"] == {"backlog": {"value": 2, "text": "2 jobs (2 waiting)"}}
    assert (found["role"], found["remove_role"], found["others"]) == ("-- role\n", "-- remove\n", ["public.deliveries"])
    assert found["candidates"][0]["table"] == "pgboss.job"
    draft = json.loads(rendering.as_json(Adoption("db", (DRAFT,)), Config()))
    assert (draft["configuration"], draft["role"], draft["missing"]) == (None, None, ["what\nZZ means"])
    assert draft["candidates"][0]["draft"]["outbox"]["created"] == "made"
