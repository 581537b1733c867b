"""What tools, people and power cuts do to transcript files, as functions.

Each does its work at once and without Python's buffers, so that a reader sees it when the
function has returned.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def json_line(record: Any) -> bytes:
    """Encode one record as a complete line, with characters beyond ASCII left as they are."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def append(path: Path, *records: Any) -> None:
    """Append complete records; `bytes` are taken as they are, with a newline if they lack one."""
    lines = (
        record.rstrip(b"\n") + b"\n" if isinstance(record, bytes) else json_line(record)
        for record in records
    )
    append_partial(path, b"".join(lines))


def append_partial(path: Path, data: bytes) -> None:
    """Append bytes, whole line or not; the file is made if it is missing."""
    with path.open("ab", buffering=0) as file:
        file.write(data)


def truncate(path: Path, size: int = 0) -> None:
    """Cut a file to a size; it stays the same file."""
    os.truncate(path, size)


def overwrite(path: Path, offset: int, data: bytes) -> None:
    """Write over bytes of a file in place; its size stays, unless `data` reaches beyond it."""
    with path.open("r+b", buffering=0) as file:
        file.seek(offset)
        file.write(data)


def replace(path: Path, data: bytes) -> None:
    """Replace a file in one step by another one, as editors and careful tools do."""
    newcomer = path.with_name(f"{path.name}.new")
    newcomer.write_bytes(data)
    newcomer.replace(path)


def rotate(path: Path, data: bytes = b"") -> Path:
    """Move a file aside and begin a new one at its path.

    Returns:
        Where the old one lies now.
    """
    aside = path.with_name(f"{path.name}.1")
    path.rename(aside)
    path.write_bytes(data)
    return aside


def copy_truncate(path: Path, data: bytes = b"") -> Path:
    """Copy a file aside, empty it in place and write to it anew, as logrotate does.

    Returns:
        Where the copy lies.
    """
    aside = path.with_name(f"{path.name}.1")
    aside.write_bytes(path.read_bytes())
    truncate(path)
    append_partial(path, data)
    return aside
