"""Policies that are not understood."""

from __future__ import annotations

from tests.migration.verification import (
    run_verify,
)
from tests.migration.verify.cases import NOT_UNDERSTOOD


def test_a_policy_that_is_not_understood_is_not_replaced(database):
    """The finding has both conditions, but no statement that would change who sees rows."""
    statement, check = NOT_UNDERSTOOD["a policy with more in it"]
    database.execute(statement)
    (finding,) = (f for f in run_verify(database).findings if f.check == check)
    assert "event_type" in finding.found
    assert "user_id = auth.uid()" in finding.expected
    assert finding.remedy.startswith("check whether it means the same: SELECT ")
    assert not any(word in finding.remedy for word in ("DROP", "CREATE", "ALTER"))
    database.execute(finding.remedy.split(": ", 1)[1])


def test_a_further_policy_under_a_condition_is_not_dropped(database):
    """It is a warning without a DROP statement."""
    database.execute("CREATE POLICY later ON job_outbox FOR SELECT TO authenticated USING (entity_id = auth.uid())")
    (warning,) = (c for c in run_verify(database).warnings if c.subject == "job_outbox.later")
    assert "DROP" not in warning.remedy
