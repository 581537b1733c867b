r"""BodyReader: from the bytes of a request, as they come, to records.

* Bytes are counted as they came and decoded; what exceeds a bound of `lethe_core.limits` is
  refused at once, before more is read (A5).
* Lines end in ``\n`` alone; the last one may lack it; an empty one is nothing.
* A line that breaks the contract is an error of its own and costs only itself.
* It knows nothing of HTTP and of the event loop: it may be fed in another thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lethe_core.errors import InvalidEvent, TooLarge
from lethe_core.limits import MAX_BATCH_LINES, MAX_REQUEST_BYTES, MAX_REQUEST_LINES
from lethe_core.wire import decode_line
from lethe_server.errors import InvalidRequest
from lethe_server.ingest.decompression import looks_compressed, make_decoder
from lethe_server.storage import prepare_record

if TYPE_CHECKING:
    from lethe_server.ingest.answers import LineError
    from lethe_server.storage import Packer, Record

#: What a record takes in memory beside its text.
RECORD_BYTES: Final = 1024

#: Lines of a body that may be refused one by one: as many as a collector sends at once.
MAX_ERRORS: Final = MAX_BATCH_LINES


class BodyReader:
    """Reads one request's body.

    Args:
        encoding: its `Content-Encoding`.
        packer: of the owner.

    Attributes:
        records: what was accepted.
        errors: what was refused.
        received: lines that were not empty.
        unknown_fields: fields that this version does not know.
        wire_bytes: bytes as they came.
        decoded_bytes: bytes after decompression.

    Raises:
        UnsupportedMedia: the encoding is not known here.
    """

    def __init__(self, encoding: str, packer: Packer) -> None:
        self._packer = packer
        self._decoder = make_decoder(encoding)
        self._tail: list[bytes] = []
        self._line = 0
        self.records: list[Record] = []
        self.errors: list[LineError] = []
        self.received = 0
        self.unknown_fields = 0
        self.wire_bytes = 0
        self.decoded_bytes = 0

    @property
    def memory_bytes(self) -> int:
        """About how much memory the records take."""
        return self.decoded_bytes + RECORD_BYTES * self.received

    def feed(self, data: bytes) -> None:
        """Read some more.

        Args:
            data: as it came.

        Raises:
            TooLarge: a bound is exceeded.
            InvalidRequest: the body is damaged.
        """
        self.wire_bytes += len(data)
        if self.wire_bytes > MAX_REQUEST_BYTES:
            raise TooLarge(f"the body has more than {MAX_REQUEST_BYTES} bytes")
        for piece in self._decoder.feed(data):
            if piece and not self.decoded_bytes and looks_compressed(piece):
                raise InvalidRequest("the body is compressed and no Content-Encoding says so")
            self.decoded_bytes += len(piece)
            if self.decoded_bytes > MAX_REQUEST_BYTES:
                raise TooLarge(f"the body has more than {MAX_REQUEST_BYTES} bytes decompressed")
            self._split(piece)

    def finish(self) -> None:
        """Read the last line, which may lack its end.

        Raises:
            TooLarge: a bound is exceeded.
            InvalidRequest: the body is cut off.
        """
        self._decoder.finish()
        if self._tail:
            self._take(b"".join(self._tail))
            self._tail = []

    def _split(self, piece: bytes) -> None:
        first, *rest = piece.split(b"\n")
        self._tail.append(first)
        for part in rest:
            self._take(b"".join(self._tail))
            self._tail = [part]

    def _take(self, line: bytes) -> None:
        self._line += 1
        # Empty ones as well: a few bytes of gzip hold millions, and each takes its time (A5).
        if self._line > MAX_REQUEST_LINES:
            raise TooLarge(f"the body has more than {MAX_REQUEST_LINES} lines")
        if not line or line == b"\r":
            return
        self.received += 1
        try:
            decoded = decode_line(line)
        except (InvalidEvent, TooLarge) as error:
            problem: LineError = {"line": self._line, "code": error.code, "error": error.message}
            if isinstance(error, InvalidEvent) and error.field:
                problem["field"] = error.field
            self.errors.append(problem)
            # Wording an error takes longer than to store a good line (A5).
            if len(self.errors) > MAX_ERRORS:
                raise TooLarge(
                    f"the body has more than {MAX_ERRORS} lines that are refused"
                ) from None
            return
        self.unknown_fields += decoded.unknown_fields
        self.records.append(prepare_record(decoded, self._packer))
