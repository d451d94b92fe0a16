"""Which search_path is safe, and warnings about SECURITY DEFINER functions."""

from __future__ import annotations

import pytest

from exporter.migration.verify.functions import is_safe
from tests.migration.verification import (
    run_verify,
)


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("public, pg_temp", True),
        ("public,pg_temp", True),
        ('"public", "pg_temp"', True),
        ("public, extensions, pg_temp", True),
        ("", True),
        ('""', True),
        ("pg_catalog", True),
        ("pg_catalog, pg_temp", True),
        ("pg_temp", True),
        (None, False),
        ("public", False),
        ("pg_temp, public", False),
        ("pg_temp, public, pg_temp", False),
        ('"$user", public, pg_temp', False),
        ("pg_catalog, public", False),
        ("public, pg_temp, auth", False),
        # One schema of such a name, as SET search_path = 'public, pg_temp' gives it.
        ('"public, pg_temp"', False),
        ('"App", pg_temp', True),
        ('"pg_temp", public', False),
    ],
)
def test_a_safe_search_path(path, safe):
    """pg_temp is last, or no schema of users is searched."""
    assert is_safe(path) is safe


def test_the_documented_migration_has_no_warning_about_security(database):
    """It pins search_path and revokes EXECUTE."""
    assert not [warning for warning in run_verify(database).warnings if "SECURITY" in warning.text]
