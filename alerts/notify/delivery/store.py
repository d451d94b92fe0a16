"""The incidents of one receiver, saved in one file of the state directory. The file contains no secret."""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from alerts.notify.message.incidents import DeliveredState, Incident, Incidents
from exporter.core import atomic_file

FORMAT = 1
# The cost of scrypt: a few milliseconds and 1 MB, once per start. Keys are random, so that they cannot be guessed.
_COST = 2**10


class Store:
    """The file of one receiver. Not safe for several threads at once.

    `identity` is the address with the secrets of the receiver. The file contains a salted hash of it, which tells after
    a restart whether the receiver is the same: a different one knows nothing of firing alerts.
    """

    def __init__(self, directory: Path, receiver: str, identity: str) -> None:
        self.path = directory / f"notifications-{receiver}.json"
        self._identity = identity
        self._salt, self._hash = os.urandom(16), ""

    def load(self) -> Incidents:
        """The saved incidents; none without a file.

        Raises: OSError; ValueError when the file cannot be parsed, after renaming it.
        """
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return ()
        except UnicodeDecodeError as error:
            raise self._quarantine(error) from error
        try:
            return self._parsed(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._quarantine(error) from error

    def save(self, incidents: Incidents) -> None:
        """Replace the file; it is on disk on return. Raises: OSError."""
        document = {
            "format": FORMAT,
            "receiver": {"salt": self._salt.hex(), "hash": self._identity_hash()},
            "episodes": [_to_json(each) for each in incidents],
        }
        atomic_file.replace(self.path, json.dumps(document))

    def _parsed(self, document: Any) -> Incidents:
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']}, this version reads {FORMAT}")
        incidents = tuple(_from_json(each) for each in document["episodes"])
        self._salt, self._hash = bytes.fromhex(document["receiver"]["salt"]), ""
        is_same = document["receiver"]["hash"] == self._identity_hash()
        return incidents if is_same else tuple(_for_new_receiver(incidents))

    def _identity_hash(self) -> str:
        if not self._hash:
            self._hash = hashlib.scrypt(self._identity.encode(), salt=self._salt, n=_COST, r=8, p=1, dklen=16).hex()
        return self._hash

    def _quarantine(self, error: Exception) -> ValueError:
        renamed = self.path.with_suffix(".unreadable")
        self.path.replace(renamed)
        return ValueError(f"cannot be parsed ({error}) and is renamed to {renamed.name}")


def _for_new_receiver(incidents: Incidents) -> Iterable[Incident]:
    """The incidents for a receiver that knows nothing: the open ones, and those of which nothing was sent."""
    return (
        replace(each, delivered_state=DeliveredState.NOTHING)
        for each in incidents
        if each.is_open or each.delivered_state is DeliveredState.NOTHING
    )


def _to_json(incident: Incident) -> dict[str, Any]:
    # A refused update may be accepted after a restart, for example with the right key.
    state = incident.delivered_state
    delivered_state = DeliveredState.NOTHING if state is DeliveredState.REFUSED else state
    return {
        "labels": dict(incident.labels),
        "annotations": dict(incident.annotations),
        "starts_at": incident.starts_at,
        "ends_at": incident.ends_at,
        "condition_since": incident.condition_since,
        "told": delivered_state.value,
    }


def _from_json(document: dict[str, Any]) -> Incident:
    ends_at, condition_since = document["ends_at"], document.get("condition_since")  # earlier versions have no latter
    return Incident(
        labels=tuple(sorted((str(name), str(value)) for name, value in document["labels"].items())),
        starts_at=float(document["starts_at"]),
        ends_at=None if ends_at is None else float(ends_at),
        delivered_state=DeliveredState(document["told"]),
        annotations={str(name): str(value) for name, value in document["annotations"].items()},
        condition_since=None if condition_since is None else float(condition_since),
    )
