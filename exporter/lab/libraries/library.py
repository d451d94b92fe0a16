"""What the lab asks of a library."""

from typing import Protocol


class Library(Protocol):
    """A library whose tables are in one database. A process uses it either to enqueue or to work."""

    def install(self) -> None:
        """Create the tables by the library's own migrations, and connect. Once, before `enqueue`."""

    def enqueue(self, queue: str, fails_until: float, delay: int) -> None:
        """Add a job that is due in `delay` seconds, and whose attempts fail until a time, Unix seconds."""

    def close(self) -> None:
        """End the connections of `install`."""

    def work(self) -> None:
        """Run the library's own worker until SIGTERM ends it."""
