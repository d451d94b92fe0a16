"""Blocking work in a thread of its own."""

import asyncio
import threading

import pytest

from exporter.web.background import in_thread


def test_the_result_comes_from_another_thread():
    """A daemon thread, so that work that hangs does not delay the end of the process."""
    thread = asyncio.run(in_thread(threading.current_thread))
    assert (thread.name, thread.daemon) == ("web-work", True)


def test_an_error_is_raised_where_the_result_is_awaited():
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_thread(fail))


def test_work_that_outlives_the_event_loop_is_left_alone(capfd):
    """The loop ends at once, and the thread reports no error when it completes."""
    release = threading.Event()

    async def start() -> None:
        waiting = asyncio.create_task(in_thread(lambda: release.wait(10)))
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(start())
    (thread,) = [one for one in threading.enumerate() if one.name == "web-work"]
    release.set()
    thread.join(10)
    assert not thread.is_alive()
    assert capfd.readouterr().err == ""
