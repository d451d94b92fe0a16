"""Search for the newest installed programs."""

from tools.newest_programs import program


def test_the_folder_of_the_environment_comes_first(monkeypatch, tmp_path):
    """A program is found there when it can be run, and nowhere else."""
    monkeypatch.setenv("OUTBOX_NEWEST_BIN", str(tmp_path))
    assert program("prometheus") is None
    (tmp_path / "prometheus").write_text("#!/bin/sh\n")
    assert program("prometheus") is None
    (tmp_path / "prometheus").chmod(0o755)
    assert program("prometheus") == tmp_path / "prometheus"
