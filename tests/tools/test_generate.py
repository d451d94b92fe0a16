"""The committed files are those that `make generate` writes."""

from __future__ import annotations

import re

import pytest

from alerts.diagnosis.tree import load
from tools import generate

TEXTS = generate.generated()


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(generate.ROOT)))
def test_no_generated_file_is_stale(path):
    """A failure means that a source was changed: run `make generate` and commit the result."""
    assert path.read_text("utf-8") == TEXTS[path], f"{path.relative_to(generate.ROOT)} is stale: run make generate"


def test_the_list_is_complete():
    """The kinds of generated files; a new kind is added here and to `generated`."""
    names = {str(path.relative_to(generate.ROOT)) for path in TEXTS}
    runbooks = {name for name in names if re.fullmatch(r"alerts/runbooks/Outbox\w+\.md", name)}
    assert len(runbooks) == len(load().alerts)
    assert names - runbooks == {
        "alerts/alertmanager/alertmanager.yaml",
        "alerts/grafana/outbox.alerting.yaml",
        "alerts/prometheus/outbox.prometheusrule.yaml",
        "alerts/prometheus/outbox.rules.yaml",
        "alerts/runbooks/README.md",
        "alerts/victoriametrics/outbox.vmrule.yaml",
        "dashboards/exporter-health.json",
        "dashboards/migration-watch.json",
        "dashboards/outbox-overview.json",
        "docs/alerting.md",
        "docs/any-outbox.md",
        "docs/metrics.md",
        "docs/watch.md",
        "examples/kubernetes/prometheus-operator/prometheusrule.yaml",
        "exporter/sql/setup/monitoring_role.sql",
        "exporter/sql/setup/remove_monitoring_role.sql",
    }


def test_stale_files_are_found(tmp_path):
    """A file that is missing, and one with another text; not one with the same text."""
    same, other, absent = tmp_path / "same", tmp_path / "other", tmp_path / "absent"
    same.write_text("text")
    other.write_text("old text")
    assert generate.stale(dict.fromkeys((same, other, absent), "text")) == [other, absent]


@pytest.fixture
def one_file(tmp_path, monkeypatch):
    """A repository with one generated file, which is stale."""
    path = tmp_path / "page.md"
    path.write_text("old\n")
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "generated", lambda: {path: "new\n"})
    return path


def test_check_names_stale_files_and_writes_nothing(one_file, capsys):
    """Exit status 1 while a file is stale."""
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().out == "stale: page.md\n"
    assert one_file.read_text() == "old\n"


def test_without_check_stale_files_are_written(one_file, capsys):
    """Exit status 0; the second run finds nothing to write."""
    assert generate.main([]) == 0
    assert capsys.readouterr().out == "written: page.md\n"
    assert one_file.read_text() == "new\n"
    assert generate.main([]) == generate.main(["--check"]) == 0
    assert capsys.readouterr().out == ""
