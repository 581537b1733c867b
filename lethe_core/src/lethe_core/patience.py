"""Calling code of plugins that may never return."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")


def call_within(seconds: float, function: Callable[[], _T]) -> _T:
    """Call a function, and give up waiting for it after a while.

    It runs in a thread of its own, which is left behind if it does not return: Python cannot end
    it. Nothing waits for that thread, not even the end of the process.

    Args:
        seconds: how long to wait.
        function: what to call.

    Returns:
        What it returned.

    Raises:
        TimeoutError: it has not returned.
        BaseException: what it raised.
    """
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function())
        except BaseException as error:  # noqa: BLE001 - handed to the one who waits
            errors.append(error)

    thread = threading.Thread(target=run, name="plugin", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return results[0]
