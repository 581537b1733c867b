"""Bearer tokens, as a collector or a command holds them: a file for its owner alone (A7)."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, Final

from lethe_core.errors import ConfigInvalid
from lethe_core.limits import MAX_TOKEN_BYTES

if TYPE_CHECKING:
    from pathlib import Path

_TOKEN: Final = re.compile(rf"[!-~]{{1,{MAX_TOKEN_BYTES}}}")
_MAX_FILE_BYTES: Final = 2 * MAX_TOKEN_BYTES
_PRIVATE_BITS: Final = stat.S_IRWXG | stat.S_IRWXO


def read_token(path: Path, *, hint: str = "") -> str:
    """Read a token.

    Args:
        path: a file that nobody but its owner may read.
        hint: where a token comes from, if the file cannot be read.

    Raises:
        ConfigInvalid: the file is missing, holds no token, or is open to others.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(_MAX_FILE_BYTES).decode("ascii", "replace").strip()
    except OSError as error:
        raise ConfigInvalid(
            f"there is no token: {path} cannot be read: {error.strerror}", hint=hint
        ) from error
    if mode & _PRIVATE_BITS:
        raise ConfigInvalid(
            f"{path}: has mode {mode:04o}, other users may read it; allowed: 0600",
            hint=f"chmod 600 {path}",
        )
    return check_token(text, str(path))


def check_token(text: str, place: str) -> str:
    """Return a text that may be a token.

    Args:
        text: it is never shown.
        place: where it stands.

    Raises:
        ConfigInvalid: it cannot be one.
    """
    if not _TOKEN.fullmatch(text):
        raise ConfigInvalid(
            f"{place}: holds no token; allowed: one line without blanks,"
            f" of at most {MAX_TOKEN_BYTES:,} characters"
        )
    return text
