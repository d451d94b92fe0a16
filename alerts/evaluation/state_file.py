"""The alerts and samples of the rule group, saved in one file of the state directory over restarts.

The file is replaced atomically. A file that cannot be parsed, because it is damaged or a newer version wrote it, is
renamed, and evaluation starts without saved state.
"""

import json
import sys
from array import array
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alerts.evaluation.state_machine import ActiveAlert, ActiveAlerts
from alerts.model import Alert, RuleKey, Severity, State
from alerts.promql.storage import Series
from exporter.core import atomic_file

FILE = "alerts.json"
FORMAT = 3


class StateFileError(Exception):
    """The file cannot be read, parsed or written. The message names the file and the reason."""


@dataclass(frozen=True, slots=True)
class SavedState:
    """The state that survives a restart; `at` is when it was saved, Unix seconds."""

    at: float
    active_alerts: ActiveAlerts
    series: tuple[Series, ...]


class StateFile:
    """The state file of one directory, for one process at a time."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def save(self, saved_state: SavedState) -> None:
        """Replace the file. Raises: StateFileError."""
        document = {
            "format": FORMAT,
            "at": saved_state.at,
            "alerts": [_from_active_alert(active) for active in saved_state.active_alerts.values()],
            **_from_series(saved_state.series),
        }
        try:
            atomic_file.replace(self._path, json.dumps(document, separators=(",", ":")))
        except OSError as error:
            raise StateFileError(f"{self._path} cannot be written: {error.strerror}") from error

    def load(self) -> SavedState | None:
        """The saved state; None without a file. A file that cannot be parsed is renamed. Raises: StateFileError."""
        return self._read(self._quarantine)

    def peek(self) -> SavedState | None:
        """The same for a reader that is not the exporter: the file stays as it is. Raises: StateFileError."""
        return self._read(lambda: "the exporter renames it at its next start")

    def _read(self, on_damage: Callable[[], str]) -> SavedState | None:
        try:
            return _parse(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateFileError(f"{self._path} cannot be read: {error.strerror}") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StateFileError(f"{self._path} cannot be parsed ({error}); {on_damage()}") from error

    def _quarantine(self) -> str:
        renamed = self._path.with_suffix(".unreadable")
        try:
            self._path.replace(renamed)
        except OSError as error:
            return f"it will be overwritten, as it cannot be renamed: {error.strerror}"
        return f"it is renamed to {renamed.name}"


def _parse(text: str) -> SavedState:
    document: Any = json.loads(text)
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']}, this version reads {FORMAT}")
    active_alerts = [_to_active_alert(each) for each in document["alerts"]]
    return SavedState(
        float(document["at"]),
        {(active.alert.key, active.alert.labels): active for active in active_alerts},
        tuple(_to_series(document)),
    )


def _from_active_alert(active: ActiveAlert) -> Mapping[str, object]:
    alert = active.alert
    return {
        "alert": alert.key.alert,
        "severity": alert.key.severity.value,
        "labels": dict(alert.labels),
        "state": alert.state.value,
        "active_since": alert.active_since,
        "firing_since": alert.firing_since,
        "last_true": alert.last_true,
        "value": alert.value,
        "muted": alert.muted,
        "annotations": dict(alert.annotations),
        "true_for": active.true_for,
        "false_for": active.false_for,
    }


def _to_active_alert(document: Mapping[str, Any]) -> ActiveAlert:
    """The alert is held: until the next evaluation its result is unknown."""
    alert = Alert(
        RuleKey(str(document["alert"]), Severity(document["severity"])),
        _labels(document["labels"].items()),
        State(document["state"]),
        active_since=float(document["active_since"]),
        value=float(document["value"]),
        last_true=float(document["last_true"]),
        firing_since=_optional(document["firing_since"]),
        held=True,
        muted=bool(document["muted"]),
        annotations={str(name): str(text) for name, text in document["annotations"].items()},
    )
    return ActiveAlert(alert, float(document["true_for"]), _optional(document["false_for"]))


def _optional(number: Any) -> float | None:
    return None if number is None else float(number)


def _labels(pairs: Iterable[Iterable[Any]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(name), str(value)) for name, value in pairs))


def _from_series(series: Iterable[Series]) -> Mapping[str, object]:
    """The series, with the numbers of all of them in three packed arrays: there are tens of thousands of numbers."""
    listed = tuple(series)
    return {
        "series": [(each.metric, each.labels, len(each.times), len(each.ends)) for each in listed],
        "times": _packed("q", (each.times for each in listed)),
        "values": _packed("d", (each.values for each in listed)),
        "ends": _packed("q", (each.ends for each in listed)),
    }


def _to_series(document: Mapping[str, Any]) -> Iterator[Series]:
    """The series, each stale after its last sample: whether it continued is unknown. Raises: ValueError."""
    times, values = _unpacked("q", document["times"]), _unpacked("d", document["values"])
    ends, sampled, ended = _unpacked("q", document["ends"]), 0, 0
    for metric, labels, samples, stops in document["series"]:
        series = Series(str(metric), _labels(labels))
        series.times, series.values = times[sampled : sampled + samples], values[sampled : sampled + samples]
        series.ends = ends[ended : ended + stops]
        if (len(series.times), len(series.values), len(series.ends)) != (samples, samples, stops):
            raise ValueError(f"{metric} has too few numbers")
        sampled, ended = sampled + samples, ended + stops
        if series.times and not (series.ends and series.ends[-1] > series.times[-1]):
            series.ends.append(series.times[-1] + 1)
        yield series
    if (len(times), len(values), len(ends)) != (sampled, sampled, ended):
        raise ValueError("there are more numbers than the series need")


def _packed(kind: str, numbers: "Iterable[array[Any]]") -> str:
    """Eight bytes per number, little-endian, in base64: compact, because it is written every minute."""
    packed = array(kind)
    for each in numbers:
        packed.extend(each)
    return b64encode(_little_endian(packed).tobytes()).decode()


def _unpacked(kind: str, packed: str) -> "array[Any]":
    """Raises: ValueError."""
    numbers = array(kind)
    numbers.frombytes(b64decode(packed, validate=True))
    return _little_endian(numbers)


def _little_endian(numbers: "array[Any]") -> "array[Any]":
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
