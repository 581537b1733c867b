"""Parser base for JSON documents that a tool rewrites whole.

A *snapshot* is the source as it stands now: one file, or a small set of files that belong
together. It is split into *pieces*, each of which changes as a whole (a message; what is known of
the session), and only new and changed pieces are mapped.

Invariants:

* The cursor is a ladder of rolling digests (`lethe_core.ladders`), a few hundred characters
  however long the session is. Reading begins after the last rung that still matches, so that a
  change near the end, where tools make theirs, repeats a few pieces, and a change far from it at
  most twice as many as follow it. To repeat one is harmless.
* A rewrite is the normal life of a snapshot: it raises no `SourceReplaced`. Pieces that were
  removed stay in the archive.
* The revision is the source's time of modification in milliseconds. It needs no state: when the
  collector's was lost, an older version of the file replaces nothing newer. Where that time does
  not tell that a change came later (two writes in a millisecond, a clock that was set back), the
  revision in the cursor goes on by one. An older backup that is put back while the cursor lives
  looks like the latter: what it changes counts as said by the tool now.
* A file that changes while it is read is read again. What is no JSON then is `SourceUnreadable`
  and tried later, because a writer may be in the middle of it. If it has stood still for
  `SETTLE_SECONDS` nobody is: it becomes one `unmapped` turn, which counts as its only piece.
  An empty file is a rewrite that has just begun, and gives nothing.
* A document of more than `MAX_DOCUMENT_BYTES` or of another shape is an `unmapped` turn at once; a
  piece that cannot be mapped is one and costs only itself. In memory are one file's bytes and one
  decoded piece.
"""

from __future__ import annotations

import hashlib
import os
import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from lethe_core.decoding import DECODING_ERRORS, decode_tolerantly, describe
from lethe_core.documents import WholeFile, read_whole
from lethe_core.errors import PluginError, SourceReplaced, SourceUnreadable
from lethe_core.ladders import Ladder, make_cursor, roll
from lethe_core.limits import MAX_DOCUMENT_BYTES, MAX_LINE_BYTES, MAX_UNMAPPED_RAW_BYTES
from lethe_core.mapping import clean_session_id
from lethe_core.outcomes import (
    FAILURES,
    MappedRecord,
    Outcome,
    describe_failure,
    take,
    tell_failure,
)
from lethe_core.parser import Parser, unmapped_turn
from lethe_core.pieces import PLACES, Damage, Piece, Place
from lethe_core.sources import Cursor, Identity, Record, Source, find_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from lethe_core.events import Event

#: How long a file that is no JSON must have stood still to count as damaged, in seconds.
SETTLE_SECONDS: Final = 60.0


class SnapshotParser(Parser):
    """Reads JSON documents that are rewritten whole; a subclass maps one piece at a time.

    For sources of one file, a subclass implements `split` and `map_piece`. For sources of several
    files it implements `discover` and `pieces` (with `load` for each file) instead of `split`.

    Attributes:
        document_type: what a file is decoded to: a type with `msgspec.Raw` where its pieces
            stand, such as a `msgspec.Struct` with ``messages: list[msgspec.Raw]``.
        piece_type: what a piece is decoded to.
        suffix: the ending of file names that `discover` looks for.
    """

    document_type: ClassVar[Any] = list[msgspec.Raw]
    piece_type: ClassVar[Any] = dict[str, Any]
    suffix: ClassVar[str] = ".json"

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Make the decoders once.

        Args:
            clock: gives Unix seconds; tells whether a damaged file has stood still.
        """
        self._clock = clock
        self._decode_document: Callable[[bytes], Any]
        self._decode_document = msgspec.json.Decoder(self.document_type).decode
        self._decode_piece: Callable[[bytes], Any] = msgspec.json.Decoder(self.piece_type).decode

    # What a subclass maps ---------------------------------------------------------------------

    def split(self, document: Any, source: Source) -> Iterable[Piece]:
        """Split a document into its pieces, in the order of the session.

        What changes with each write, such as a time of the last update, belongs into no piece.
        What is known of the session alone (a title) is best the last piece.

        Args:
            document: the decoded file, of `document_type`.
            source: where it comes from.

        Raises:
            PluginError: the subclass defines neither this nor `pieces`.
        """
        del document, source
        raise PluginError(
            f"{type(self).__name__} implements neither `split` nor `pieces`",
            hint="define one of them in the parser; docs/writing-a-parser.md shows how",
        )

    @abstractmethod
    def map_piece(self, piece: Any, place: Place) -> Iterable[Event] | str:
        """Map one piece to its events.

        Whatever it raises makes the piece an `unmapped` turn that names the error.

        Args:
            piece: the decoded piece, of `piece_type`.
            place: where it stands; makes events with the right session, place and version.

        Returns:
            The events in order, or, for a piece that is no turn, a word that says what it is.
        """

    def accepts(self, path: Path) -> bool:
        """Say by its path alone whether a file with the right suffix is a transcript."""
        del path
        return True

    def session_id(self, source: Source) -> str:
        """Name the session of a source: the file's name without its suffix."""
        return clean_session_id(source.path.name.removesuffix(self.suffix))

    # Reading ----------------------------------------------------------------------------------

    def discover(self, root: Path) -> Iterable[Source]:
        """Find all accepted files below a root. Symbolic links are not followed into directories.

        Raises:
            OSError: the root cannot be listed.
        """
        return find_files(root, lambda path: path.name.endswith(self.suffix) and self.accepts(path))

    def identify(self, source: Source) -> Identity:
        """Recognise a snapshot by its path: inode and beginning change with each rewrite."""
        name = os.fsencode(source.path)
        digest = hashlib.blake2b(name, digest_size=16).hexdigest()
        return Identity(head_size=len(name), head_hash=digest)

    def pieces(self, source: Source) -> Iterator[Piece]:
        """Read a source and give its pieces, lazily where it has several files.

        Raises:
            SourceUnreadable: a file of it is being written.
            OSError: a file of it cannot be read now.
        """
        document = self.load(source.path, self._decode_document)
        if isinstance(document, Piece):
            yield document
        elif document is not None:
            yield from self.split(document, source)

    def load(self, path: Path, decode: Callable[[bytes], Any]) -> Any:
        """Read and decode one file of a source.

        Args:
            path: the file.
            decode: a strict decoder, such as ``msgspec.json.Decoder(dict).decode``.

        Returns:
            What it holds; `None` if it is empty; a `Piece` to give in its stead if it is damaged.

        Raises:
            SourceUnreadable: it is being written.
            OSError: it cannot be read now.
        """
        file = read_whole(path)
        if file.size > MAX_DOCUMENT_BYTES:
            reason = f"the document has {file.size} bytes, at most {MAX_DOCUMENT_BYTES} are read"
            return _damaged(file, "TOO_LARGE", reason)
        if not file.data.strip():
            return None
        try:
            return decode(file.data)
        except DECODING_ERRORS as error:
            failure: Exception = error
        try:
            if file.size <= MAX_LINE_BYTES:  # to decode tolerantly takes many times the bytes
                return decode_tolerantly(file.data, decode)[0]
        except (ValueError, RecursionError) as error:
            failure = error
        code, reason = describe(failure, "document")
        if code == "MALFORMED" and self._clock() - file.modified < SETTLE_SECONDS:
            raise SourceUnreadable(
                f"{path} is being written, or damaged: {reason}",
                hint="it is read again; if it stays so for a minute it is archived as it stands",
            )
        return _damaged(file, code, reason)

    def read(self, source: Source, cursor: Cursor | None) -> Iterator[Record]:
        """Read the new and changed pieces. See `Parser.read`."""
        mark = _ladder(cursor, source)
        digest = b""
        digests: list[bytes] = []
        ends: list[int] = []
        position = 0
        waiting: list[Piece] = []  # those since the last rung that matched
        revision: int | None = None
        for piece in self.pieces(source):
            digest = roll(digest, piece.raw, _said_besides(piece))
            digests.append(digest)
            position += memoryview(piece.raw).nbytes
            ends.append(min(position, source.size))
            waiting.append(piece)
            count = len(digests)
            if revision is None and count <= mark.count:
                expected = mark.rungs.get(count)
                if expected == digest:
                    waiting.clear()
                if expected in (None, digest):
                    continue
            if revision is None:
                changed = count <= mark.count
                revision = _next_revision(mark, source, changed=changed)
            yield from self._records(source, waiting, digests, ends, revision)
            waiting.clear()
        if waiting:
            revision = _next_revision(mark, source, changed=True)
            yield from self._records(source, waiting, digests, ends, revision)

    def _records(
        self,
        source: Source,
        pieces: Sequence[Piece],
        digests: list[bytes],
        ends: list[int],
        revision: int,
    ) -> Iterator[Record]:
        """Map the last pieces of those that were digested."""
        start = len(digests) - len(pieces)
        for index, piece in enumerate(pieces, start):
            place = Place(
                parser=self,
                source=source,
                session_id=piece.session_id or self.session_id(source),
                index=index,
                revision=revision,
                raw=bytes(piece.raw),
                context=piece.context,
            )
            mapped = self._map(place, piece.damage)
            yield MappedRecord(
                events=mapped.events,
                cursor=make_cursor(revision, digests, index + 1),
                position=ends[index],
                skipped=mapped.skipped,
                unmapped=mapped.unmapped,
                failure=mapped.failure,
            )

    def _map(self, place: Place, damage: Damage | None) -> Outcome:
        if damage:
            return self._unmapped(place, damage)
        damaged = False
        try:
            piece = self._decode_piece(place.raw)
        except DECODING_ERRORS:
            try:
                piece, damaged = decode_tolerantly(place.raw, self._decode_piece)
            except (ValueError, RecursionError) as error:
                return self._unmapped(place, _damage(place.raw, *describe(error, "piece")))
        try:
            return take(self.map_piece(piece, place), "map_piece", damaged=damaged)
        except FAILURES as error:  # P9: a bad piece costs only itself
            damage = _damage(place.raw, "UNMAPPABLE", describe_failure(error))
            outcome = self._unmapped(place, damage)
            outcome.failure = tell_failure(error, self)
            return outcome

    def _unmapped(self, place: Place, damage: Damage) -> Outcome:
        turn = unmapped_turn(
            self,
            session_id=place.session_id,
            seq=place.seq,
            raw=place.raw,
            start=0,
            end=damage.size,
            code=damage.code,
            reason=damage.reason,
            sha256=damage.sha256,
            places=PLACES,
            revision=place.revision,
            source_file=place.source.path,
        )
        return Outcome((turn,), unmapped=True)


def _ladder(cursor: Cursor | None, source: Source) -> Ladder:
    """Take a cursor apart.

    Raises:
        SourceReplaced: it was not made here.
    """
    ladder = Ladder.empty() if cursor is None else Ladder.parse(cursor)
    if ladder is None:
        raise SourceReplaced(f"{source.path} was read by another kind of parser")
    return ladder


def _next_revision(before: Ladder, source: Source, *, changed: bool) -> int:
    """Choose the revision of what is sent now.

    Args:
        before: what was sent.
        source: what is read.
        changed: whether pieces may be among it that were sent with the last revision.
    """
    modified = source.mtime_ns // 1_000_000
    return max(modified, before.revision + changed)


def _said_besides(piece: Piece) -> bytes:
    """Give what makes a piece another one although its bytes are the same."""
    named = (piece.session_id, piece.damage)
    return repr(named).encode() if any(named) else b""


def _damage(raw: bytes, code: str, reason: str) -> Damage:
    return Damage(code, reason, len(raw), hashlib.sha256(raw).hexdigest())


def _damaged(file: WholeFile, code: str, reason: str) -> Piece:
    """Make the piece that stands for a whole file."""
    digest = file.sha256 or hashlib.sha256(file.data).hexdigest()
    damage = Damage(code, reason, file.size, digest)
    return Piece(raw=file.data[:MAX_UNMAPPED_RAW_BYTES], damage=damage)
