"""Files that belong to the user alone (A7)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in one step: whoever sees it sees it whole.

    Args:
        path: the file; replaced if it is there.
        text: what to write.
    """
    fresh = path.with_name(f".{path.name}.new")
    # Made anew: a file that somebody else put there would get the text, a link lead elsewhere.
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)
