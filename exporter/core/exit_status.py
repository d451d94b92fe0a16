"""The exit status, the same for every command."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """The result for the subject of a command."""

    GOOD = 0
    BAD = 1
    # Wrong usage or configuration.
    USAGE = 2
    # Unknown or unreachable: nothing was proved.
    UNKNOWN = 3
