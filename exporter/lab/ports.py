"""Free TCP ports on loopback."""

import random
import socket

LOOPBACK = "127.0.0.1"

# Below the ephemeral range of Linux (32768) and macOS (49152): while a server is down, its port cannot be assigned to
# an outgoing connection, and a client that retries cannot connect to itself.
_RANGE = range(20_000, 32_000)
_ATTEMPTS = 100


def free_port() -> int:
    """A free port of 127.0.0.1 outside the ephemeral range.

    Another process may bind it before the caller does, who then has to ask again.
    Raises: OSError when a hundred random ports were all in use.
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
