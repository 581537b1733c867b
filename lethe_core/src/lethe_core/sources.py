"""Sources, their identity, and how far they were read.

A *source* is one transcript file or database. A *cursor* says how far it was read: an opaque
string that its parser owns, stored and handed back by the collector, never interpreted by it. A
*generation* counts how often a source was replaced: truncated, rewritten, restored.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NewType

from lethe_core.limits import KIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from lethe_core.events import Event

Cursor = NewType("Cursor", str)

#: How much of the beginning of a plain file identifies it.
HEAD_BYTES: Final = KIB
#: Places of a generation: more than a file has bytes. `seq` has 53 bits.
_GENERATION_SHIFT: Final = 42
_MAX_GENERATION: Final = 2**11 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One transcript file or database, as `Parser.discover` found it.

    Args:
        path: where it lies.
        root: the root below which it was found.
        size: bytes, of all files that belong to it (a database's write-ahead log included).
        mtime_ns: latest modification of any of these files.
        device: device number of `path`.
        inode: inode number of `path`.
        generation: how often it was replaced; set by the collector before `Parser.read`.
        revision: of what is read of it from its beginning on: grows with each generation, and is
            greater than all before once the collector has lost its state. Set by the collector.
    """

    path: Path
    root: Path
    size: int
    mtime_ns: int
    device: int = 0
    inode: int = 0
    generation: int = 0
    revision: int = 0

    @property
    def first_seq(self) -> int:
        """The place in its session of the first turn that this generation can hold.

        After 2,047 generations there is no room left behind all others, and they share the last.
        """
        return min(self.generation, _MAX_GENERATION) << _GENERATION_SHIFT

    @classmethod
    def from_stat(cls, path: Path, root: Path, status: os.stat_result | None = None) -> Source:
        """Make the source of a plain file from its `stat`; opens nothing.

        Raises:
            OSError: the file is not there or may not be looked at.
        """
        status = status or path.stat()
        return cls(
            path=path,
            root=root,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            device=status.st_dev,
            inode=status.st_ino,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What recognises a source again when its path changed.

    Args:
        device: device number; changes when a network file system is mounted anew.
        inode: inode number; is used again after a file was deleted.
        head_size: how many bytes at the beginning `head_hash` covers.
        head_hash: hexadecimal blake2b of these bytes.
    """

    device: int = 0
    inode: int = 0
    head_size: int = 0
    head_hash: str = ""

    @classmethod
    def of_file(cls, path: Path, head_size: int = HEAD_BYTES) -> Identity:
        """Read the identity of a plain file.

        Args:
            path: the file.
            head_size: at most so many bytes of its beginning are hashed.

        Raises:
            OSError: the file cannot be read.
        """
        descriptor = open_source(path)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            head = file.read(head_size)
        return cls(
            device=status.st_dev,
            inode=status.st_ino,
            head_size=len(head),
            head_hash=hashlib.blake2b(head, digest_size=16).hexdigest(),
        )


def open_source(path: Path) -> int:
    """Open a plain file for reading and return its descriptor.

    Neither a FIFO nor a device is ever waited for: what is not a plain file is refused.

    Raises:
        OSError: the file cannot be opened, or is not a plain file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is not a plain file")
    return descriptor


def find_files(root: Path, accept: Callable[[Path], bool]) -> Iterator[Source]:
    """Find the files below a root by `stat` alone, in the order of their names.

    Symbolic links are not followed into directories.

    Args:
        root: a directory, or a single file, which is taken without being asked for.
        accept: says by its path alone whether a file is a source.

    Raises:
        OSError: the root cannot be listed, at once; or a directory below it cannot, after all
            else was found: what is left out must not pass for what is not there.
    """
    if root.is_file():
        yield Source.from_stat(root, root)
        return
    with os.scandir(root):
        pass  # `os.walk` would give nothing for a root that cannot be listed
    failures: list[OSError] = []
    for directory, names, files in os.walk(root, onerror=failures.append):
        names.sort()
        for name in sorted(files):
            path = root.__class__(directory, name)
            if not accept(path):
                continue
            try:
                status = path.stat()
            except OSError:
                continue  # it vanished, or is a link to nowhere
            yield Source.from_stat(path, root, status)
    for failure in failures:
        if not isinstance(failure, FileNotFoundError | NotADirectoryError):  # it vanished
            raise failure


@dataclass(slots=True, kw_only=True)
class Record:
    """One unit of a source and what came of it.

    Args:
        events: the events, in order; one line may give none or several.
        cursor: stands after this record; reading on from it gives the next one.
        position: how much of the source lies before the cursor, in the unit of `Source.size`;
            for progress alone.
        skipped: why there is no event, such as ``file-history-snapshot``; empty if there is one.
        unmapped: whether an event of it stands for a line that could not be mapped.
    """

    events: Sequence[Event]
    cursor: Cursor
    position: int = 0
    skipped: str = ""
    unmapped: bool = False
