"""The watch: tells within milliseconds that a file has changed.

Its word is a hint that wakes a scan, never more: events get lost, a root that is deleted and made
anew falls silent, and the system's limit on watches may be reached. Correctness rests on the
rescan. `arm` is called after each scan and watches anew if a root has changed; of a root that is
not there yet, the nearest directory above it is watched.
"""

from __future__ import annotations

import stat
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from loguru import logger
from watchfiles._rust_notify import RustNotify  # documented as the backend to be used directly

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable
    from pathlib import Path

_DEBOUNCE_MS: Final = 50
#: Each look costs idle time (0.16 % of a processor for 20 ms, 0.07 % for 50). A line is told one or
#: two looks after it was written, which matters while somebody works.
_BUSY_STEP_MS: Final = 20
_QUIET_STEP_MS: Final = 50
_QUIET_AFTER_SECONDS: Final = 60.0
#: That a place appears need not be known at once.
_PARENT_STEP_MS: Final = 250
_TIMEOUT_MS: Final = 1000


class _Target(NamedTuple):
    """What is watched for a root, and what tells that it is another one by now.

    Args:
        path: of a directory.
        deep: whether with all below it.
        near: whether transcripts lie there; else the root is still to appear.
        device: of the directory.
        inode: of the directory.
    """

    path: str
    deep: bool
    near: bool
    device: int
    inode: int


class Watch:
    """Watches places.

    Args:
        loop: where `on_change` is called.
        on_change: gets the paths that have changed.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_change: Callable[[set[str]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop = loop
        self._on_change = on_change
        self._clock = clock
        self._targets: dict[str, frozenset[_Target]] = {}
        self._armed: frozenset[_Target] = frozenset()
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()
        self.problem = ""

    def arm(self, tool: str, roots: Iterable[Path]) -> None:
        """Watch the places of a tool from now on; does nothing if they are watched already.

        Args:
            tool: whose places they are; those of the others are watched on.
            roots: directories or files, which need not exist.
        """
        self._targets[tool] = frozenset(filter(None, map(_target, roots)))
        targets = frozenset[_Target]().union(*self._targets.values())
        alive = all(thread.is_alive() for thread in self._threads)
        if targets == self._armed and (alive or self.problem):
            return
        self.close()
        self._armed = targets
        self._stop = threading.Event()
        self.problem = ""
        for deep, near in ((True, True), (False, True), (False, False)):
            paths = sorted(one.path for one in targets if (one.deep, one.near) == (deep, near))
            if paths:
                thread = threading.Thread(
                    target=self._watch,
                    args=(paths, deep, near, self._stop),
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

    def _watch(self, paths: list[str], deep: bool, near: bool, stop: threading.Event) -> None:
        try:
            with RustNotify(
                paths,
                debug=False,
                force_polling=False,
                poll_delay_ms=0,
                recursive=deep,
                ignore_permission_denied=True,
            ) as notify:
                self._follow(notify, stop, hurried=near)
        except FileNotFoundError:
            return  # it went away while it was armed; the next scan arms again
        except RuntimeError:
            if not self._loop.is_closed():
                self._note_problem("the watch failed", stop)
        except OSError as error:
            self._note_problem(str(error), stop)

    def _follow(self, notify: RustNotify, stop: threading.Event, *, hurried: bool) -> None:
        """Pass on changes until told to stop.

        `watchfiles.watch` does the same, with one step for ever.
        """
        quiet_from = self._clock()
        while True:
            step = _PARENT_STEP_MS
            if hurried:
                step = _QUIET_STEP_MS if self._clock() >= quiet_from else _BUSY_STEP_MS
            changes = notify.watch(max(step, _DEBOUNCE_MS), step, _TIMEOUT_MS, stop)
            if isinstance(changes, set):
                quiet_from = self._clock() + _QUIET_AFTER_SECONDS
                self._loop.call_soon_threadsafe(self._on_change, {path for _, path in changes})
            elif changes != "timeout":  # it was stopped
                return

    def _note_problem(self, text: str, stop: threading.Event) -> None:
        if not stop.is_set():
            self.problem = text
            logger.bind(reason=text).warning(
                "files cannot be watched; they are looked at regularly instead"
            )


def _target(root: Path) -> _Target | None:
    """Find what to watch for a root: itself, or the nearest directory above it.

    Of a file it is the directory: what a tool writes to a database stands in the log beside it
    first, and a file that is rewritten whole is another one. Of a link the tool writes elsewhere.
    """
    try:
        is_file = stat.S_ISREG(root.lstat().st_mode)
    except OSError:  # it is not there, or may not be looked at
        is_file = False
    for path in root.parents if is_file else (root, *root.parents):
        try:
            status = path.stat()
        except OSError:
            continue
        is_root = path == root
        return _Target(str(path), is_root, is_root or is_file, status.st_dev, status.st_ino)
    return None
