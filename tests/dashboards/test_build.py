"""The command of earlier versions still writes the dashboards."""

import subprocess
import sys

from tests.dashboards.reading import FILES


def test_the_earlier_command_writes_the_dashboards(tmp_path):
    """With its options."""
    command = [sys.executable, "-m", "dashboards.build", "--directory", str(tmp_path)]
    command += ["--runbooks", "https://wiki.example.org/outbox"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {path.name for path in tmp_path.glob("*.json")} == set(FILES)
    assert '"query": "https://wiki.example.org/outbox"' in (tmp_path / "outbox-overview.json").read_text("utf-8")
