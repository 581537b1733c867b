"""The watch: tells within milliseconds that a file has changed.

Its word is a hint that wakes a scan, never more: events get lost, a root that is deleted and made
anew falls silent, and the system's limit on watches may be reached. Correctness rests on the
rescan. `arm` is called after each scan and watches anew if a root has changed; of a root that is
not there yet, the nearest directory above it is watched.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import watchfiles
from loguru import logger

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable
    from pathlib import Path

_DEBOUNCE_MS: Final = 50
#: Each look costs idle time: with 20 ms a daemon takes 0.5 % of a processor, with 40 ms 0.2 %.
_STEP_MS: Final = 40
#: Looking for changes costs idle time; that a place appears need not be known at once.
_PARENT_STEP_MS: Final = 250
_TIMEOUT_MS: Final = 1000

_Target = tuple[str, bool, int, int]  # path, whether with all below it, device, inode


class Watch:
    """Watches places.

    Args:
        loop: where `on_change` is called.
        on_change: gets the paths that have changed.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, on_change: Callable[[set[str]], None]
    ) -> None:
        self._loop = loop
        self._on_change = on_change
        self._armed: frozenset[_Target] = frozenset()
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()
        self.problem = ""

    def arm(self, roots: Iterable[Path]) -> None:
        """Watch these places from now on; does nothing if they are watched already.

        Args:
            roots: directories or files, which need not exist.
        """
        targets = frozenset(filter(None, map(_target, roots)))
        alive = all(thread.is_alive() for thread in self._threads)
        if targets == self._armed and (alive or self.problem):
            return
        self.close()
        self._armed = targets
        self._stop = threading.Event()
        self.problem = ""
        for recursive in (True, False):
            paths = sorted(path for path, deep, _, _ in targets if deep is recursive)
            if paths:
                thread = threading.Thread(
                    target=self._watch,
                    args=(paths, recursive, self._stop),
                    name="watch",
                    daemon=True,
                )
                thread.start()
                self._threads.append(thread)

    def close(self) -> None:
        """Watch nothing; the threads end by themselves."""
        self._stop.set()
        self._threads.clear()
        self._armed = frozenset()

    def _watch(self, paths: list[str], recursive: bool, stop: threading.Event) -> None:
        try:
            for changes in watchfiles.watch(
                *paths,
                watch_filter=None,
                debounce=_DEBOUNCE_MS if recursive else _PARENT_STEP_MS,
                step=_STEP_MS if recursive else _PARENT_STEP_MS,
                rust_timeout=_TIMEOUT_MS,
                stop_event=stop,
                recursive=recursive,
                ignore_permission_denied=True,
                raise_interrupt=False,
                force_polling=False,
            ):
                self._loop.call_soon_threadsafe(self._on_change, {path for _, path in changes})
        except FileNotFoundError:
            return  # it went away while it was armed; the next scan arms again
        except RuntimeError:
            if not self._loop.is_closed():
                self._note_problem("the watch failed", stop)
        except OSError as error:
            self._note_problem(str(error), stop)

    def _note_problem(self, text: str, stop: threading.Event) -> None:
        if not stop.is_set():
            self.problem = text
            logger.bind(reason=text).warning(
                "files cannot be watched; they are looked at regularly instead"
            )


def _target(root: Path) -> _Target | None:
    """Find what to watch for a root: itself, or the nearest directory above it."""
    for path in (root, *root.parents):
        try:
            status = path.stat()
        except OSError:
            continue
        return str(path), path == root, status.st_dev, status.st_ino
    return None
