"""Payloads: the JSON of a turn's `tool_calls` and `metadata`, stored as it came.

Format of a payload: one byte that names the form (0 plain, 1 zstd), then the body. The body is
the JSON of `tool_calls`, a line feed, and the JSON of `metadata`; either may be empty. JSON that
came as one line of the wire holds no line feed of its own. A turn that has neither has no payload.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import msgspec
import zstandard

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLAIN: Final = 0
_ZSTD: Final = 1

#: Shorter bodies do not get shorter.
_COMPRESS_BYTES: Final = 200
_LEVEL: Final = 3

_local = threading.local()


def pack_payload(tool_calls: bytes, metadata: bytes) -> bytes | None:
    """Make the payload of a turn.

    Args:
        tool_calls: JSON array, or nothing.
        metadata: JSON object, or nothing.
    """
    if not tool_calls and not metadata:
        return None
    body = tool_calls + b"\n" + metadata
    if len(body) > _COMPRESS_BYTES:
        packed: bytes = _compressor().compress(body)
        if len(packed) < len(body):
            return bytes((_ZSTD,)) + packed
    return bytes((_PLAIN,)) + body


def unpack_payload(payload: bytes | None) -> tuple[bytes, bytes]:
    """Return the JSON of `tool_calls` and `metadata`; empty ones where there is none.

    Args:
        payload: from `pack_payload`.

    Raises:
        ValueError: its form is unknown: it was written by a newer version.
    """
    if payload is None:
        return b"[]", b"{}"
    body = payload[1:]
    if payload[0] == _ZSTD:
        body = _decompressor().decompress(body)
    elif payload[0] != _PLAIN:
        raise ValueError(f"a payload has the unknown form {payload[0]}")
    tool_calls, _, metadata = body.partition(b"\n")
    return tool_calls or b"[]", metadata or b"{}"


def join_outputs(outputs: Iterable[str | None]) -> str:
    """Make one text of the outputs of a turn.

    Args:
        outputs: of its calls.
    """
    return "\n".join(output for output in outputs if output)


def outputs_of(payload: bytes | None) -> str:
    """Return the outputs of tools in a payload, as one text.

    Args:
        payload: from `pack_payload`.
    """
    if payload is None:
        return ""
    calls = _decode_outputs(unpack_payload(payload)[0])
    return join_outputs(call.output for call in calls)


class _Output(msgspec.Struct):
    output: str | None = None


_decode_outputs = msgspec.json.Decoder(list[_Output]).decode


def _compressor() -> zstandard.ZstdCompressor:
    """Return this thread's compressor: it may not be shared, and is dear to make."""
    if not hasattr(_local, "compressor"):
        _local.compressor = zstandard.ZstdCompressor(level=_LEVEL)
    compressor: zstandard.ZstdCompressor = _local.compressor
    return compressor


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_local, "decompressor"):
        _local.decompressor = zstandard.ZstdDecompressor()
    decompressor: zstandard.ZstdDecompressor = _local.decompressor
    return decompressor
