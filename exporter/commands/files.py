"""`files`: what an installation needs beside the program: rules, dashboards, runbooks, SQL scripts, examples.

They are data of the packages, so that an installed wheel has them. Their names are stable (docs/commands.md).
"""

import argparse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from exporter.core import atomic_file, output
from exporter.core.errors import ConfigError
from exporter.core.exit_status import ExitStatus
from exporter.core.problems import nearest

# The directory of the packages: the root of a clone, or site-packages.
_PACKAGES: Final = Path(__file__).parents[2]
# setup.py copies the files of the repository that are in no package to here.
_INSTALLED: Final = _PACKAGES / "exporter" / "repository"
# Everyone may read them, as far as the umask allows.
_MODE = 0o666


@dataclass(frozen=True, slots=True)
class _Folder:
    """The files below `directory` that match `pattern`; their names begin with `prefix`. `without`: a folder in it."""

    prefix: str
    directory: Path
    pattern: str
    without: str = ""

    def files(self) -> Iterator[tuple[str, Path]]:
        for path in sorted(self.directory.glob(self.pattern)):
            name = path.relative_to(self.directory)
            if path.is_file() and name.parts[0] != self.without:
                yield self.prefix + name.as_posix(), path


def _folders() -> Iterator[_Folder]:
    alerts, repository = _PACKAGES / "alerts", _INSTALLED if _INSTALLED.is_dir() else _PACKAGES
    yield _Folder("", repository, "config.example.yaml")
    yield _Folder("sql/", _PACKAGES / "exporter" / "sql" / "setup", "*.sql")
    yield _Folder("prometheus/", alerts / "prometheus", "*.yaml")
    yield _Folder("victoriametrics/", alerts / "victoriametrics", "*.yaml")
    yield _Folder("alertmanager/", alerts / "alertmanager", "*.yaml")
    yield _Folder("grafana/", alerts / "grafana", "*.yaml")
    yield _Folder("dashboards/", _PACKAGES / "dashboards", "*.json")
    yield _Folder("dashboards/provisioning/", _PACKAGES / "dashboards" / "provisioning", "**/*.yaml")
    yield _Folder("runbooks/", alerts / "runbooks", "*.md")
    # Those for Docker Compose belong to compose.yaml, which builds its images from a clone.
    yield _Folder("examples/", repository / "examples", "**/*", without="compose")


@cache
def files() -> Mapping[str, Path]:
    """Every file by its name, in the order of the list."""
    return MappingProxyType(dict(each for folder in _folders() for each in folder.files()))


def list_names(_: argparse.Namespace) -> ExitStatus:
    """Needs no configuration, like its neighbours."""
    output.write("".join(f"{name}\n" for name in files()))
    return ExitStatus.GOOD


def show(options: argparse.Namespace) -> ExitStatus:
    """Print one file."""
    output.write(_find(options.name).read_text("utf-8"))
    return ExitStatus.GOOD


def _find(name: str) -> Path:
    """The file of that name, or the only one whose name ends in it. Raises: ConfigError."""
    found = [path for full, path in files().items() if name in (full, full.rpartition("/")[2])]
    if name in files():
        return files()[name]
    if len(found) == 1:
        return found[0]
    problem = "several files have this name" if found else f"unknown file{nearest(name, files())}"
    raise ConfigError((f"{name}: {problem}; `outbox-exporter files list` lists their full names",))


def export(options: argparse.Namespace) -> ExitStatus:
    """Write nothing unless everything may be written."""
    write({options.directory / name: path.read_text("utf-8") for name, path in files().items()}, force=options.force)
    return ExitStatus.GOOD


def write(texts: Mapping[Path, str], *, force: bool) -> None:
    """Write files and print a line for each; none unless every one may be written. Raises: ConfigError."""
    if not force and (different := [path for path, text in texts.items() if _differs(path, text)]):
        raise ConfigError(tuple(f"{path}: exists and differs; --force replaces it" for path in different))
    for line in _written(texts.items()):
        output.write(line)


def _differs(path: Path, text: str) -> bool:
    return path.is_symlink() or (path.exists() and not _is_same(path, text))


def _is_same(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False


def _written(texts: Iterable[tuple[Path, str]]) -> Iterator[str]:
    """Write the files; a line for each. Raises: ConfigError."""
    for path, text in texts:
        if not path.is_symlink() and _is_same(path, text):
            yield f"unchanged  {path}\n"
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_file.replace(path, text, mode=_MODE, make_directory=False)
        except OSError as error:
            raise ConfigError((f"{path}: cannot be written: {error.strerror}",)) from error
        yield f"written    {path}\n"
