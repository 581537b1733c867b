"""Cutting of turns that are too large for the wire.

The longest tool outputs are cut first, then attachments, then the text, then what tools were
called with. What was cut says so, in `truncated_bytes` and `sha256`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from lethe_core.events import TurnEvent

_CUT_MARGIN: Final = 4096
#: What `truncated_bytes` and `sha256` themselves take on the wire; shorter texts are not cut.
_MARK_BYTES: Final = 128
_encode = msgspec.json.Encoder().encode


def cut_turn(event: TurnEvent, excess: int) -> None:
    """Cut a turn in place until it is shorter on the wire, or nothing is left to cut.

    Args:
        event: the turn.
        excess: by how many bytes of JSON it is too long.
    """
    for call in sorted(event.tool_calls, key=lambda call: len(call.output or ""), reverse=True):
        if excess <= 0:
            return
        if call.output and len(call.output) > _MARK_BYTES:
            kept, digest, dropped, gained = _shorten(call.output, excess)
            call.output, call.sha256 = kept, call.sha256 or digest
            call.truncated_bytes += dropped
            excess -= gained - _MARK_BYTES
    for attachment in _attachments(event):
        if excess <= 0:
            return
        data = attachment["data"]
        attachment["data"] = ""
        attachment["truncated_bytes"] = len(data)
        attachment["sha256"] = hashlib.sha256(data.encode()).hexdigest()
        excess -= len(data) - _MARK_BYTES
    if excess > 0 and len(event.content) > _MARK_BYTES:
        kept, digest, dropped, gained = _shorten(event.content, excess)
        event.content = kept
        event.metadata |= {"truncated_bytes": dropped, "sha256": digest}
        excess -= gained - _MARK_BYTES
    if excess > 0:
        _cut_inputs(event, excess)


def _cut_inputs(event: TurnEvent, excess: int) -> None:
    """Replace inputs by the beginning of their JSON, the longest first."""
    inputs = [(_encode(call.input).decode(), call) for call in event.tool_calls]
    for text, call in sorted(inputs, key=lambda pair: len(pair[0]), reverse=True):
        if excess <= 0 or len(text) <= _MARK_BYTES:
            return
        escaped = len(_encode(text))  # a text of JSON is longer than the JSON that it is
        kept, digest, dropped, _ = _shorten(text, excess + escaped - len(text.encode()))
        call.input = {"truncated_bytes": dropped, "sha256": digest, "beginning": kept}
        excess -= len(text.encode()) - len(_encode(call.input))


def _attachments(event: TurnEvent) -> list[dict[str, Any]]:
    """Find the attachments that hold data, whatever else a parser put there."""
    found = event.metadata.get("attachments")
    return [
        attachment
        for attachment in (found if isinstance(found, list) else [])
        if isinstance(attachment, dict)
        and isinstance(attachment.get("data"), str)
        and len(attachment["data"]) > _MARK_BYTES
    ]


def _shorten(text: str, excess: int) -> tuple[str, str, int, int]:
    """Cut the end off a text so that its JSON gets shorter by `excess` bytes, if it can.

    Returns:
        What is kept, the digest of the whole, the bytes of UTF-8 that were cut off, and the
        bytes of JSON that were gained.
    """
    data = text.encode()
    size = len(_encode(text))
    wanted = max(0, size - excess - _CUT_MARGIN)
    # Escapes make the JSON of a text longer than the text, by the same factor on average; the
    # loop settles it where they stand unevenly.
    keep = len(data) * wanted // size
    kept = data[:keep].decode("utf-8", "ignore")
    while len(_encode(kept)) > wanted and kept:
        kept = kept[: len(kept) // 2]
    gained = size - len(_encode(kept))
    return kept, hashlib.sha256(data).hexdigest(), len(data) - len(kept.encode()), gained
