"""Dictionaries: what an owner's turns have in common, for the compression of their payloads.

* Each owner has dictionaries of their own: they hold pieces of what was archived, and whoever's
  archive is deleted or moved, these go with it. None is ever changed or deleted: payloads name it.
* The first is trained when an owner has 4,000 turns, the next when there are eight times as many
  as at the last training; what was written before stays as it is.
* Training takes a tenth of a second, in the thread of a reader. The row is committed before the
  first payload names it.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import zstandard
from loguru import logger

from lethe_server.errors import Overloaded, StorageDamaged
from lethe_server.storage.owners import find_owner
from lethe_server.storage.payloads import LEVEL, Dictionary, Packer, Unpacker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    import apsw

    from lethe_server.storage.readers import ReaderPool
    from lethe_server.storage.writer import Writer

#: Turns of an owner at the first training; how many times as many there are at each later one.
FIRST_TURNS: Final = 4_000
GROWTH: Final = 8
#: What it is trained with: so many turns, so many bytes of each. More or longer ones gain nothing.
SAMPLES: Final = 4_000
SAMPLE_BYTES: Final = 4_096
#: Measured: 64 KiB make payloads 2 % larger, 256 KiB 3 % smaller.
DICTIONARY_BYTES: Final = 112 * 1024
#: It is put together of segments of so many bytes, chosen by what they repeat of so many. To try
#: others, as is the library's default, takes five times as long and gains nothing.
_SEGMENT_BYTES: Final = 200
_REPEATED_BYTES: Final = 8

#: Seconds that the sampling of turns may take.
_BUDGET_SECONDS: Final = 60.0
#: Owners whose dictionary is at hand: half a megabyte each.
_OWNERS_AT_HAND: Final = 16
#: Dictionaries that a connection has at hand.
_DICTIONARIES_AT_HAND: Final = 8
_DIGEST_BYTES: Final = 16

_COUNT: Final = "SELECT coalesce(sum(turns), 0) FROM sessions WHERE owner = ?"
_NEWEST: Final = """
    SELECT id, turns, digest, bytes FROM dictionaries WHERE owner = ? ORDER BY id DESC LIMIT 1
"""
_FIND: Final = "SELECT digest, bytes FROM dictionaries WHERE id = ?"
_INSERT: Final = """
    INSERT INTO dictionaries (owner, created_at, turns, digest, bytes) VALUES (?, ?, ?, ?, ?)
    RETURNING id
"""
#: The index of an owner's turns tells their numbers, so that only those of the sample are read.
_SAMPLE: Final = """
    SELECT content, payload FROM turns WHERE owner = ? AND id % ? = 0 LIMIT ?
"""

_unpackers: weakref.WeakKeyDictionary[apsw.Connection, Unpacker] = weakref.WeakKeyDictionary()


def unpacker_of(connection: apsw.Connection) -> Unpacker:
    """Return what unpacks the turns that a connection reads.

    Args:
        connection: any; used by one thread at a time.
    """
    unpacker = _unpackers.get(connection)
    if unpacker is None:
        unpacker = _unpackers[connection] = Unpacker(_Shelf(connection).find)
    return unpacker


class _Shelf:
    """The dictionaries that a connection has at hand."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = weakref.ref(connection)
        self._decompressors: OrderedDict[int, zstandard.ZstdDecompressor] = OrderedDict()

    def find(self, number: int) -> zstandard.ZstdDecompressor:
        """Return what decompresses with a dictionary.

        Raises:
            StorageDamaged: it is missing or damaged.
        """
        found = self._decompressors.get(number)
        if found is None:
            found = self._decompressors[number] = self._load(number)
            if len(self._decompressors) > _DICTIONARIES_AT_HAND:
                self._decompressors.popitem(last=False)
        else:
            self._decompressors.move_to_end(number)
        return found

    def _load(self, number: int) -> zstandard.ZstdDecompressor:
        connection = self._connection()
        assert connection is not None  # who asks holds it
        row = connection.execute(_FIND, (number,)).fetchone()
        if row is None:
            raise StorageDamaged(f"dictionary {number} of the payloads is missing")
        return zstandard.ZstdDecompressor(dict_data=_checked(number, *row))


def find_damaged(connection: apsw.Connection) -> Iterator[int]:
    """Give the numbers of the dictionaries that are not what was written.

    Args:
        connection: any.
    """
    for number, digest, data in connection.execute("SELECT id, digest, bytes FROM dictionaries"):
        if _digest(data) != digest:
            yield number


def train(connection: apsw.Connection, owner: int, turns: int) -> zstandard.ZstdCompressionDict:
    """Train a dictionary with a sample of an owner's turns.

    Args:
        connection: any.
        owner: whose.
        turns: how many there are, about.

    Raises:
        zstandard.ZstdError: they are too few, or have nothing in common.
    """
    unpack = unpacker_of(connection).unpack
    stride = max(1, turns // SAMPLES)
    samples: list[bytes | bytearray | memoryview] = []
    for row in connection.execute(_SAMPLE, (owner, stride, SAMPLES)):
        content, tool_calls, metadata = unpack(*row)
        text = content[:SAMPLE_BYTES].encode()
        samples.append(b"\n".join((tool_calls, metadata, text))[:SAMPLE_BYTES])
    return zstandard.train_dictionary(
        DICTIONARY_BYTES, samples, k=_SEGMENT_BYTES, d=_REPEATED_BYTES
    )


def save(
    connection: apsw.Connection, owner: int, turns: int, data: zstandard.ZstdCompressionDict
) -> Dictionary:
    """Store a dictionary.

    Args:
        connection: in a transaction.
        owner: whose.
        turns: how many there are, about.
        data: from `train`.
    """
    written = data.as_bytes()
    row = (owner, time.time(), turns, _digest(written), written)
    return Dictionary(connection.execute(_INSERT, row).get, data)


def newest(connection: apsw.Connection, owner: int) -> tuple[Dictionary | None, int]:
    """Return an owner's newest dictionary, and how many turns there were when it was made.

    Args:
        connection: any.
        owner: whose.

    Raises:
        StorageDamaged: it is damaged.
    """
    row = connection.execute(_NEWEST, (owner,)).fetchone()
    if row is None:
        return None, 0
    number, turns, digest, data = row
    return Dictionary(number, _checked(number, digest, data)), turns


def is_due(turns: int, trained: int) -> bool:
    """Tell whether a dictionary should be trained.

    Args:
        turns: that there are.
        trained: that there were at the last training; 0 if there was none.
    """
    return turns >= max(FIRST_TURNS, trained * GROWTH)


class _Owner:
    """What is known of an owner while they send."""

    def __init__(self, number: int | None, turns: int) -> None:
        self.number = number
        self.turns = turns
        self.trained = 0
        self.dictionary: Dictionary | None = None
        self.training = False


class Dictionaries:
    """The newest dictionary of each owner who sends, and the training of the next.

    Args:
        writer: that stores them.
        readers: whose threads train them.
    """

    def __init__(self, writer: Writer, readers: ReaderPool) -> None:
        self._writer = writer
        self._readers = readers
        self._owners: OrderedDict[str, _Owner] = OrderedDict()
        self._lock = threading.Lock()

    def at_hand(self, name: str) -> Packer | None:
        """Return a packer for an owner; `None` if `load` must be called first.

        Args:
            name: of the owner.
        """
        with self._lock:
            owner = self._owners.get(name)
            if owner is None:
                return None
            self._owners.move_to_end(name)
            return Packer(owner.dictionary)

    def load(self, connection: apsw.Connection, name: str) -> Packer:
        """Look up an owner, and return a packer.

        Args:
            connection: that reads.
            name: of the owner.
        """
        number = find_owner(connection, name)
        owner = _Owner(number, 0)
        if number is not None:
            owner.turns = connection.execute(_COUNT, (number,)).get
            owner.dictionary, owner.trained = newest(connection, number)
            if owner.dictionary is not None:
                owner.dictionary.data.precompute_compress(level=LEVEL)
        with self._lock:
            owner = self._owners.setdefault(name, owner)
            while len(self._owners) > _OWNERS_AT_HAND:
                self._owners.popitem(last=False)
        return Packer(owner.dictionary)

    def count(self, name: str, inserted: int) -> None:
        """Count turns that were stored; the training begins when there are enough.

        Args:
            name: of the owner.
            inserted: turns that are new.
        """
        with self._lock:
            owner = self._owners.get(name)
            if owner is None:
                return
            owner.turns += inserted
            if owner.training or not is_due(owner.turns, owner.trained):
                return
            owner.training = True
        with contextlib.suppress(RuntimeError):  # the archive is being closed
            self._readers.submit(
                lambda connection: self._train(connection, name, owner), _BUDGET_SECONDS
            ).add_done_callback(_tell_failure)

    def _train(self, connection: apsw.Connection, name: str, owner: _Owner) -> None:
        """Train a dictionary and hand it to the writer; in the thread of a reader."""
        turns = owner.turns
        owner.trained = turns  # whatever comes of it, it is not tried again at once
        try:
            if owner.number is None:
                owner.number = find_owner(connection, name)
            number = owner.number
            assert number is not None  # they have turns
            data = train(connection, number, turns)
            data.precompute_compress(level=LEVEL)
            saved = self._writer.submit(lambda writing: save(writing, number, turns, data))
            owner.dictionary = saved.result(_BUDGET_SECONDS)  # from here on payloads may name it
        except (zstandard.ZstdError, Overloaded) as error:
            logger.warning("no dictionary for payloads was made: {}", error)
        else:
            logger.info("trained dictionary {} of {} turns", owner.dictionary.number, turns)
        finally:
            owner.training = False


def _tell_failure(future: Future[Any]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        logger.warning("no dictionary for payloads was made: {}", type(error).__name__)


def _checked(number: int, digest: bytes, data: bytes) -> zstandard.ZstdCompressionDict:
    if _digest(data) != digest:
        raise StorageDamaged(f"dictionary {number} of the payloads is damaged")
    return zstandard.ZstdCompressionDict(data)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()
