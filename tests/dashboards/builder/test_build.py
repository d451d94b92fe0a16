"""The committed files equal the output of the code, and Grafana's own models read them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from alerts.policy.load import load_policy
from dashboards.builder.build import RUNBOOKS, dashboards, main, printed
from tests.dashboards.reading import FILES, HERE, load_dashboard

# Keys of Prometheus' annotations that Grafana's own schema does not name.
OF_PROMETHEUS = {"step", "titleFormat", "useValueForTime"}


@pytest.fixture(autouse=True, scope="module")
def _plugins():
    register_default_plugins()


def test_the_committed_files_are_up_to_date():
    """Writing them again gives no difference."""
    policy = load_policy(runbook=f"{RUNBOOKS}/{{alert}}.md")
    for name, dashboard in dashboards(policy).items():
        assert (HERE / name).read_text("utf-8") == printed(dashboard), f"{name}: run python -m dashboards.builder.build"


def test_every_committed_file_is_written_by_the_code():
    """No other JSON lies beside them."""
    assert {path.name for path in HERE.glob("*.json")} == set(FILES) == set(dashboards(load_policy()))


def test_writing_again_gives_the_same(tmp_path):
    """Letter by letter, and to the directory asked for."""
    assert main(["--directory", str(tmp_path)]) == 0
    assert main(["--directory", str(tmp_path), "--check"]) == 0
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.json")}
    assert written == {*FILES, "parts/other-panels.json"}


def test_check_names_stale_files(tmp_path, capsys):
    """Exit status 1, the file, and the remedy."""
    assert main(["--directory", str(tmp_path)]) == 0
    (tmp_path / FILES[0]).write_text("{}", "utf-8")
    (tmp_path / FILES[1]).unlink()
    assert main(["--directory", str(tmp_path), "--check"]) == 1
    error = capsys.readouterr().err
    assert FILES[0] in error
    assert FILES[1] in error
    assert FILES[2] not in error
    assert "python -m dashboards.builder.build" in error


def test_the_url_of_runbooks_is_an_option(tmp_path):
    """For an organisation's own place."""
    assert main(["--directory", str(tmp_path), "--runbooks", "https://wiki.example.org/outbox"]) == 0
    written = json.loads((tmp_path / FILES[0]).read_text("utf-8"))
    constants = {one["name"]: one["query"] for one in written["templating"]["list"] if one["type"] == "constant"}
    assert constants == {"runbooks": "https://wiki.example.org/outbox"}


@pytest.mark.parametrize("file", FILES)
def test_grafanas_models_read_the_files(file):
    """Read into the models of Grafana 11.6 and written again, nothing is lost and nothing is added."""
    again = json.loads(json.dumps(Dashboard.from_json(load_dashboard(file)), cls=JSONEncoder))
    assert _plain(again) == _plain(load_dashboard(file))


@pytest.mark.parametrize("file", FILES)
def test_it_is_json_for_every_client(file):
    """No NaN, no Infinity: Python would write them, Grafana would not read them."""

    def refuse(text: str) -> None:
        raise AssertionError(f"{file}: {text}")

    json.loads((HERE / file).read_text("utf-8"), parse_constant=refuse)


def _plain(dashboard: dict[str, Any]) -> dict[str, Any]:
    marks = [{key: mark[key] for key in mark if key not in OF_PROMETHEUS} for mark in dashboard["annotations"]["list"]]
    return {**dashboard, "annotations": {"list": marks}}
