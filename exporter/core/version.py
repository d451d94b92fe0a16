"""The version of the program."""

from importlib import metadata


def version() -> str:
    """The version of the installed distribution."""
    return metadata.version("outbox-exporter")
