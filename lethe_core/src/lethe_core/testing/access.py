"""A record of what the process does to files, taken from Python's audit events.

What C libraries do past the interpreter, such as SQLite with its files, is not seen.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_LOCKING: Final = frozenset({"fcntl.flock", "fcntl.lockf", "fcntl.fcntl"})
_CHANGING: Final = frozenset(
    {"os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink"}
    | {"os.truncate", "os.utime", "os.setxattr", "shutil.move", "shutil.rmtree"}
)
_DESCRIPTORS: Final = Path("/proc/self/fd")


@dataclass(slots=True)
class AccessRecorder:
    """Records, while it is entered, what happens to files below a directory.

    Args:
        root: only paths below it are recorded.
        opened: paths that were opened.
        written: paths that were opened for writing, or changed.
        locks: names of the locking calls; these have no path.
    """

    root: Path
    opened: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    locks: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        _install()
        _active.append(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _active.remove(self)

    def held(self) -> list[str]:
        """Name the files below the root that this process holds open now, where it can tell."""
        if not _DESCRIPTORS.is_dir():
            return []
        paths = []
        for link in _DESCRIPTORS.iterdir():
            try:
                paths.append(str(link.readlink()))
            except OSError:
                continue  # the descriptor of this very listing
        return [path for path in paths if self._covers(path)]

    def record(self, event: str, args: tuple[Any, ...]) -> None:
        """Take one audit event."""
        if event in _LOCKING:
            self.locks.append(event)
            return
        path = os.fsdecode(args[0]) if args and isinstance(args[0], str | bytes | Path) else ""
        if not self._covers(path):
            return
        if event in {"open", "sqlite3.connect"}:
            self.opened.append(path)
        if event in _CHANGING or (event == "open" and args[2] & _WRITING):
            self.written.append(path)

    def _covers(self, path: str) -> bool:
        return path == str(self.root) or path.startswith(f"{self.root}{os.sep}")


_active: Final[list[AccessRecorder]] = []


@cache
def _install() -> None:
    """Add the audit hook; an audit hook cannot be taken away again, so there is one for all."""
    sys.addaudithook(_audit)


def _audit(event: str, args: tuple[Any, ...]) -> None:
    for recorder in _active:
        recorder.record(event, args)
