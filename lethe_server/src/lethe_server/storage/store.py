"""Store: what the services of the server see of the database.

All methods but `close` are for the event loop; they wait for the writer's thread or for a reader,
and raise errors of lethe alone (`StorageFull`, `StorageFailed`, `QueryTimeout`, `Overloaded`).
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from loguru import logger

from lethe_core.limits import MAX_REQUEST_BYTES
from lethe_server.errors import Overloaded, StorageDamaged
from lethe_server.storage import marks, turns
from lethe_server.storage.database import open_database, prepare_directory
from lethe_server.storage.dictionaries import Dictionaries
from lethe_server.storage.lock import ArchiveLock
from lethe_server.storage.migrations import migrate
from lethe_server.storage.owners import find_owner
from lethe_server.storage.readers import ReaderPool
from lethe_server.storage.reindexing import update_indexes
from lethe_server.storage.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import apsw

    from lethe_server.storage.payloads import Packer
    from lethe_server.storage.records import Record
    from lethe_server.storage.turns import StoreOutcome
    from lethe_server.storage.writer import WriterState

T = TypeVar("T")

#: A probe writes so many bytes, so that it needs new pages: what an ingest needs as well. After a
#: write has failed it must be more, lest what found no room is told to come again too early.
_PROBE_BYTES: Final = 64 * 1024
_RECOVERY_BYTES: Final = 1024 * 1024
#: Less free space than this is told as full before it is.
MIN_FREE_BYTES: Final = 2 * MAX_REQUEST_BYTES


class DiskSpace(NamedTuple):
    """Free and needed bytes on the disk of the database."""

    free: int
    needed: int


class Receipt(NamedTuple):
    """What a collector gets for what it sent.

    Args:
        outcome: what became of its turns.
        mark: of the commit; empty if there never was one (see `marks`).
        is_known: whether the mark that the collector showed is known; `None` if it showed none.
    """

    outcome: StoreOutcome
    mark: str
    is_known: bool | None


class Store:
    """The archive.

    Args:
        path: the database; migrated already.
        lock: of its directory; closed with the store.
        observe: is told the number of requests and the seconds of each commit.
    """

    def __init__(
        self, path: Path, lock: ArchiveLock, observe: Callable[[int, float], None] | None = None
    ) -> None:
        self.path = path
        self._lock = lock
        self._damage: StorageDamaged | None = None
        self._nonce = marks.make_nonce()
        self._writer = Writer(path, observe)
        try:
            self._readers = ReaderPool(path)
        except BaseException:
            self._writer.close()
            raise
        self._dictionaries = Dictionaries(self._writer, self._readers)

    @classmethod
    def open(cls, directory: Path, observe: Callable[[int, float], None] | None = None) -> Store:
        """Open the archive in a directory; make it, or bring it to this version, if need be.

        Args:
            directory: where the database lies.
            observe: is told the number of requests and the seconds of each commit.

        Raises:
            ConfigInvalid: the directory cannot be used, or holds another version's database.
            StorageFull: there is no room.
            StorageFailed: it does not work now, or another program has the archive open.
        """
        path = prepare_directory(directory)
        lock = ArchiveLock(directory)
        try:
            with contextlib.closing(open_database(path, writer=True)) as database:
                migrate(database.connection())
                update_indexes(database.connection())
            return cls(path, lock, observe)
        except BaseException:
            lock.close()
            raise

    def close(self) -> None:
        """Finish what is being written and read, then close."""
        self._readers.close()
        self._writer.close()
        self._lock.close()

    async def packer(self, owner: str) -> Packer:
        """Return what packs the turns of an owner."""
        dictionaries = self._dictionaries
        if (packer := dictionaries.at_hand(owner)) is not None:
            return packer
        return await self.query(lambda connection: dictionaries.load(connection, owner))

    async def ingest(
        self, owner: str, records: Sequence[Record], shown: str | None = None
    ) -> Receipt:
        """Store what came in one request; it is on the disk when this returns (P1).

        Args:
            owner: whose archive.
            records: from `prepare_record`; without any, nothing is written.
            shown: the mark that the collector shows, if it shows one.
        """

        def store(connection: apsw.Connection) -> Receipt:
            is_known = None if shown is None else marks.is_known(connection, owner, shown)
            if not records:
                return Receipt(turns.StoreOutcome(), marks.last_mark(connection, owner), is_known)
            outcome = turns.store_records(connection, owner, records)
            return Receipt(outcome, marks.advance_mark(connection, owner, self._nonce), is_known)

        if records:
            receipt = await self.change(store)
            self._dictionaries.count(owner, receipt.outcome.inserted)
            return receipt
        return await self.query(store)

    async def query(self, query: Callable[[apsw.Connection], T], seconds: float | None = None) -> T:
        """Return what a query finds.

        Args:
            query: gets a connection that reads; must leave no cursor open.
            seconds: that it may take; as all others if `None`.

        Raises:
            QueryTimeout: it takes longer.
        """
        with self._noted_damage():
            return await asyncio.wrap_future(self._readers.submit(query, seconds))

    async def change(self, work: Callable[[apsw.Connection], T]) -> T:
        """Change something; it is on the disk when this returns.

        Args:
            work: gets the connection that writes, in a transaction; possibly twice.
        """
        # A client that goes away must not undo what its request has begun: the job stays queued.
        with self._noted_damage():
            return await asyncio.shield(asyncio.wrap_future(self._writer.submit(work)))

    def change_later(self, work: Callable[[apsw.Connection], object]) -> None:
        """Change something; nobody waits for it, and failing does no harm.

        Args:
            work: as for `change`.
        """
        with contextlib.suppress(Overloaded):
            self._writer.submit(work)

    @property
    def writer_state(self) -> WriterState:
        """How the writer is."""
        return self._writer.state

    async def probe_read(self) -> None:
        """Read something.

        Raises:
            StorageDamaged: something was found to be damaged since the archive was opened.
        """
        if self._damage is not None:
            raise self._damage
        await self.query(lambda connection: find_owner(connection, ""))

    async def probe_write(self) -> None:
        """Write what needs new pages and an fsync, and take it away again (O3)."""
        size = _RECOVERY_BYTES if self._writer.state.fault else _PROBE_BYTES
        await self.change(lambda connection: _insert_probe(connection, size))
        await self.change(_delete_probe)

    def disk_space(self) -> DiskSpace:
        """Return how much room there is.

        Raises:
            OSError: the disk cannot be asked.
        """
        return DiskSpace(shutil.disk_usage(self.path.parent).free, MIN_FREE_BYTES)

    def database_bytes(self) -> int:
        """Return the size of the database's file, without its log."""
        return self.path.stat().st_size

    @contextlib.contextmanager
    def _noted_damage(self) -> Iterator[None]:
        """Remember that something is damaged: it does not mend itself."""
        try:
            yield
        except StorageDamaged as damage:
            if self._damage is None:
                logger.error("the database is damaged: {}", damage.hint)
            self._damage = damage
            raise


def _insert_probe(connection: apsw.Connection, size: int) -> None:
    connection.execute("INSERT INTO probe (body) VALUES (zeroblob(?))", (size,))


def _delete_probe(connection: apsw.Connection) -> None:
    connection.execute("DELETE FROM probe")
