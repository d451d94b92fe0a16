"""The exit status, the same for every command."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """What the status says about the thing that the command was asked about."""

    GOOD = 0
    BAD = 1
    # Wrong usage or configuration.
    USAGE = 2
    # Unknown or unreachable: nothing was proved.
    UNKNOWN = 3
