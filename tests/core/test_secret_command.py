"""A command prints a secret: one line, within its time, and nothing of it is in an error."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import psutil
import pytest

from exporter.core import secret_command
from exporter.core.secret_command import first_line
from tests.end_to_end.program import eventually

SECRET = "hunter2"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.mark.parametrize("printed", ["hunter2", "hunter2\n", "hunter2\r\n", "hunter2\nexpires: tomorrow\n"])
def test_the_first_line_is_the_secret(printed):
    """Without its line break; what follows it is ignored."""
    assert first_line(["printf", "%s", printed], 10) == SECRET


def test_no_shell_reads_the_arguments(monkeypatch):
    """They are passed as they are; the environment is inherited, standard input is empty."""
    monkeypatch.setenv("NAME", SECRET)
    assert first_line(["echo", "$NAME; `id` *"], 10) == "$NAME; `id` *"
    assert first_line(["sh", "-c", 'read line; echo "$NAME$line"'], 10) == SECRET


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["true"], "the command printed nothing"),
        (["echo"], "the command printed nothing"),
        (["sh", "-c", "echo hunter2; echo hunter2 >&2; exit 7"], "the command failed with status 7"),
        (["sh", "-c", "echo hunter2; kill -9 $$"], "the command failed with signal 9"),
        (["printf", "hunter2\\377"], "the command did not print text"),
        (["/no/such/hunter2"], "the command cannot be started: No such file or directory"),
        (["/"], "the command cannot be started: Permission denied"),
        (["echo", "hunter2\0"], "the command cannot be started: an argument holds a null character"),
        (["yes", "hunter2"], "the command printed more than 64 KiB"),
    ],
)
def test_failures_repeat_nothing(arguments, message, capfd):
    """Neither the command nor what it prints, on either stream."""
    with pytest.raises(ValueError, match=r"^the command") as raised:
        first_line(arguments, 10)
    assert str(raised.value) == message
    assert raised.value.__cause__ is None
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("then", ["sleep 600", ""], ids=["it waits", "it has ended"])
def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path, then: str):
    """After its time limit; also one that has printed the secret, and one of which a child holds the output open."""
    ids = tmp_path / "ids"
    hang = f"echo hunter2; sleep 600 & echo $! >{ids}; {then}"
    with pytest.raises(ValueError, match=r"^the command did not end within 0.5 s$"):
        first_line(["sh", "-c", hang], 0.5)
    child = int(ids.read_text())
    eventually(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_a_closed_output_does_not_prolong_it():
    """The time limit is for the end of the command, too."""
    with pytest.raises(ValueError, match="did not end"):
        first_line(python("import os, time; os.close(1); time.sleep(600)"), 0.5)


def test_running_commands_can_be_aborted():
    """Whoever waits for one goes on at once."""
    errors: list[str] = []

    def wait() -> None:
        try:
            first_line(["sleep", "600"], 600)
        except ValueError as error:
            errors.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    eventually(lambda: secret_command._running)
    secret_command.abort_running()
    thread.join(5)
    assert errors == ["the command failed with signal 9"]
    assert secret_command._running == set()
