"""A secret does not show itself."""

from exporter.core.types import Secret


def test_secret_is_shown_by_reveal_alone():
    """Neither repr, str nor a format shows it; equal secrets are equal."""
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret!r} {secret!s} {secret}"
    assert secret.reveal() == "hunter2"
    assert secret == Secret("hunter2") != Secret("other")


class Changing:
    """A source whose value is another at each use."""

    time_limit = 3.0

    def __init__(self) -> None:
        self.latest = ""

    def read(self) -> str:
        self.latest += "x"
        return self.latest


def test_a_secret_may_be_read_at_each_use():
    """`latest` reads nothing; a constant secret is always the latest, and takes no time."""
    secret = Secret(Changing())
    assert (secret.latest, secret.reveal(), secret.reveal(), secret.latest) == ("", "x", "xx", "xx")
    assert (secret.time_limit, Secret("y").time_limit) == (3.0, 0.0)
    assert Secret("y").latest == "y"
    assert f"{secret!r}" == "Secret()"
