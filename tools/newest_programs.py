"""Finds the newest programs, besides those of stable Debian.

`tools/newest` fetches them into `.newest/`. The environment variable OUTBOX_NEWEST_BIN names another folder with
them. The programs have the names of Debian's packages: prometheus, promtool, prometheus-alertmanager, amtool,
pgbouncer, victoria-metrics, vmalert, vmalert-tool, prometheus-postgres-exporter, prometheus-sql-exporter.
"""

import os
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[1] / ".newest" / "bin"
_FETCHED: Final = FOLDER.with_name("complete")  # a line PACKAGE=VERSION for each


def program(name: str) -> Path | None:
    """The newest program of this name, None where it is not installed."""
    found = Path(os.environ.get("OUTBOX_NEWEST_BIN") or FOLDER) / name
    return found if os.access(found, os.X_OK) else None


def package_version(package: str) -> str | None:
    """The version of a package that `tools/newest` has fetched; None when it has not, or from another folder."""
    listed = _FETCHED.read_text("utf-8").splitlines() if _FETCHED.exists() else []
    versions = dict(line.split("=", 1) for line in listed)
    return versions.get(package)
