"""Large tool outputs, which Claude Code writes into files of their own.

The record holds a preview and the path of the file. That path is text in a transcript and could
name anything on the machine, so only its last part is used: a plain file of that name in the
session's own ``tool-results`` directory, reached without any symbolic link.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lethe_claude_code.places import results_directory
from lethe_core.limits import MAX_EVENT_BYTES, MIB
from lethe_core.sources import open_source

if TYPE_CHECKING:
    from pathlib import Path

    from lethe_claude_code.records import Outcome

_PREFIX: Final = "<persisted-output>"
_PLACE = re.compile(r"saved to: ?(?P<path>[^\n]+)")


class Output(NamedTuple):
    """A tool's output.

    Args:
        text: the output, or its beginning.
        truncated_bytes: how many bytes are missing at the end.
        sha256: digest of the whole, if some are missing.
        note: what is to be said of the file; empty if there is none.
    """

    text: str
    truncated_bytes: int = 0
    sha256: str = ""
    note: dict[str, Any] = {}  # noqa: RUF012 - never changed


def is_persisted(text: str) -> bool:
    """Say whether the output in a record is a preview of one in a file."""
    return text.startswith(_PREFIX)


def read_output(preview: str, outcome: Outcome | None, transcript: Path, parent: str) -> Output:
    """Read the output that a preview stands for; the preview itself, if the file is gone.

    Args:
        preview: the text in the record.
        outcome: the structured result in the record.
        transcript: where the record stands.
        parent: the session that the record names.
    """
    name = _file_name(preview, outcome)
    note: dict[str, Any] = {"file": name}
    if outcome and outcome.persisted_output_size:
        note["bytes"] = outcome.persisted_output_size
    try:
        if not name:
            raise FileNotFoundError
        text, size, digest = _read(results_directory(transcript, parent), name)
    except OSError:
        return Output(preview, note=note | {"missing": True})
    missing = max(0, size - MAX_EVENT_BYTES)
    return Output(text, missing, digest if missing else "", note | {"bytes": size})


def _file_name(preview: str, outcome: Outcome | None) -> str:
    """Take the last part of the path that the record names, whatever system wrote it."""
    path = outcome.persisted_output_path if outcome else None
    if not path:
        match = _PLACE.search(preview)
        path = match["path"].strip() if match else ""
    name = re.split(r"[/\\]", path)[-1]
    return "" if name in {"", ".", ".."} or "\0" in name else name


def _read(directory: Path, name: str) -> tuple[str, int, str]:
    """Read a file's beginning, and the size and digest of the whole.

    Raises:
        OSError: it cannot be read, or is not a plain file below plain directories.
    """
    for place in (directory.parent, directory):
        if not stat.S_ISDIR(place.lstat().st_mode):
            raise NotADirectoryError(place)
    path = directory / name
    expected = path.lstat()
    if not stat.S_ISREG(expected.st_mode):
        raise FileNotFoundError(path)
    with os.fdopen(open_source(path), "rb") as file:
        if not os.path.samestat(os.fstat(file.fileno()), expected):
            raise FileNotFoundError(path)
        head = file.read(MAX_EVENT_BYTES)
        digest, size = hashlib.sha256(head), len(head)
        while block := file.read(MIB):
            digest.update(block)
            size += len(block)
    return head.decode("utf-8", "replace"), size, digest.hexdigest()
