"""Secrets from files and commands: read at each use, checked, and hidden from then on."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.core import logs
from exporter.core.errors import Reason, SecretUnavailable
from exporter.core.redaction import KnownSecrets
from exporter.core.secret_source import SecretCommand, SecretFile
from exporter.core.types import Secret


@pytest.fixture(autouse=True)
def _secrets_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_secrets", KnownSecrets())


def accept(text: str) -> None:
    if " " in text:
        raise ValueError("holds a space")


def test_a_file_is_read_at_each_use(tmp_path: Path):
    """Its line break is cut; both contents are hidden in texts."""
    path = tmp_path / "token"
    secret = Secret(SecretFile("app.token_file", path, accept))
    assert (secret.latest, secret.time_limit) == ("", 0.0)
    for content in ("first-token\n", "second-token"):
        path.write_text(content)
        assert secret.reveal() == content.rstrip("\n")
    assert secret.latest == "second-token"
    assert logs.hide("first-token and second-token") == "[hidden] and [hidden]"
    assert "token" not in repr(secret)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n", "the file is empty"),
        (b"x" * 65537, "the file is larger than 64 KiB"),
        (b"hunter2\xff", "the file does not hold text"),
        (b"hunter2 hunter2", "holds a space"),
        (None, "the file cannot be read: No such file or directory"),
    ],
)
def test_a_file_without_a_secret(tmp_path: Path, content: bytes | None, message: str):
    """The error is one of authentication; it names the key, and neither the content nor the file."""
    path = tmp_path / "hunter2"
    if content is not None:
        path.write_bytes(content)
    secret = Secret(SecretFile("app.token_file", path, accept))
    with pytest.raises(SecretUnavailable) as raised:
        secret.reveal()
    assert str(raised.value) == f"app.token_file: {message}"
    assert raised.value.reason is Reason.AUTHENTICATION
    assert secret.latest == ""


def test_a_command_runs_again_after_its_lifetime(tmp_path: Path):
    """With a lifetime of 0 at each use."""
    path = tmp_path / "token"
    rare, often = (SecretCommand("app.token_command", ("cat", str(path)), accept, each) for each in (60.0, 0.0))
    for content in ("first-token", "second-token"):
        path.write_text(content)
        assert (rare.read(), often.read()) == ("first-token", content)
    assert logs.hide("second-token") == "[hidden]"
    path.unlink()
    with pytest.raises(SecretUnavailable, match=r"^app\.token_command: the command failed with status 1$"):
        often.read()
    assert (rare.read(), often.latest) == ("first-token", "second-token")
