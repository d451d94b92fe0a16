"""A clock that tests set."""


class Clock:
    """Seconds, from 0."""

    now = 0.0

    def __call__(self) -> float:
        return self.now
