"""Writes every generated file from its source: `make generate`.

The tables of metrics, profiles, rules, runbooks and checks in the documentation, Prometheus' rule files,
Alertmanager's inhibition rules, Grafana's dashboards and the scripts of the monitoring role. With `--check` nothing is
written: exit status 1 means that a file is stale, and the file is named.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from alerts.policy.load import load_policy, runbook_file
from dashboards.builder.build import HERE, RUNBOOKS, dashboards, printed
from exporter.adoption import role_script
from exporter.outbox.mapping import DEFAULT
from tools import alerting, metrics, profiles, rules, watch

ROOT = Path(__file__).parents[1]


def generated() -> dict[Path, str]:
    """Every generated file with the text that it has to have. Raises: ValueError when a marker is missing."""
    policy = load_policy()
    drawn = dashboards(load_policy(runbook=runbook_file(RUNBOOKS)))
    return {
        metrics.PAGE: metrics.with_tables(metrics.PAGE.read_text("utf-8")),
        profiles.PAGE: profiles.with_tables(profiles.PAGE.read_text("utf-8")),
        watch.PAGE: watch.with_checks(watch.PAGE.read_text("utf-8")),
        **{path: write(path.read_text("utf-8"), policy) for path, write in alerting.WRITTEN.items()},
        **rules.files(),
        **role_scripts(),
        **{HERE / name: printed(dashboard) for name, dashboard in drawn.items()},
    }


def role_scripts() -> dict[Path, str]:
    """The scripts of the monitoring role for the default tables."""
    tables = role_script.granted_tables(DEFAULT)
    return {
        ROOT / "exporter" / "sql" / "setup" / f"{make.__name__}.sql": make("public", tables, is_default=True)
        for make in (role_script.monitoring_role, role_script.remove_monitoring_role)
    }


def stale(texts: dict[Path, str]) -> list[Path]:
    """The files that are missing or have another text."""
    return [path for path, text in texts.items() if not path.exists() or path.read_text("utf-8") != text]


def main(arguments: Sequence[str]) -> int:
    """Writes the stale files, or with `--check` only names them; the exit status."""
    texts = generated()
    found = stale(texts)
    for path in found:
        sys.stdout.write(f"{'stale' if '--check' in arguments else 'written'}: {path.relative_to(ROOT)}\n")
        if "--check" not in arguments:
            path.write_text(texts[path], "utf-8")
    return 1 if found and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
