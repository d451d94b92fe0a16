"""Basic authentication against bcrypt hashes, as in Prometheus' exporter-toolkit."""

import asyncio
import base64
import binascii
import hmac
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping

from exporter.core.types import Secret
from exporter.web.background import in_thread

# Results kept of each kind, as in the toolkit. A scrape job has one password.
CACHE_SIZE = 100
# Checks that may wait for the one that runs. At 60 ms each (cost 10) the last one waits 1 s; a scrape has 10 s.
MAX_WAITING = 16


class TooManyLogins(Exception):
    """`MAX_WAITING` password checks are waiting already."""


def check_password(password: bytes, hashed: bytes) -> bool:
    """Whether the password has that bcrypt hash. Takes 60 ms at cost 10, twice as long for each further cost."""
    import bcrypt  # noqa: PLC0415 - 0.5 MB that only basic authentication needs

    try:
        return bcrypt.checkpw(password[:72], hashed)  # bcrypt uses 72 bytes, and the library refuses more
    except ValueError:
        return False


class Authenticator:
    """Checks `Authorization` headers, one bcrypt at a time, so that a flood of them uses one core at most.

    Results are cached in memory under a keyed hash. Accepted and refused ones have caches of their own, so that guesses
    cannot evict the scraper's entry. An unknown user takes as long as a wrong password. Use from one event loop.
    """

    def __init__(self, check: Callable[[bytes, bytes], bool] = check_password) -> None:
        self._check = check
        self._key = os.urandom(32)
        self._results: dict[bool, OrderedDict[bytes, None]] = {True: OrderedDict(), False: OrderedDict()}
        self._check_lock = asyncio.Lock()
        self._waiting = 0

    async def allows(self, users: Mapping[str, Secret], header: str | None) -> bool:
        """Whether the header names one of the users with the right password.

        Raises: TooManyLogins.
        """
        if (credentials := parse(header)) is None:
            return False
        user, password = credentials
        known = users.get(user)
        hashed = known.reveal().encode() if known else _dummy_hash(users)
        parts = repr((user, hashed if known else b"", password)).encode()
        cache_key = hmac.digest(self._key, parts, "sha256")
        for allowed, cached in self._results.items():
            if cache_key in cached:
                return allowed
        allowed = await self._hash_and_compare(password, hashed) and known is not None
        cached = self._results[allowed]
        cached[cache_key] = None
        if len(cached) > CACHE_SIZE:
            cached.popitem(last=False)
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


def parse(header: str | None) -> tuple[str, bytes] | None:
    """User and password of a Basic authorization; None for any other or malformed header."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode("utf-8"), password) if colon else None
    except (binascii.Error, ValueError):
        return None


def _dummy_hash(users: Mapping[str, Secret]) -> bytes:
    """A hash that no password has, with the highest cost of all users."""
    import bcrypt  # noqa: PLC0415 - see `check_password`

    cost = max(int(user.reveal()[4:6]) for user in users.values())
    return bcrypt.gensalt(cost) + b"." * 31
