"""Payloads: the JSON of a turn's `tool_calls` and `metadata`, stored as it came, and its text.

Format of a payload: one byte that names the form, then

    0  body
    1  body, compressed by zstd
    2  number of a dictionary (3 bytes, the first is the greatest), body compressed with it
    3  the same of the body, a line feed and the turn's text: its column `content` is empty then

The body is the JSON of `tool_calls`, a line feed, and the JSON of `metadata`; either may be empty.
JSON that came as one line of the wire holds no line feed of its own. A turn that has neither, and
whose text is too short to be compressed, has no payload.

Text is compressed together with the rest, since most turns are short: what the one says of the
other, and what the dictionary says of both, is worth more than the text's own repetitions.
Dictionaries are trained and kept by `lethe_server.storage.dictionaries`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import zstandard

from lethe_server.errors import StorageDamaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_PLAIN: Final = 0
_ZSTD: Final = 1
_DICTIONARY: Final = 2
#: The form of turns whose text is in the payload.
WITH_TEXT: Final = 3
_WITH_DICTIONARY: Final = (_DICTIONARY, WITH_TEXT)

#: Shorter bodies do not get shorter, without a dictionary and with one.
_COMPRESS_BYTES: Final = 200
_COMPRESS_BYTES_WITH_DICTIONARY: Final = 48
#: Bytes of a dictionary's number, and where what is compressed begins behind it.
_NUMBER_BYTES: Final = 3
_COMPRESSED: Final = 1 + _NUMBER_BYTES
#: Measured with a dictionary: 4 and 5 are no smaller, 6 saves 4 % for three times the time.
LEVEL: Final = 3

_local = threading.local()


class Dictionary(NamedTuple):
    """What payloads are compressed with.

    Args:
        number: payloads name it by this.
        data: for the compressor.
    """

    number: int
    data: zstandard.ZstdCompressionDict


class Packed(NamedTuple):
    """What is stored of a turn.

    Args:
        content: for the column of that name.
        payload: `None` if there is nothing to put into it.
    """

    content: str
    payload: bytes | None


class Unpacked(NamedTuple):
    """A turn's parts as they came.

    Args:
        content: the text.
        tool_calls: JSON; an empty array where there is none.
        metadata: JSON; an empty object where there is none.
    """

    content: str
    tool_calls: bytes
    metadata: bytes


class Packer:
    """Packs the turns of one owner.

    Args:
        dictionary: of the owner, if there is one.
    """

    def __init__(self, dictionary: Dictionary | None = None) -> None:
        self._dictionary = dictionary

    def pack(self, content: str, tool_calls: bytes, metadata: bytes) -> Packed:
        """Make what is stored.

        Args:
            content: the text.
            tool_calls: JSON array, or nothing.
            metadata: JSON object, or nothing.
        """
        body = tool_calls + b"\n" + metadata if tool_calls or metadata else b""
        if self._dictionary is not None:
            return self._pack_with(self._dictionary, content, body)
        if len(body) > _COMPRESS_BYTES:
            compressed = _compressor(None).compress(body)
            if len(compressed) < len(body):
                return Packed(content, bytes((_ZSTD,)) + compressed)
        return _plain(content, body)

    def _pack_with(self, dictionary: Dictionary, content: str, body: bytes) -> Packed:
        if not content:
            form, whole = _DICTIONARY, body
        else:
            form, whole = WITH_TEXT, (body or b"\n") + b"\n" + content.encode()
        if len(whole) > _COMPRESS_BYTES_WITH_DICTIONARY:
            compressed = _compressor(dictionary).compress(whole)
            if len(compressed) + _NUMBER_BYTES < len(whole):
                number = dictionary.number.to_bytes(_NUMBER_BYTES, "big")
                return Packed("", bytes((form,)) + number + compressed)
        return _plain(content, body)


def _compressor(dictionary: Dictionary | None) -> zstandard.ZstdCompressor:
    """Return this thread's compressor for a dictionary.

    Each takes up to megabytes, so that there is one for each thread and not for each request.
    """
    made: tuple[Dictionary | None, zstandard.ZstdCompressor] | None
    made = getattr(_local, "made", None)
    if made is None or made[0] is not dictionary:
        options: dict[str, Any] = {}
        if dictionary is not None:
            options = {"dict_data": dictionary.data, "write_dict_id": False}
        made = _local.made = dictionary, zstandard.ZstdCompressor(level=LEVEL, **options)
    return made[1]


def _plain(content: str, body: bytes) -> Packed:
    return Packed(content, bytes((_PLAIN,)) + body if body else None)


class Unpacker:
    """Unpacks turns; for one thread at a time.

    Args:
        find: returns what decompresses with the dictionary of a number.
    """

    def __init__(self, find: Callable[[int], zstandard.ZstdDecompressor]) -> None:
        self._find = find
        self._plain = zstandard.ZstdDecompressor().decompress
        # Most turns of a session name the same dictionary as the turn before.
        self._number = b""
        self._decompress = self._plain

    def unpack(self, content: str, payload: bytes | None) -> Unpacked:
        """Return the parts of a turn. It is done for each that is read.

        Args:
            content: its column.
            payload: its column.

        Raises:
            ValueError: the form is unknown: it was written by a newer version.
            StorageDamaged: the payload or its dictionary is damaged, or that is missing.
        """
        if payload is None:
            return Unpacked(content, b"[]", b"{}")
        form = payload[0]
        try:
            if form in _WITH_DICTIONARY:
                number = payload[1:_COMPRESSED]
                if number != self._number:
                    self._decompress = self._find(int.from_bytes(number, "big")).decompress
                    self._number = number
                body = self._decompress(payload[_COMPRESSED:])
                if form == WITH_TEXT:
                    tool_calls, metadata, text = body.split(b"\n", 2)
                    return Unpacked(text.decode(), tool_calls or b"[]", metadata or b"{}")
            elif form == _ZSTD:
                body = self._plain(payload[1:])
            elif form == _PLAIN:
                body = payload[1:]
            else:
                raise ValueError(f"a payload has the unknown form {form}")
        except zstandard.ZstdError:
            raise StorageDamaged("a payload is damaged") from None
        tool_calls, _, metadata = body.partition(b"\n")
        return Unpacked(content, tool_calls or b"[]", metadata or b"{}")


def dictionary_number(payload: bytes) -> int | None:
    """Return the number of the dictionary that a payload was compressed with, if any.

    Args:
        payload: from `Packer.pack`.
    """
    if payload[0] not in _WITH_DICTIONARY:
        return None
    return int.from_bytes(payload[1:_COMPRESSED], "big")


def join_outputs(outputs: Iterable[str | None]) -> str:
    """Make one text of the outputs of a turn.

    Args:
        outputs: of its calls.
    """
    return "\n".join(output for output in outputs if output)


def outputs_of(tool_calls: bytes) -> str:
    """Return the outputs of tools, as one text.

    Args:
        tool_calls: JSON as it came.
    """
    return join_outputs(call.output for call in _decode_outputs(tool_calls))


class _Output(msgspec.Struct):
    output: str | None = None


_decode_outputs = msgspec.json.Decoder(list[_Output]).decode
