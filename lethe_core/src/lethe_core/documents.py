"""Reading of a whole file that a tool may be rewriting."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final, NamedTuple

from lethe_core.errors import SourceUnreadable
from lethe_core.limits import MAX_DOCUMENT_BYTES, MAX_UNMAPPED_RAW_BYTES
from lethe_core.sources import open_source

if TYPE_CHECKING:
    from pathlib import Path

_ATTEMPTS: Final = 3


class WholeFile(NamedTuple):
    """A file as it was read.

    Args:
        data: its bytes; of a file that is too large, the beginning.
        size: of the file, in bytes.
        modified: Unix seconds.
        sha256: digest of a file that is too large.
    """

    data: bytes
    size: int
    modified: float
    sha256: str


def read_whole(path: Path) -> WholeFile:
    """Read a file that nobody writes meanwhile.

    Raises:
        SourceUnreadable: it changed whenever it was read.
        OSError: it cannot be read.
    """
    for _ in range(_ATTEMPTS):
        with os.fdopen(open_source(path), "rb") as file:
            before = os.fstat(file.fileno())
            size = before.st_size
            data = file.read(min(size, MAX_DOCUMENT_BYTES))
            digest = ""
            if size > MAX_DOCUMENT_BYTES:
                data = data[:MAX_UNMAPPED_RAW_BYTES]
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            after = os.fstat(file.fileno())
        if (size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
            return WholeFile(data, size, before.st_mtime_ns / 1e9, digest)
    raise SourceUnreadable(
        f"{path} changes while it is read", hint="nothing needs to be done: it is read again"
    )
