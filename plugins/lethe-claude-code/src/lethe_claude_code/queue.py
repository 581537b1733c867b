"""The log of the queue: what was typed while the model worked, and where it went.

A prompt leaves the queue in three ways: by ``dequeue``, and a ``user`` record repeats it; by
``popAll`` back into the editor; by ``remove``, when it is handed to the model beside the output of
a tool. That, too, is repeated, in an attachment ``queued_command``, but only since 2.1.92: before,
the words stand nowhere but in the log.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lethe_claude_code.prompts import understand
from lethe_claude_code.records import decode_entry
from lethe_claude_code.system import decode_prompt
from lethe_claude_code.turns import Turns
from lethe_core.limits import MIB
from lethe_core.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lethe_claude_code.records import Entry
    from lethe_core import Event, Line

_QUEUE: Final = "queue"
_MOST_QUEUED: Final = 32
_MAX_LINE_BYTES: Final = 4 * MIB
_FIRST_REPEATED: Final = (2, 1, 92)
_VERSION: Final = re.compile(
    rb'"sessionId": ?"[^"\\]*", ?"version": ?"(\d{1,6})\.(\d{1,6})\.(\d{1,6})'
)
_COMMAND: Final = re.compile(r"/[\w:-]+(?:\s|$)")


def map_queue(entry: Entry, line: Line) -> Sequence[Event] | str:
    """Map a line of the log: a prompt that is handed to the model and that nothing repeats.

    Where the prompts stand that wait is remembered in the cursor.
    """
    queued: list[int] = line.state.pop(_QUEUE, [])
    place = None
    if entry.operation == "enqueue":
        queued = [*queued, line.start][-_MOST_QUEUED:]
    elif entry.operation in {"dequeue", "remove"}:
        place, queued = next(iter(queued), None), queued[1:]
    else:
        queued = []
    if queued:
        line.state[_QUEUE] = queued
    turns = Turns(entry, line)
    if place is not None and entry.operation == "remove" and not _is_repeated(line):
        _add_prompt(turns, line.source.path, place)
    return turns.events or f"record {entry.type}"


def _add_prompt(turns: Turns, path: Path, place: int) -> None:
    """Add the prompt that was put into the queue by the line at a place."""
    try:
        queued = decode_entry(_read(path, place, _MAX_LINE_BYTES).partition(b"\n")[0])
        text, attachments = decode_prompt(queued.content)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    role, kind, content, told = understand(text)
    if kind == "prompt":
        kind = "command" if _COMMAND.match(content) else "queued_prompt"
    if queued.operation == "enqueue" and kind and (content or attachments):
        metadata: dict[str, Any] = told | {"attachments": attachments}
        turns.add(role, kind, content, metadata=metadata)


def _is_repeated(line: Line) -> bool:
    """Say by the version that wrote the records before whether an attachment will follow.

    Where none can be found, it is taken for a new one: a prompt that is missing is better than
    all of them twice.
    """
    start = max(0, line.start - MIB)
    try:
        before = _read(line.source.path, start, line.start - start)
    except OSError:
        return True
    versions = _VERSION.findall(before)
    return not versions or tuple(map(int, versions[-1])) >= _FIRST_REPEATED


def _read(path: Path, place: int, size: int) -> bytes:
    with os.fdopen(open_source(path), "rb") as file:
        file.seek(place)
        return file.read(size)
