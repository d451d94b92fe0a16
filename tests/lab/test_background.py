"""Loops: steps, rests, pauses, the end, and errors of the database."""

import threading
import time

import psycopg
import pytest

from exporter.lab.background import BackgroundLoop, LabConnection
from tests.lab.waiting import wait_for, wait_until_steady


class Steps:
    """Counts steps."""

    def __init__(self) -> None:
        self.taken = 0

    def __call__(self) -> float:
        self.taken += 1
        return 0.001


def test_a_loop_steps_until_it_is_stopped():
    """After stop no thread is left and no step is taken."""
    steps = Steps()
    loop = BackgroundLoop("test", steps)
    loop.start()
    wait_for(lambda: steps.taken > 2)
    loop.stop()
    taken = steps.taken
    assert not loop.alive
    time.sleep(0.02)
    assert steps.taken == taken


def test_a_paused_loop_is_alive_and_does_nothing():
    """Like a program that hangs; `resume` continues it."""
    steps = Steps()
    loop = BackgroundLoop("test", steps)
    loop.start()
    loop.pause()
    taken = wait_until_steady(lambda: steps.taken)
    time.sleep(0.05)
    assert (steps.taken, loop.alive) == (taken, True)
    loop.resume()
    wait_for(lambda: steps.taken > taken)
    loop.stop()


def test_a_paused_loop_stops():
    """Stopping ends a pause."""
    loop = BackgroundLoop("test", Steps())
    loop.start()
    loop.pause()
    loop.stop()
    assert not loop.alive


def test_a_rest_inside_a_step_ends_with_the_loop():
    """A step that rests for a minute does not delay the end."""
    resting = threading.Event()

    def step() -> float:
        resting.set()
        loop.rest(60)
        return 0

    loop = BackgroundLoop("test", step)
    loop.start()
    resting.wait(5)
    started = time.monotonic()
    loop.stop()
    assert time.monotonic() - started < 5
    assert not loop.alive


def test_a_loop_survives_a_restart_of_its_database(embedded_database, monkeypatch):
    """A lost session is replaced, and closed when the loop ends."""
    monkeypatch.setattr("exporter.lab.background._RETRY_DELAY", 0.01)
    connection = LabConnection(embedded_database.dsn())
    answers = []

    def step() -> float:
        answers.append(connection.open().info.backend_pid)
        connection.open().execute("SELECT 1")
        return 0.01

    loop = BackgroundLoop("test", step, connection)
    loop.start()
    wait_for(lambda: len(answers) > 1)
    first = answers[0]
    embedded_database.execute("SELECT pg_terminate_backend(%s)", (first,))
    wait_for(lambda: answers[-1] != first)
    last = connection.open()
    loop.stop()
    assert last.closed


def test_a_loop_never_runs_twice():
    """A second start waits for a step that is still running."""
    running, most = [0], [0]

    def step() -> float:
        running[0] += 1
        most[0] = max(most[0], running[0])
        time.sleep(1.2)  # longer than stop waits
        running[0] -= 1
        return 0

    loop = BackgroundLoop("test", step)
    loop.start()
    wait_for(lambda: running[0] == 1)
    loop.stop()
    assert loop.alive
    loop.start()
    loop.stop()
    wait_for(lambda: not loop.alive)
    assert most == [1]


def test_a_stopped_loop_starts_again():
    """A crashed processor comes back."""
    steps = Steps()
    loop = BackgroundLoop("test", steps)
    for wanted in (2, 4):
        loop.start()
        wait_for(lambda least=wanted: steps.taken >= least)  # type: ignore[misc]  # bound early on purpose
        loop.stop()


def test_a_link_that_cannot_connect_reports_it():
    """No server listens on port 1."""
    with pytest.raises(psycopg.OperationalError):
        LabConnection("postgresql://127.0.0.1:1/x").open()
