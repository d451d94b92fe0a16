"""The cost of commands."""

from types import SimpleNamespace
from typing import Any

from benchmarks import commands
from benchmarks.commands import CommandCost
from benchmarks.exporters import Shipped
from benchmarks.usage import CommandUsage


class FakeRun:
    """Uses more with each command."""

    def __init__(self, build: str) -> None:
        self.exporter = SimpleNamespace(shipped=Shipped(build, ("program",), ("check",), 30.0, Any))  # type: ignore[arg-type]
        self.used: list[tuple[str, ...]] = []

    def check_health(self) -> CommandUsage:
        return self.use(("check",))

    def use(self, command: tuple[str, ...]) -> CommandUsage:
        self.used.append(command)
        return CommandUsage(float(self.used.count(command)), 10 * self.used.count(command), 2)


def test_each_command_has_the_median_of_its_rounds():
    """For each build, the health check included."""
    runs: Any = [FakeRun("new"), FakeRun("old")]
    costs = commands.measure(runs, 3)
    assert CommandCost("--help", "new", 2.0, 20, 2) in costs
    assert CommandCost("health check", "old", 2.0, 20, 2) in costs
    assert {cost.command for cost in costs} == {
        "--help",
        "--version",
        "a wrong option",
        "watch status",
        "maintenance start",
        "rules",
        "sample",
        "health check",
    }
    assert runs[0].used[0] == ("program", "--help")
    assert runs[0].used[7] == ("check",)
    assert runs[0].used[3] == ("program", "watch", "status")
