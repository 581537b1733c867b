"""Small files that stand beside a source: titles, settings, where a session was held.

What stands there may be missing, damaged or anything else: that costs no turn, and so nothing here
raises on it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

import msgspec

from lethe_core.decoding import DECODING_ERRORS
from lethe_core.limits import MIB
from lethe_core.sources import open_source

if TYPE_CHECKING:
    from pathlib import Path

_T = TypeVar("_T")


def read_beside(path: Path, most: int = MIB) -> bytes:
    """Read a small file, or the beginning of a larger one; nothing if it cannot be read.

    Args:
        path: the file.
        most: how many bytes are read.
    """
    try:
        with os.fdopen(open_source(path), "rb") as file:
            return file.read(most)
    except (OSError, ValueError):  # a path made of what was read may hold a NUL
        return b""


def decode_beside(path: Path, kind: type[_T], most: int = MIB) -> _T | None:
    """Decode a small file of JSON; `None` if it cannot be read, or is not of the kind.

    Args:
        path: the file.
        kind: what it holds, such as ``dict[str, Any]``.
        most: how large it may be, in bytes.
    """
    try:
        return msgspec.json.decode(read_beside(path, most), type=kind)
    except DECODING_ERRORS:
        return None
