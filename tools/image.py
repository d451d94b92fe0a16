"""Builds the image without a container engine: the steps of the Dockerfile, run below a directory instead of `/`.

A virtual environment at usr/local replaces the base image. Absolute paths of the Dockerfile are moved below the
directory. Both stages use the same one, because installed scripts contain their own path. The tests and the benchmark
use it.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from exporter.lab.postgres.programs import SystemAccount
from tools.dockerfile import BuildStage, Instruction, read

ROOT: Final = Path(__file__).parents[1]
# Prefixes of the variables that a build inherits: how to find packages and certificates. A run inherits none.
_BUILD_VARIABLES: Final = ("PIP_", "SSL_", "REQUESTS_", "HTTP", "http", "NO_PROXY", "no_proxy", "HOME")


@dataclass(frozen=True, slots=True)
class Image:
    """A built image; `root` replaces `/`."""

    root: Path
    stage: BuildStage
    environment: Mapping[str, str]

    @property
    def user(self) -> SystemAccount:
        """The user and group of USER."""
        uid, gid = self.stage.only("USER").arguments.split(":")
        return SystemAccount(int(uid), int(gid))

    @property
    def site_packages(self) -> Path:
        """The directory of the installed packages."""
        (found,) = self.root.glob("opt/*/lib/python*/site-packages")
        return found

    def entrypoint(self) -> list[str]:
        """The program, without the arguments of CMD."""
        return self.stage.only("ENTRYPOINT").words()

    def command(self) -> list[str]:
        """What a container runs."""
        return [*self.entrypoint(), *self.stage.only("CMD").words()]

    def health_check(self) -> list[str]:
        """The command of HEALTHCHECK; a shell runs it when it is not in JSON form."""
        _, command = self.stage.only("HEALTHCHECK").arguments.split(" CMD ", 1)
        moved = re.sub(r"(?<![\w.*/-])/[\w./-]+", self._moved_if_inside, command)
        return Instruction("CMD", moved).words() if command.startswith("[") else ["/bin/sh", "-c", moved]

    def _moved_if_inside(self, path: re.Match[str]) -> str:
        """The place of a path of the image; programs of the base image, such as /bin/sh, are this machine's."""
        inside = f"{self.root}{path[0]}"
        return inside if Path(inside).exists() else path[0]

    def health_interval(self) -> int:
        """Seconds between two health checks. Raises: ValueError when the Dockerfile does not say it."""
        options, _ = self.stage.only("HEALTHCHECK").arguments.split(" CMD ", 1)
        if (found := re.search(r"--interval=(\d+)s", options)) is None:
            raise ValueError(f"HEALTHCHECK has no interval in seconds: {options}")
        return int(found[1])

    def start(self, command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
        """Starts a command without a home and with a file size limit of 0; as the image's user when root runs this."""
        user = self.user
        unprivileged = os.geteuid() != 0
        return subprocess.Popen(  # noqa: S603 - the image's own command
            ["prlimit", "--fsize=0", "--", *command],  # noqa: S607 - of util-linux
            cwd=self.root,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            user=None if unprivileged else user.uid,
            group=None if unprivileged else user.gid,
            extra_groups=None if unprivileged else [],
        )

    def run(self, command: list[str], environment: Mapping[str, str], timeout: float) -> tuple[int, str]:
        """Exit status and output; `timeout` in seconds. Raises: TimeoutExpired."""
        with self.start(command, environment) as process:
            output, _ = process.communicate(timeout=timeout)
            return process.returncode, output


@contextmanager
def built(python: Path, tree: Path = ROOT) -> Iterator[Image]:
    """Builds the image of a source tree with read-only files; removes it at the end of the block.

    `python` replaces the interpreter of the base image.
    """
    # Not pytest's directory, which the image's user may not enter.
    directory = Path(tempfile.mkdtemp(prefix="outbox-exporter-image-"))
    try:
        directory.chmod(0o755)
        yield _build(directory, python, tree)
    finally:
        _set_writable(directory, writable=True)
        shutil.rmtree(directory)


def copy_context(tree: Path, directory: Path) -> None:
    """Copies the build context. Our .dockerignore excludes everything but the listed files."""
    patterns = (tree / ".dockerignore").read_text("utf-8").splitlines()
    wanted = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    inner = [pattern.removeprefix("**/") for pattern in patterns if pattern.startswith("**/")]
    if "*" not in patterns:
        raise ValueError(".dockerignore does not exclude everything else")
    for name in wanted:
        source = tree / name
        if source.is_dir():
            shutil.copytree(source, directory / name, ignore=shutil.ignore_patterns(*inner))
        elif source.exists():
            (directory / name).parent.mkdir(exist_ok=True)
            shutil.copy2(source, directory / name)


def _build(directory: Path, python: Path, tree: Path) -> Image:
    builder, final = read(tree / "Dockerfile")
    if builder.base != final.base:
        raise ValueError("the stages of the Dockerfile have different base images")
    root, kept, pristine = directory / "root", directory / "kept", directory / "untouched"
    _base_image(root, python)
    shutil.copytree(root, pristine, symlinks=True)
    _steps(builder, root, tree)
    (_, source, target) = final.only("COPY").words()
    shutil.move(_below(root, source), kept)
    shutil.rmtree(root)
    shutil.move(pristine, root)
    Path(_below(root, target)).parent.mkdir(parents=True)
    shutil.move(kept, _below(root, target))
    environment = _steps(final, root, tree)
    _set_writable(root, writable=False)
    return Image(root, final, environment)


def _base_image(root: Path, python: Path) -> None:
    root.mkdir()
    subprocess.run([python, "-m", "venv", root / "usr" / "local"], check=True)  # noqa: S603 - a given interpreter


def interpreter() -> Path | None:
    """A Python that every user may run; root's home, for instance, is closed to the image's user."""
    candidates = [getattr(sys, "_base_executable", sys.executable), "/usr/bin/python3"]
    return next((path for candidate in candidates if _is_usable(path := Path(candidate).resolve())), None)


def _is_usable(path: Path) -> bool:
    anybody = SystemAccount(-1, -1)
    if not path.exists() or (os.geteuid() == 0 and not anybody.can_access(path.parent)):
        return False
    probe = "import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([path, "-c", probe], check=False, capture_output=True).returncode == 0  # noqa: S603 - found above


def _steps(stage: BuildStage, root: Path, tree: Path) -> dict[str, str]:
    """Executes the stage's instructions; returns the environment after them."""
    environment = {"PATH": f"{root}/usr/local/bin:/usr/bin:/bin"}
    directory = root
    for instruction in stage.instructions:
        match instruction.keyword:
            case "ENV":
                for name, value in instruction.pairs().items():
                    environment[name] = _below(root, value).replace("$PATH", environment["PATH"])
            case "WORKDIR":
                directory = Path(_below(root, instruction.arguments))
                directory.mkdir(parents=True, exist_ok=True)
            case "COPY" if instruction.arguments == ". .":
                copy_context(tree, directory)
            case "RUN":
                _shell(_below(root, _permitted(instruction.arguments)), directory, environment)
            case _:
                pass
    return environment


def _permitted(command: str) -> str:
    """The command, without a change of owner where only root may do that."""
    return command if os.geteuid() == 0 else re.sub(r"\bchown [0-9]+:[0-9]+ \S+", "true", command)


def _shell(command: str, directory: Path, environment: Mapping[str, str]) -> None:
    passed = {name: value for name, value in os.environ.items() if name.startswith(_BUILD_VARIABLES)}
    done: subprocess.CompletedProcess[Any] = subprocess.run(  # noqa: S603 - the Dockerfile's own steps
        ["/bin/sh", "-c", command],
        cwd=directory,
        env={**passed, **environment},
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stdout)


def _below(root: Path, text: str) -> str:
    """The text with its absolute paths moved below `root`."""
    return re.sub(r"(?<![\w.*/-])/(?=\w|$)", f"{root}/", text)


def _set_writable(root: Path, *, writable: bool) -> None:
    """Gives the owner write permission below `root`, or takes it from everybody."""
    for directory, _, files in os.walk(root):
        for path in (Path(directory), *(Path(directory, name) for name in files)):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | 0o200 if writable else mode & 0o555)
