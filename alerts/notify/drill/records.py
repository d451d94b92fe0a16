"""The result of the latest drill for each receiver, saved in one file of the state directory over restarts."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock

from alerts.notify.drill.confirmation import Confirmation
from exporter.core import atomic_file

FILE = "drill.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class DrillRecord:
    """One receiver: `since` is when it was first configured, `succeeded_at` when a drill last reached it, or None.

    `proved` is what the last success showed, `problem` why the attempt after it failed. Units: Unix seconds.
    """

    since: float
    succeeded_at: float | None = None
    proved: str = ""
    problem: str = ""


class DrillRecords:
    """The records by receiver. The lock makes it safe for several threads; only `load` and `save` use the disk.

    `schedule` identifies the schedule: another one begins with new records, as it has missed no drill yet.
    """

    def __init__(self, directory: Path, schedule: str, receivers: Iterable[str], now: float) -> None:
        self._path = directory / FILE
        self._schedule = schedule
        self._lock = Lock()
        self._records = {receiver: DrillRecord(now) for receiver in receivers}
        self._saved: dict[str, DrillRecord] = {}

    def load(self) -> None:
        """Continue with the saved records. Raises: OSError; ValueError when the file cannot be parsed."""
        try:
            document = json.loads(self._path.read_text("utf-8"))
            if document["format"] != FORMAT or document["schedule"] != self._schedule:
                return
            saved = {name: DrillRecord(**record) for name, record in document["receivers"].items()}
        except FileNotFoundError:
            return
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"cannot be parsed ({error})") from error
        with self._lock:
            self._saved = saved
            self._records |= {name: record for name, record in saved.items() if name in self._records}

    def save(self) -> None:
        """Replace the file if a record has changed. Raises: OSError."""
        with self._lock:
            records = dict(self._records)
        if records != self._saved:
            document = {name: asdict(record) for name, record in records.items()}
            text = json.dumps({"format": FORMAT, "schedule": self._schedule, "receivers": document})
            atomic_file.replace(self._path, text)
            self._saved = records

    def add(self, receiver: str, confirmation: Confirmation, at: float) -> None:
        """Record an attempt at `at`, Unix seconds; those of receivers that are not tested are ignored."""
        with self._lock:
            record = self._records.get(receiver)
            if record is None:
                return
            if confirmation.problem:
                self._records[receiver] = replace(record, problem=confirmation.problem)
            else:
                self._records[receiver] = DrillRecord(record.since, at, confirmation.proved)

    def succeeded_since(self, receiver: str, at: float) -> bool:
        """Whether a drill has reached the receiver since `at`, Unix seconds."""
        succeeded_at = self.all().get(receiver, DrillRecord(0)).succeeded_at
        return succeeded_at is not None and succeeded_at >= at

    def all(self) -> dict[str, DrillRecord]:
        """The present records."""
        with self._lock:
            return dict(self._records)
