"""A real Prometheus without scrapes: samples are written to it, and expressions are evaluated by it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from alerts.model import Labels
from tests import webtools
from tests.alerts.promql import remotewrite
from tests.end_to_end.program import Program
from tests.newest import Require
from tests.prometheus import run_prometheus
from tests.requirements import require_program

# By time in milliseconds: the values by labels.
Answers = dict[int, dict[Labels, float]]


class RefusedError(Exception):
    """Prometheus refuses the expression for these series."""


@dataclass(frozen=True, slots=True)
class Oracle:
    """A server that runs."""

    program: Program
    url: str

    def write(self, series: Iterable[remotewrite.Written]) -> None:
        """Everything that there is, at once."""
        remotewrite.write(self.url, series)

    def ask(self, expression: str, times: range) -> Answers:
        """The instant vectors at these times, milliseconds; a scalar has no labels. Raises: RefusedError."""
        span = {"start": _seconds(times[0]), "end": _seconds(times[-1]), "step": _seconds(times.step)}
        answers: Answers = {time: {} for time in times}
        for series in self._result("query_range", expression, span)["result"]:
            labels = tuple(sorted(series["metric"].items()))
            for time, value in series["values"]:
                answers[round(time * 1000)][labels] = float(value)
        return answers

    def ask_once(self, expression: str, time: int) -> dict[Labels, float]:
        """The instant vector at one time. Raises: RefusedError."""
        result = self._result("query", expression, {"time": _seconds(time)})
        if result["resultType"] == "scalar":
            return {(): float(result["result"][1])}
        return {tuple(sorted(series["metric"].items())): float(series["value"][1]) for series in result["result"]}

    def _result(self, what: str, expression: str, more: Mapping[str, str]) -> Any:
        answer = webtools.ask("POST", f"{self.url}/api/v1/{what}", data={"query": expression, **more}).json()
        if answer["status"] != "success":
            assert answer["errorType"] == "execution", answer
            raise RefusedError(answer["error"])
        return answer["data"]


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}"


@contextmanager
def oracle(
    directory: Path, require: Require = require_program, config: Mapping[str, Any] = MappingProxyType({})
) -> Iterator[Oracle]:
    """A server that runs until the block ends; Debian's unless `require` finds another."""
    arguments = ("--web.enable-remote-write-receiver", "--storage.tsdb.retention.time=100y", "--log.level=warn")
    with run_prometheus(require("prometheus"), directory, config, *arguments) as server:
        yield Oracle(server.program, server.url)
