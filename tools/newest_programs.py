"""Finds the newest programs, besides those of stable Debian.

`tools/newest` fetches them into `.newest/`. The environment variable OUTBOX_NEWEST_BIN names another folder with
them. The programs have the names of Debian's packages: prometheus, promtool, prometheus-alertmanager, amtool,
pgbouncer, victoria-metrics, vmalert, vmalert-tool, prometheus-postgres-exporter, prometheus-sql-exporter.
"""

import os
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[1] / ".newest" / "bin"


def program(name: str) -> Path | None:
    """The newest program of this name, None where it is not installed."""
    found = Path(os.environ.get("OUTBOX_NEWEST_BIN") or FOLDER) / name
    return found if os.access(found, os.X_OK) else None
