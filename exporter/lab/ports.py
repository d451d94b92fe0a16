"""Free TCP ports on loopback."""

from __future__ import annotations

import random
import socket

LOOPBACK = "127.0.0.1"

# Below the ephemeral range of Linux (32768) and macOS (49152): while a server on such a port is down, no
# outgoing connection can be given its port, and no client that retries can end up connected to itself.
_RANGE = range(20_000, 32_000)
_ATTEMPTS = 100


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago, outside the ephemeral range.

    Another process may take it before the caller does; who binds it must be ready to ask again.

    Raises: OSError when a hundred random candidates were all taken.
    """
    for candidate in random.sample(_RANGE, _ATTEMPTS):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, candidate))
            except OSError:
                continue
            return candidate
    raise OSError(f"no free port on {LOOPBACK} among {_ATTEMPTS} candidates between {_RANGE.start} and {_RANGE.stop}")
