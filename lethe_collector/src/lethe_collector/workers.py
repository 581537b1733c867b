"""Threads for the code of plugins.

A plugin may hang; nothing may wait for it for ever, not even the end of the process. So its code
runs in daemon threads of our own, which can be given up: the executor of asyncio would be joined.
"""

from __future__ import annotations

import asyncio
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from lethe_core.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Job = tuple["Callable[[], Any]", asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class Worker:
    """One daemon thread, begun with the first function, that runs them one after the other.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._has_thread = False

    def run(
        self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> asyncio.Future[_T]:
        """Run a function in the thread; the future gives its result."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()
        self._jobs.put((lambda: function(*args, **kwargs), loop, future))
        if not self._has_thread:
            self._has_thread = True
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        return future

    def close(self) -> None:
        """Let the thread end after what it is doing; it is not waited for."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            function, loop, future = job
            try:
                result, error = function(), None
            except BaseException as caught:  # noqa: BLE001 - handed to whoever awaits the future
                result, error = None, caught
            try:
                loop.call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return  # given up
    if isinstance(error, StopIteration | KeyboardInterrupt | SystemExit):
        # A future cannot carry the first, and a plugin must not end the process by the others.
        error = PluginError(f"it raised {type(error).__name__}")
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
