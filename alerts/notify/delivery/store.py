"""What one receiver is still to hear and what it has heard, in a small file of the state directory.

The file is replaced as a whole. It holds no secret.
"""

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
# scrypt's cost: a few milliseconds and 1 MB, once at the start. Keys are random; there is nothing to guess.
_COST = 2**10


class Store:
    """The file of one receiver; for one thread at a time.

    `identity` is what makes the receiver this one: its address and its secrets. The file tells whether it is still
    the same, by a salted hash: another one has heard nothing of what still fires.
    """

    def __init__(self, directory: Path, receiver: str, identity: str) -> None:
        self.path = directory / f"notifications-{receiver}.json"
        self._identity = identity
        self._salt, self._hash = os.urandom(16), ""

    def load(self) -> Incidents:
        """What was kept; nothing when there is no file.

        A file that cannot be understood is put aside, to be looked at.
        Raises: OSError; ValueError when the file was put aside.
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

    def save(self, episodes: Incidents) -> None:
        """Keep these from now on; durable on return. Raises: OSError."""
        document = {
            "format": FORMAT,
            "receiver": {"salt": self._salt.hex(), "hash": self._identity_hash()},
            "episodes": [_to_json(each) for each in episodes],
        }
        atomic_file.replace(self.path, json.dumps(document))

    def _parsed(self, document: Any) -> Incidents:
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']}, this version reads {FORMAT}")
        episodes = tuple(_from_json(each) for each in document["episodes"])
        self._salt, self._hash = bytes.fromhex(document["receiver"]["salt"]), ""
        return episodes if document["receiver"]["hash"] == self._identity_hash() else tuple(_for_new_receiver(episodes))

    def _identity_hash(self) -> str:
        if not self._hash:
            self._hash = hashlib.scrypt(self._identity.encode(), salt=self._salt, n=_COST, r=8, p=1, dklen=16).hex()
        return self._hash

    def _quarantine(self, error: Exception) -> ValueError:
        aside = self.path.with_suffix(".unreadable")
        self.path.replace(aside)
        return ValueError(f"cannot be understood ({error}) and is put aside as {aside.name}")


def _for_new_receiver(episodes: Incidents) -> Iterable[Incident]:
    """What a receiver that knows nothing is to hear: what lasts, and what nobody has heard of."""
    return (
        replace(each, told=DeliveredState.NOTHING)
        for each in episodes
        if each.is_open or each.told is DeliveredState.NOTHING
    )


def _to_json(incident: Incident) -> dict[str, Any]:
    # What was refused may be welcome after a restart: with the right key, say.
    told = DeliveredState.NOTHING if incident.told is DeliveredState.REFUSED else incident.told
    return {
        "labels": dict(incident.labels),
        "annotations": dict(incident.annotations),
        "starts_at": incident.starts_at,
        "ends_at": incident.ends_at,
        "told": told.value,
    }


def _from_json(plain: dict[str, Any]) -> Incident:
    ends_at = plain["ends_at"]
    return Incident(
        labels=tuple(sorted((str(name), str(value)) for name, value in plain["labels"].items())),
        starts_at=float(plain["starts_at"]),
        ends_at=None if ends_at is None else float(ends_at),
        told=DeliveredState(plain["told"]),
        annotations={str(name): str(value) for name, value in plain["annotations"].items()},
    )
