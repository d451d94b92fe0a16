"""Basic authentication against bcrypt hashes, as the exporter-toolkit does it."""

import asyncio
import base64
import binascii
import hmac
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping

from exporter.core.types import Secret
from exporter.web.background import in_thread

# As in the toolkit: a scrape job has one password; a hundred answers cover every sane number of clients.
CACHE_SIZE = 100
# How many may wait for their turn. At 60 ms each (cost 10) the last one waits 1 s, well within a scrape's 10 s.
MAX_WAITING = 16


class TooManyLogins(Exception):
    """Too many passwords wait to be checked; try again in a moment."""


def check_password(password: bytes, hashed: bytes) -> bool:
    """Whether the password has that bcrypt hash. Takes as long as the hash's cost says: 60 ms at cost 10."""
    import bcrypt  # noqa: PLC0415 - half a megabyte that only who has users needs

    try:
        return bcrypt.checkpw(password[:72], hashed)  # bcrypt never looks further; the library insists on it
    except ValueError:
        return False


class Authenticator:
    """Checks `Authorization` headers, one bcrypt at a time, so that a flood of them takes one core at most.

    Answers are remembered in memory under a keyed hash, good ones apart from bad ones: guesses cannot push out the
    scraper's. An unknown user costs as much time as a wrong password. Belongs to one event loop.
    """

    def __init__(self, check: Callable[[bytes, bytes], bool] = check_password) -> None:
        self._check = check
        self._key = os.urandom(32)
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._bad: OrderedDict[bytes, None] = OrderedDict()
        self._check_lock = asyncio.Lock()
        self._waiting = 0

    async def allows(self, users: Mapping[str, Secret], header: str | None) -> bool:
        """Whether the header names one of the users with the right password.

        Raises: Busy when `WAITING` others are already waiting for their check.
        """
        if (credentials := parse(header)) is None:
            return False
        user, password = credentials
        known = users.get(user)
        hashed = known.reveal().encode() if known else _dummy_hash(users)
        cache_key = self._cache_key(user, hashed if known else b"", password)
        if cache_key in self._good or cache_key in self._bad:
            return cache_key in self._good
        matches = await self._hash_and_compare(password, hashed)
        allowed = known is not None and matches
        _store(self._good if allowed else self._bad, cache_key)
        return allowed

    async def _hash_and_compare(self, password: bytes, hashed: bytes) -> bool:
        if self._waiting >= MAX_WAITING:
            raise TooManyLogins
        self._waiting += 1
        try:
            async with self._check_lock:
                return await in_thread(lambda: self._check(password, hashed))
        finally:
            self._waiting -= 1

    def _cache_key(self, user: str, hashed: bytes, password: bytes) -> bytes:
        return hmac.digest(self._key, repr((user, hashed, password)).encode(), "sha256")


def parse(header: str | None) -> tuple[str, bytes] | None:
    """User and password of a Basic authorization; None when there is none that can be read."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode("utf-8"), password) if colon else None
    except (binascii.Error, ValueError):
        return None


def _dummy_hash(users: Mapping[str, Secret]) -> bytes:
    """A hash that no password has, as costly as the costliest real one."""
    import bcrypt  # noqa: PLC0415 - as above

    cost = max(int(user.reveal()[4:6]) for user in users.values())
    return bcrypt.gensalt(cost) + b"." * 31


def _store(answers: OrderedDict[bytes, None], cache_key: bytes) -> None:
    answers[cache_key] = None
    while len(answers) > CACHE_SIZE:
        answers.popitem(last=False)
