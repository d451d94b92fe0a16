"""The life of a library of npm: a process of Node, which is told what to do line by line."""

import json
import subprocess
from pathlib import Path
from typing import Any, ClassVar, Final

from tests.node import node_with_packages
from tests.outbox.lives.life import Outcome, Truth

_SCRIPTS: Final = Path(__file__).parent / "node"
_TIMEOUT: Final = 30  # seconds, for a process that ends at once


class NodeLife:
    """A library with its tables in one database, driven by the script of `script`."""

    profile: ClassVar[str]
    script: ClassVar[str]

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._process = self._start()

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=_TIMEOUT)

    def enqueue(self, queue: str, outcome: Outcome) -> None:
        """A job that is due now."""
        self._call("enqueue", queue=queue, outcome=outcome)

    def schedule(self, queue: str) -> None:
        """A job that is due tomorrow."""
        self._call("schedule", queue=queue)

    def run(self, jobs: int) -> None:
        """The worker takes at most so many due jobs, and is idle again."""
        self._call("run", jobs=jobs)

    def crash(self, queue: str) -> None:
        """Another process takes a job and is killed while it runs."""
        self.enqueue(queue, "succeed")
        process = self._start()
        try:
            _answer(process, {"call": "hang", "queue": queue})
        finally:
            process.kill()
            process.communicate()

    def cancel(self) -> None:
        """A pending job is cancelled."""
        self._call("cancel")

    def prune(self) -> None:
        """The library's maintenance runs once."""
        self._call("prune")

    def truth(self) -> Truth:
        """What is true now."""
        return Truth(**self._call("truth"))

    def _call(self, name: str, **parameters: Any) -> Any:
        return _answer(self._process, {"call": name, **parameters})

    def _start(self) -> subprocess.Popen[str]:
        command: list[str | Path] = [node_with_packages(_SCRIPTS), _SCRIPTS / self.script, self._dsn]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _answer(process: subprocess.Popen[str], call: dict[str, Any]) -> Any:
    """Raises: RuntimeError when the process has ended; its standard error says why."""
    assert process.stdin is not None
    assert process.stdout is not None
    print(json.dumps(call), file=process.stdin, flush=True)
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{call} ended the process with status {process.wait(_TIMEOUT)}")
    return json.loads(line)
