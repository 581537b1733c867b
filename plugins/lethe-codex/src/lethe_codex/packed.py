"""Rollouts that Codex has packed with Zstandard."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO, Final

import zstandard

from lethe_core.errors import SourceUnreadable

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import WriteableBuffer

#: Most memory that a file may ask for to be unpacked.
_MAX_WINDOW: Final = 64 * 1024 * 1024
_BLOCK_BYTES: Final = 1024 * 1024


class Unpacked(io.RawIOBase, BinaryIO):
    """A packed file, read as if it were not packed; to go back costs reading from its beginning.

    Args:
        packed: the file; it is closed with this one.
        path: where it lies, for errors.
    """

    def __init__(self, packed: BinaryIO, path: Path) -> None:
        super().__init__()
        self._packed = packed
        self._path = path
        self._rewind()

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read bytes.

        Raises:
            SourceUnreadable: it is being packed, or is damaged.
        """
        view = memoryview(buffer).cast("B")
        try:
            data = self._stream.read(len(view))
        except zstandard.ZstdError as error:
            raise SourceUnreadable(
                f"{self._path} cannot be unpacked: {error}",
                hint="if it is being written, nothing needs to be done: it is read again",
            ) from error
        view[: len(data)] = data
        self._offset += len(data)
        return len(data)

    def seekable(self) -> bool:
        """Say that one can move about in it."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to an offset from the beginning; not beyond the end."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("only from the beginning")
        if offset < self._offset:
            self._rewind()
        while self._offset < offset and self.read(
            min(offset - self._offset, io.DEFAULT_BUFFER_SIZE)
        ):
            pass
        return self._offset

    def tell(self) -> int:
        """Say where the next byte stands."""
        return self._offset

    def close(self) -> None:
        """Close the packed file, too."""
        self._packed.close()
        super().close()

    def _rewind(self) -> None:
        self._packed.seek(0)
        reader = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
        self._stream = reader.stream_reader(self._packed, read_across_frames=True, closefd=False)
        self._offset = 0
