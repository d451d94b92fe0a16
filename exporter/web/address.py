"""Publishes the address of the web server on this machine, for the image's health check.

The address is the name of an anonymous file that stays empty. Linux shows it as the target of a link below
`/proc/<pid>/fd`, to processes of the same user. So nothing is written, which a read-only container requires, and the
kernel removes it with the process, however that ends.
"""

import os

# The health check, exporter/app/healthcheck.bash, looks for it.
_PREFIX = "outbox-exporter"


def publish(address: str) -> int | None:
    """Publish `host:port` until the returned descriptor is closed; None where the system has no such files."""
    try:
        return os.memfd_create(f"{_PREFIX} {address}")
    except (AttributeError, OSError):
        return None
