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

from alerts.notify.episodes import Episode, Episodes, Told
from exporter import durable

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

    def load(self) -> Episodes:
        """What was kept; nothing when there is no file.

        A file that cannot be understood is put aside, to be looked at.
        Raises: OSError; ValueError when the file was put aside.
        """
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return ()
        except UnicodeDecodeError as error:
            raise self._set_aside(error) from error
        try:
            return self._parsed(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._set_aside(error) from error

    def save(self, episodes: Episodes) -> None:
        """Keep these from now on; durable on return. Raises: OSError."""
        document = {
            "format": FORMAT,
            "receiver": {"salt": self._salt.hex(), "hash": self._proof()},
            "episodes": [_plain(each) for each in episodes],
        }
        durable.replace(self.path, json.dumps(document))

    def _parsed(self, document: Any) -> Episodes:
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']}, this version reads {FORMAT}")
        episodes = tuple(_episode(each) for each in document["episodes"])
        self._salt, self._hash = bytes.fromhex(document["receiver"]["salt"]), ""
        return episodes if document["receiver"]["hash"] == self._proof() else tuple(_for_another(episodes))

    def _proof(self) -> str:
        if not self._hash:
            self._hash = hashlib.scrypt(self._identity.encode(), salt=self._salt, n=_COST, r=8, p=1, dklen=16).hex()
        return self._hash

    def _set_aside(self, error: Exception) -> ValueError:
        aside = self.path.with_suffix(".unreadable")
        self.path.replace(aside)
        return ValueError(f"cannot be understood ({error}) and is put aside as {aside.name}")


def _for_another(episodes: Episodes) -> Iterable[Episode]:
    """What a receiver that knows nothing is to hear: what lasts, and what nobody has heard of."""
    return (replace(each, told=Told.NOTHING) for each in episodes if each.lasts or each.told is Told.NOTHING)


def _plain(episode: Episode) -> dict[str, Any]:
    # What was refused may be welcome after a restart: with the right key, say.
    told = Told.NOTHING if episode.told is Told.REFUSED else episode.told
    return {
        "labels": dict(episode.labels),
        "annotations": dict(episode.annotations),
        "starts_at": episode.starts_at,
        "ends_at": episode.ends_at,
        "told": told.value,
    }


def _episode(plain: dict[str, Any]) -> Episode:
    ends_at = plain["ends_at"]
    return Episode(
        labels=tuple(sorted((str(name), str(value)) for name, value in plain["labels"].items())),
        starts_at=float(plain["starts_at"]),
        ends_at=None if ends_at is None else float(ends_at),
        told=Told(plain["told"]),
        annotations={str(name): str(value) for name, value in plain["annotations"].items()},
    )
