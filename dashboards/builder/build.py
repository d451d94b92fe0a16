"""Writes the dashboards: `python -m dashboards.builder.build`. The JSON files are committed, and do not need it.

With `--check` nothing is written; the exit status is 1 when a committed file is out of date.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from alerts.model import Policy
from alerts.policy.load import load_policy, runbook_file
from dashboards.builder.health import health
from dashboards.builder.layout import GridLayout
from dashboards.builder.overview import BACKLOG_SECTION, other_states, overview
from dashboards.builder.watch import watch
from dashboards.files import OTHER_PANELS

HERE = Path(__file__).parents[1]
# Grafana serves them from its directory public/runbooks, where compose.yaml mounts them.
RUNBOOKS = "/public/runbooks"


def dashboards(policy: Policy) -> Mapping[str, Dashboard]:
    """Every dashboard, by the name of its file."""
    return {
        "outbox-overview.json": overview(policy),
        "migration-watch.json": watch(policy),
        "exporter-health.json": health(policy),
    }


def other_panels() -> Mapping[str, Any]:
    """The panels that the default tables have no values for, and the section of the overview that they belong to."""
    return {"section": BACKLOG_SECTION, "panels": GridLayout().put((other_states(),))}


def printed(dashboard: Dashboard | Mapping[str, Any]) -> str:
    """The JSON that Grafana imports. The same dashboard always gives the same text."""
    return json.dumps(dashboard, cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the files; the exit status."""
    asked = _parser().parse_args(arguments)
    policy = load_policy(runbook=runbook_file(asked.runbooks))
    texts = {asked.directory / name: printed(dashboard) for name, dashboard in dashboards(policy).items()}
    texts[asked.directory / OTHER_PANELS] = printed(other_panels())
    if asked.check:
        return _check(path for path, text in texts.items() if not path.exists() or path.read_text("utf-8") != text)
    for path, text in texts.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return 0


def _check(stale: Iterable[Path]) -> int:
    found = list(stale)
    for path in found:
        sys.stderr.write(f"{path.name} is out of date: run python -m dashboards.builder.build\n")
    return 1 if found else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dashboards.builder.build", description="Write the Grafana dashboards."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file would change")
    parser.add_argument(
        "--runbooks", metavar="URL", default=RUNBOOKS, help=f"base URL of the runbooks (default: {RUNBOOKS})"
    )
    parser.add_argument("--directory", type=Path, default=HERE, help="directory to write to")
    return parser


if __name__ == "__main__":
    sys.exit(main())
