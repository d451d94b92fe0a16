"""Search for the newest installed programs, and the result where there are none."""

from __future__ import annotations

import subprocess

import pytest

from tests import newest
from tests.requirements import require_program


def test_an_absent_program_skips_outside_ci(monkeypatch, tmp_path):
    """Outside CI the reason names the program and the remedy."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("OUTBOX_NEWEST_BIN", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match="the newest promtool is missing: tools/newest"):
        newest.require_newest("promtool")


def test_an_absent_program_fails_in_ci(monkeypatch, tmp_path):
    """With CI=true the same is a failure."""
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("OUTBOX_NEWEST_BIN", str(tmp_path))
    with pytest.raises(pytest.fail.Exception, match="the newest promtool is missing"):
        newest.require_newest("promtool")


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("prometheus", (3,)),
        ("promtool", (3,)),
        ("prometheus-alertmanager", (0, 28)),
        ("amtool", (0, 28)),
        ("pgbouncer", (1, 24)),
        ("prometheus-postgres-exporter", (0, 19)),
    ],
)
def test_the_newest_are_as_new_as_the_tests_that_use_them_expect(name, least):
    """Each program prints its version, which is of a newer generation than Debian 12's."""
    assert newest.version(newest.require_newest(name)) >= least


@pytest.mark.parametrize("name", ["victoria-metrics", "vmalert", "vmalert-tool"])
def test_the_programs_of_victoria_metrics_run(name):
    """Tested by --help, because Debian's build does not print its version."""
    answer = subprocess.run([newest.require_newest(name), "--help"], capture_output=True, text=True, check=False)
    assert "docs.victoriametrics.com" in answer.stdout + answer.stderr


def test_the_version_of_an_installed_program():
    """Debian's programs print it in the same format."""
    assert newest.version(require_program("prometheus")) >= (2, 42)


def test_a_program_without_a_version(tmp_path):
    """ValueError."""
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\necho nothing\n")
    silent.chmod(0o755)
    with pytest.raises(ValueError, match="names no version"):
        newest.version(silent)
