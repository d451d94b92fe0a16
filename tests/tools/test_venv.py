"""Which Python a virtual environment is made with."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

VENV = Path(__file__).parents[2] / "tools" / "venv"


def interpreter(folder: Path, name: str, version: tuple[int, int], shows: str) -> None:
    """A program that answers as an interpreter of this version; `-m` prints `shows`."""
    path = folder / name
    path.write_text(f"""#!/bin/sh
case $1 in
    --version) echo Python {version[0]}.{version[1]}.0 ;;
    -c) case $2 in *version_info*) exec {sys.executable} -c "
import sys
from types import SimpleNamespace as N
sys.version_info = type('V', (tuple,), {{'minor': {version[1]}}})({version})
$2" ;; esac ;;
    -m) echo "{shows}" >&2; exit 7 ;;
esac
""")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A PATH with what the script needs, and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("bash", "dirname", "sh"):
        (folder / name).symlink_to(shutil.which(name) or name)
    return folder


def venv(programs: Path, python: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", VENV, programs / python, programs.parent / "new", "demo"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": str(programs)},
    )


def test_the_given_one_is_taken_if_it_fits(programs):
    """Although another one is installed."""
    interpreter(programs, "given", (3, 13), "the given one")
    interpreter(programs, "python3.14", (3, 14), "another one")
    assert venv(programs, "given").stderr == "the given one\n"


@pytest.mark.parametrize("version", [(3, 10), (3, 15), (4, 0)])
def test_another_one_is_taken_where_it_does_not_fit(programs, version):
    """The newest that fits."""
    interpreter(programs, "given", version, "the given one")
    interpreter(programs, "python3.14", (3, 14), "the newest one")
    interpreter(programs, "python3.11", (3, 11), "an older one")
    assert venv(programs, "given").stderr == "the newest one\n"


def test_without_one_it_says_what_is_needed(programs):
    """The versions, and what was given instead."""
    interpreter(programs, "given", (3, 15), "the given one")
    done = venv(programs, "given")
    assert done.returncode == 1
    assert done.stderr.startswith(f"Python 3.11 to 3.14 is needed; {programs / 'given'} is Python 3.15.0.\n")
