"""`files`: the names, and what `export` writes and refuses to write."""

from __future__ import annotations

import contextlib
import io
import stat
from pathlib import Path

import pytest

from exporter.cli import function
from exporter.commands.parser import parser
from exporter.core.errors import ConfigError
from exporter.core.exit_status import ExitStatus

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> str:
    """What the command prints; its status is 0."""
    options = parser().parse_args(["files", *arguments])
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert function(options.command)(options) is ExitStatus.GOOD
    return printed.getvalue()


def test_the_names_are_stable():
    """Scripts use them. Runbooks and dashboards follow the policy and have their own tests."""
    names = run("list").splitlines()
    assert run() == run("list")
    assert [name for name in names if not name.startswith(("runbooks/", "examples/"))] == [
        "config.example.yaml",
        "sql/20251125090000_add_outbox_monitoring_indexes.sql",
        "sql/grant_migration_access.sql",
        "sql/monitoring_role.sql",
        "sql/remove_monitoring_role.sql",
        "sql/use_bypassrls.sql",
        "prometheus/outbox.prometheusrule.yaml",
        "prometheus/outbox.rules.yaml",
        "prometheus/prometheus.yaml",
        "victoriametrics/outbox.vmrule.yaml",
        "alertmanager/alertmanager.yaml",
        "grafana/outbox.alerting.yaml",
        "dashboards/exporter-health.json",
        "dashboards/migration-watch.json",
        "dashboards/outbox-overview.json",
        "dashboards/provisioning/dashboards/outbox.yaml",
        "dashboards/provisioning/datasources/prometheus.yaml",
    ]
    assert {"runbooks/README.md", "runbooks/OutboxStalled.md"} <= set(names)
    assert "examples/systemd/outbox-exporter-sample.timer" in names


def test_every_example_has_a_name():
    """Except for those that compose.yaml needs."""
    found = [path.relative_to(ROOT) for path in (ROOT / "examples").rglob("*") if path.is_file()]
    wanted = {str(path) for path in found if path.parts[1] != "compose" and "__pycache__" not in path.parts}
    assert {name for name in run("list").splitlines() if name.startswith("examples/")} == wanted


def test_a_file_is_shown_as_it_is():
    """By its name, or by the last part of it."""
    script = (ROOT / "exporter" / "sql" / "setup" / "monitoring_role.sql").read_text("utf-8")
    assert run("show", "sql/monitoring_role.sql") == run("show", "monitoring_role.sql") == script
    assert run("show", "config.example.yaml") == (ROOT / "config.example.yaml").read_text("utf-8")


def test_an_unknown_name_is_refused():
    """With the nearest one."""
    with pytest.raises(ConfigError) as refused:
        run("show", "monitoring-role.sql")
    (problem,) = refused.value.problems
    assert problem.startswith('monitoring-role.sql: unknown file; did you mean "sql/monitoring_role.sql"?')


def test_export_writes_every_file(tmp_path):
    """Below a directory that it creates; with the umask's mode; one line for each."""
    directory = tmp_path / "new" / "outbox"
    lines = run("export", str(directory)).splitlines()
    names = run("list").splitlines()
    assert lines == [f"written    {directory / name}" for name in names]
    assert all((directory / name).read_text("utf-8") == run("show", name) for name in names)
    assert stat.S_IMODE((directory / "config.example.yaml").stat().st_mode) & 0o044 == 0o044


def test_export_again_changes_nothing(tmp_path):
    """Files that are as they would be written are left alone."""
    run("export", str(tmp_path))
    before = (tmp_path / "config.example.yaml").stat().st_ino
    assert all(line.startswith("unchanged  ") for line in run("export", str(tmp_path)).splitlines())
    assert (tmp_path / "config.example.yaml").stat().st_ino == before


def test_export_never_overwrites(tmp_path):
    """Every file in its way is named, and none is written."""
    (tmp_path / "prometheus").mkdir()
    mine, link = tmp_path / "prometheus" / "prometheus.yaml", tmp_path / "config.example.yaml"
    mine.write_text("mine")
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError) as refused:
        run("export", str(tmp_path))
    assert refused.value.problems == (
        f"{link}: exists and differs; --force replaces it",
        f"{mine}: exists and differs; --force replaces it",
    )
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["config.example.yaml", "prometheus", "prometheus.yaml"]
    assert mine.read_text() == "mine"


def test_export_replaces_by_force(tmp_path):
    """Only the files that differ."""
    run("export", str(tmp_path))
    mine = tmp_path / "prometheus" / "prometheus.yaml"
    mine.write_text("mine")
    lines = run("export", "--force", str(tmp_path)).splitlines()
    assert [line for line in lines if not line.startswith("unchanged")] == [f"written    {mine}"]
    assert mine.read_text() == run("show", "prometheus/prometheus.yaml")


def test_a_directory_that_cannot_be_written_is_refused(tmp_path):
    """The path and the reason."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as refused:
        run("export", str(tmp_path / "file" / "below"))
    assert refused.value.problems == (f"{tmp_path}/file/below/config.example.yaml: cannot be written: Not a directory",)
