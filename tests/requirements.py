"""Programs that tests need: without one, a test is skipped with the reason, or fails with CI=true."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final, NoReturn

import pytest

from exporter.lab.postgres.programs import Programs, ProgramsNotFoundError, debian

# The Debian package of each program, for the message.
PACKAGES: Final = {
    "chromium": "chromium",
    "curl": "curl",
    "flock": "util-linux",
    "pgbouncer": "pgbouncer",
    "amtool": "prometheus-alertmanager",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "promtool": "prometheus",
    "systemd-analyze": "systemd",
}


def missing(what: str, remedy: str) -> NoReturn:
    """Skips the test, or fails it with CI=true."""
    message = f"{what} is missing: {remedy}"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def require_program(name: str) -> Path:
    """The path of an installed program, also in /usr/sbin. Without it the test ends by `missing`."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    if found is None:
        missing(name, f"apt-get install {PACKAGES.get(name, name)}")
    return Path(found)


def require_debian() -> Programs:
    """Debian's PostgreSQL with pg_cron. Without it the test ends by `missing`."""
    try:
        programs = debian()
    except ProgramsNotFoundError as error:
        missing("Debian's PostgreSQL", str(error))
    if not (programs.bin.parent / "lib" / "pg_cron.so").exists():
        missing("pg_cron", f"apt-get install postgresql-{programs.major}-cron")
    return programs
