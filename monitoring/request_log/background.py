"""Runs blocking work in a daemon thread, so that it delays neither the event loop nor the end of the process."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

Result = TypeVar("Result")


async def in_thread(work: Callable[[], Result]) -> Result:
    """The result of the work, or its error.

    Python waits for asyncio's own threads when a process ends: one that hangs in a database would never let it end.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(setter: Callable[[Any], None], value: object) -> None:
        if not future.done():
            setter(value)

    def run() -> None:
        setter: Callable[[Any], None] = future.set_result
        value: object
        try:
            value = work()
        except Exception as error:  # noqa: BLE001 - it is raised where the work is awaited
            setter, value = future.set_exception, error
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, setter, value)

    threading.Thread(target=run, name="request-log", daemon=True).start()
    return await future
