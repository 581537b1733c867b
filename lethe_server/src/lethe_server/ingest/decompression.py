"""Decompression of request bodies, with every bound in our own hands (A5).

The web framework's own decompression takes a truncated body for a whole one and answers 500 to
what is no gzip at all; so it is switched off, and bodies come here as they were sent.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final, Protocol

import zstandard

from lethe_server.errors import InvalidRequest, UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A gzip stream gives at most so many bytes at a time.
_STEP_BYTES: Final = 256 * 1024
#: A zstd block of a few bytes can hold 128 KiB: only so many bytes are fed at a time.
_ZSTD_INPUT: Final = 256
#: Largest window of a zstd frame that is accepted; level 19 uses 8 MiB.
_ZSTD_WINDOW: Final = 8 * 1024 * 1024
_GZIP_FORMAT: Final = 31  # of zlib: the largest window, with the header of gzip
_MAGICS: Final = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")


class Decoder(Protocol):
    """Gives the plain bytes of a body, piece by piece."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decode some more.

        Args:
            data: as it came.

        Raises:
            InvalidRequest: it is damaged.
        """

    def finish(self) -> None:
        """Check that nothing is missing.

        Raises:
            InvalidRequest: the body is cut off.
        """


def make_decoder(encoding: str) -> Decoder:
    """Make the decoder of a body.

    Args:
        encoding: the `Content-Encoding`; empty for none.

    Raises:
        UnsupportedMedia: the encoding is not known here.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip":
            return _Gzip()
        case "zstd":
            return _Zstd()
    raise UnsupportedMedia("the content encoding must be gzip, zstd or none")


def looks_compressed(head: bytes) -> bool:
    """Tell whether bytes that should be text begin like a compressed stream.

    Args:
        head: the first bytes.
    """
    return head.startswith(_MAGICS)


class _Plain:
    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def finish(self) -> None:
        return


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_GZIP_FORMAT)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._stream.eof:  # another member follows
                self._stream = zlib.decompressobj(_GZIP_FORMAT)
            self._begun = True
            try:
                yield self._stream.decompress(data, _STEP_BYTES)
            except zlib.error as error:
                raise InvalidRequest("the body is damaged gzip") from error
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail

    def finish(self) -> None:
        if self._begun and not self._stream.eof:
            raise InvalidRequest("the body is cut off: its gzip stream has no end")


class _Zstd:
    def __init__(self) -> None:
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._stream: Any = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        for begin in range(0, len(data), _ZSTD_INPUT):
            part = data[begin : begin + _ZSTD_INPUT]
            while part:
                if self._stream is None or self._stream.eof:  # another frame follows
                    self._stream = self._decompressor.decompressobj()
                try:
                    if piece := self._stream.decompress(part):  # empty until a block is whole
                        yield piece
                except zstandard.ZstdError as error:
                    raise InvalidRequest("the body is damaged zstd") from error
                part = self._stream.unused_data if self._stream.eof else b""

    def finish(self) -> None:
        if self._stream is not None and not self._stream.eof:
            raise InvalidRequest("the body is cut off: its zstd frame has no end")
