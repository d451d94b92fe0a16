"""The conditions that statements prove, as text; refusals are tested with a server elsewhere."""

from __future__ import annotations

import pytest

from exporter.core.errors import RowsHidden
from exporter.database import proof
from exporter.database.visibility import Table, TableVisibility


def visible(*, row_security: bool, has: list[int] | None = None, lacks: list[int] | None = None) -> TableVisibility:
    return TableVisibility(
        "public", "public.t", True, "r", [], [], [], [], [], None, row_security, True, [], has or [], lacks or []
    )


def test_without_row_security_roles_are_not_checked():
    """row_security is off then, so that hidden rows are an error."""
    found = proof.condition([visible(row_security=False, has=[7])])
    assert "outbox_exporter.sample" in found
    assert "pg_has_role" not in found
    assert proof.condition([visible(row_security=True)]) == found


def test_every_relevant_role_is_checked_once():
    """Of all tables, in one order, so that the statement stays the same."""
    found = proof.condition([visible(row_security=True, has=[9, 7], lacks=[3]), visible(row_security=False, has=[7])])
    assert found.startswith(
        "(CASE WHEN pg_has_role(7::oid, 'USAGE') AND pg_has_role(9::oid, 'USAGE')"
        " AND NOT pg_has_role(3::oid, 'USAGE') THEN 'true' ELSE 'outbox_exporter.roles' END)::boolean AND "
    )
    assert "outbox_exporter.sample" in found


def test_partitions_are_looked_up_only_where_there_may_be_some():
    """Names are quoted; without a table there is nothing to compare."""
    plain = proof.of_tables('o"dd', ("job_outbox",), frozenset({"job_outbox"}))
    assert """'"o""dd"."job_outbox"'::regclass""" in plain
    assert "pg_partition_tree" not in plain
    assert "ELSE 'outbox_exporter.tables'" in plain
    both = proof.of_tables("public", ("job_outbox", "fsm_events"), frozenset({"job_outbox"}))
    assert both.count("pg_partition_tree") == 1
    assert both.count("::regclass") == 2
    assert proof.of_tables("public", ()) == "true"


def test_the_plan_of_all_rows_uses_no_index():
    """It names itself to the DBA."""
    assert proof.plan_of_all_rows("public", [Table("a", ()), Table("b", ())]) == (
        b'/* outbox-exporter: plan */ EXPLAIN (COSTS OFF) SELECT FROM "public"."a" TABLESAMPLE SYSTEM (100),'
        b' "public"."b" TABLESAMPLE SYSTEM (100)'
    )


def test_a_plan_with_a_filter_hides_rows():
    """A scan without one does not."""
    proof.check_plan("monitor", [("Sample Scan on job_outbox",), ("  Sampling: system ('100'::real)",)])
    with pytest.raises(RowsHidden, match="from role monitor"):
        proof.check_plan("monitor", [("Sample Scan on job_outbox",), ("  Filter: (attempts = 0)",)])
