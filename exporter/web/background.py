"""Blocking work in a thread of its own."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Run `work` in a new daemon thread and return its result.

    Other than the threads of an executor, a daemon thread does not delay the end of the process when the work hangs.
    Raises: what the work raises.
    """
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()  # from now on only the thread completes it

    def run() -> None:
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001 - raised again where the result is awaited
            done.set_exception(error)

    threading.Thread(target=run, name="web-work", daemon=True).start()
    return await asyncio.wrap_future(done)
