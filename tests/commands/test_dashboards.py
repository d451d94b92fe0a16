"""`dashboards`: the files that it writes, and what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from exporter import cli

ROOT = Path(__file__).parents[2]
FILES = ["exporter-health.json", "migration-watch.json", "outbox-overview.json"]


def written(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(directory.iterdir())}


def test_the_default_tables(tmp_path, capsys):
    """The shipped files, and nothing is left out."""
    assert cli.main(["dashboards", str(tmp_path / "new")]) == 0
    assert written(tmp_path / "new") == {name: (ROOT / "dashboards" / name).read_text() for name in FILES}
    assert capsys.readouterr().err == ""


def test_another_outbox(tmp_path, capsys, monkeypatch):
    """What is left out is named with its reason. A file that differs is kept unless told otherwise."""
    monkeypatch.setenv("OUTBOX_EXPORTER_OUTBOX_PROFILE", "graphile-worker")
    assert cli.main(["dashboards", str(tmp_path)]) == 0
    seen = capsys.readouterr()
    assert sorted(seen.out.splitlines()) == [f"written    {tmp_path / name}" for name in FILES]
    assert (
        "outbox-overview.json: left out (the row of a processed job is deleted): Drain time, Created / min" in seen.err
    )
    before = written(tmp_path)
    assert sorted(before) == FILES
    (tmp_path / FILES[0]).write_text("{}")
    assert cli.main(["dashboards", str(tmp_path)]) == 2
    assert "exists and differs; --force replaces it" in capsys.readouterr().err
    assert cli.main(["dashboards", "--force", str(tmp_path)]) == 0
    assert written(tmp_path) == before


@pytest.mark.parametrize("arguments", [[], ["a", "b"]])
def test_one_directory_is_needed(arguments):
    """No more, no less."""
    with pytest.raises(SystemExit, match="2"):
        cli.main(["dashboards", *arguments])


def test_no_model_of_grafana_is_needed(tmp_path):
    """The image does not have them."""
    program = (
        "import sys; from exporter import cli; cli.main(sys.argv[1:]); print('grafana_foundation_sdk' in sys.modules)"
    )
    command = [sys.executable, "-c", program, "dashboards", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "False"
