"""The drill in the status."""

from typing import TypedDict


class DrilledReceiver(TypedDict):
    """One receiver in the status. `succeeded` is None before the end of its first drill; times in Unix seconds."""

    receiver: str
    succeeded: bool | None
    succeeded_at: float | None
    proved: str
    problem: str


class DrillStatus(TypedDict):
    """The drill in the status: whether it takes place now, the time of the next one (Unix seconds), the receivers."""

    active: bool
    next: float
    severity: str
    receivers: list[DrilledReceiver]
