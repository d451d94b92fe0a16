"""A secret does not show itself."""

from exporter.core.types import Secret


def test_secret_is_shown_by_reveal_alone():
    """Neither repr, str nor a format shows it; equal secrets are equal."""
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret!r} {secret!s} {secret}"
    assert secret.reveal() == "hunter2"
    assert secret == Secret("hunter2") != Secret("other")
