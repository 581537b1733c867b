"""IngestService: bounded in memory, committed before it answers.

All requests that are being read share a budget of memory. A request that would exceed it is
refused with 503 as long as there are others; alone it is always taken, up to its own bounds. A
quarter of it each user has in any case, so that bodies that trickle in keep nobody else out.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Final

from lethe_server.errors import Overloaded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lethe_server.ingest.answers import IngestAnswer
    from lethe_server.ingest.reader import BodyReader
    from lethe_server.metrics import Metrics
    from lethe_server.storage import Store

#: Memory of all requests that are being read.
BUDGET_BYTES: Final = 64 * 1024 * 1024
#: So much of the budget, as a divisor, is there for each user whatever the others take: what a
#: collector sends at once fits, and the users are on a list.
_OWN_SHARE: Final = 4


class IngestService:
    """Stores what collectors send.

    Args:
        store: the archive.
        metrics: counts what comes.
        budget: bytes of memory for all requests that are being read.
    """

    def __init__(self, store: Store, metrics: Metrics, budget: int = BUDGET_BYTES) -> None:
        self._store = store
        self._metrics = metrics
        self._budget = budget
        self._used: Counter[str] = Counter()

    @contextlib.contextmanager
    def reservation(self, owner: str) -> Iterator[Reservation]:
        """Hold a share of the memory while a request is read and stored.

        Args:
            owner: whose request.
        """
        share = Reservation(self, owner)
        try:
            yield share
        finally:
            share.resize(0)

    async def store(self, owner: str, reader: BodyReader, shown: str | None = None) -> IngestAnswer:
        """Store what was read; it is on the disk when this returns (P1).

        Args:
            owner: whose archive.
            reader: at the end of its body.
            shown: the mark that the collector shows, if it shows one.

        Raises:
            Unavailable: nothing was stored; it may pass later.
        """
        metrics = self._metrics
        receipt = await self._store.ingest(owner, reader.records, shown)
        for name, count in receipt.outcome._asdict().items():
            metrics.ingest_turns.labels(name).inc(count)
        metrics.ingest_bytes.labels("wire").inc(reader.wire_bytes)
        metrics.ingest_bytes.labels("decoded").inc(reader.decoded_bytes)
        metrics.ingest_lines.labels("accepted").inc(len(reader.records))
        metrics.ingest_lines.labels("refused").inc(len(reader.errors))
        metrics.unknown_fields.inc(reader.unknown_fields)
        answer: IngestAnswer = {
            "received": reader.received,
            "accepted": len(reader.records),
            "errors": reader.errors,
            "mark": receipt.mark,
        }
        if receipt.is_known is not None:
            answer["mark_known"] = receipt.is_known
            metrics.unknown_marks.inc(not receipt.is_known)
        if reader.unknown_fields:
            answer["unknown_fields"] = reader.unknown_fields
        return answer

    def _resize(self, owner: str, old: int, new: int) -> None:
        others = self._used.total() - old
        own = self._used[owner] - old + new
        is_too_much = others and others + new > self._budget and own > self._budget // _OWN_SHARE
        if new > old and is_too_much:
            raise Overloaded("too many requests are being read")
        self._used[owner] = own
        if not own:
            del self._used[owner]


class Reservation:
    """A share of the memory for requests that are being read.

    Args:
        service: whose memory.
        owner: whose request.
    """

    def __init__(self, service: IngestService, owner: str) -> None:
        self._service = service
        self._owner = owner
        self._bytes = 0

    def resize(self, size: int) -> None:
        """Change the share.

        Args:
            size: bytes.

        Raises:
            Overloaded: there is no room beside the other requests.
        """
        self._service._resize(self._owner, self._bytes, size)  # noqa: SLF001 - the two are one
        self._bytes = size
