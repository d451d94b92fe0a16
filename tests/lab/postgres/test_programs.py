"""The installed programs: their paths, missing ones, and copies for another user."""

import os

import psycopg
import pytest

from exporter.lab.postgres import programs
from exporter.lab.postgres.cluster import Cluster
from exporter.lab.postgres.programs import Programs, SystemAccount


def test_inaccessible_programs_are_copied(tmp_path):
    """For a user who cannot access them: with the libraries at the same relative path, without headers."""
    home = tmp_path / "home"
    for part in ("postgresql/bin", "postgresql/include", "wheel.libs"):
        (home / part).mkdir(parents=True)
    home.chmod(0o700)
    installed = Programs(home / "postgresql" / "bin", (home / "wheel.libs",))
    other_user = SystemAccount(uid=os.geteuid() + 1, gid=0)
    copy = tmp_path / "copy"
    assert installed.accessible_to(other_user, copy).bin == copy / "postgresql" / "bin"
    assert sorted(str(path.relative_to(copy)) for path in copy.rglob("*")) == [
        "postgresql",
        "postgresql/bin",
        "wheel.libs",
    ]
    assert installed.accessible_to(SystemAccount(os.geteuid(), 0), tmp_path / "unused") == installed


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to use another account")
def test_a_copied_installation_serves(monkeypatch):
    """PostgreSQL starts from the copy, for a virtual environment in root's home."""
    really = SystemAccount.can_access
    monkeypatch.setattr(
        SystemAccount, "can_access", lambda self, path: "pginstall" not in str(path) and really(self, path)
    )
    with Cluster.embedded() as cluster:
        assert cluster._installation.bin.is_relative_to(cluster.directory)
        psycopg.connect(cluster.dsn()).close()


def test_a_missing_wheel_is_named(monkeypatch):
    """The message names the extra."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(programs.ProgramsNotFoundError, match=r"pip install 'outbox-exporter\[demo\]'"):
        programs.embedded()


def test_missing_debian_packages_are_named(monkeypatch, tmp_path):
    """The message names the packages."""
    monkeypatch.setattr(programs, "_DEBIAN", tmp_path)
    with pytest.raises(programs.ProgramsNotFoundError, match="apt-get install postgresql-15"):
        programs.debian()
