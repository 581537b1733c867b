"""The parts of a document that is rewritten whole, and events made of them.

The place of a turn in its session, `seq`, is its piece's index times 2**16 plus its index in the
piece, plus `generation * 2**42`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lethe_core.events import SessionEvent, TurnEvent
from lethe_core.limits import MAX_RECORD_EVENTS

if TYPE_CHECKING:
    import msgspec

    from lethe_core.events import Role, SessionMeta
    from lethe_core.parser import Parser
    from lethe_core.sources import Source

#: Places that the turns of one piece can have.
PLACES: Final = MAX_RECORD_EVENTS


class Damage(NamedTuple):
    """Why there is no document: a stable code, a reason without content, size and digest."""

    code: str
    reason: str
    size: int
    sha256: str


class Piece(NamedTuple):
    """A part of a snapshot that changes as a whole.

    Args:
        raw: its JSON; a piece is mapped again if these bytes change.
        session_id: its session, if that is not the one that the source's path names.
        context: what `SnapshotParser.map_piece` needs of the snapshot besides. A change of it
            alone does not make the piece a changed one.
        damage: set if `raw` is the beginning of what could not be decoded.
    """

    raw: bytes | msgspec.Raw
    session_id: str = ""
    context: Any = None
    damage: Damage | None = None


@dataclass(slots=True)
class Place:
    """Where a piece stands, and short cuts to make events of it.

    Args:
        parser: who reads.
        source: what is read.
        session_id: the session that the piece's turns belong to.
        index: which piece of the snapshot it is, from 0.
        revision: of its turns.
        raw: its JSON.
        context: what the parser put into `Piece.context`.
    """

    parser: Parser
    source: Source
    session_id: str
    index: int
    revision: int
    raw: bytes
    context: Any = None

    @property
    def seq(self) -> int:
        """The place of the piece's first turn in its session."""
        return self.source.first_seq + self.index * PLACES

    def turn(self, *, turn_id: str = "", index: int = 0, role: Role, **fields: Any) -> TurnEvent:
        """Make a turn of this piece.

        Args:
            turn_id: the tool's own identity of the turn; a hash of the piece if empty.
            index: which turn of the piece it is, from 0.
            role: who speaks.
            **fields: all other fields of `TurnEvent`.
        """
        return TurnEvent(
            tool=self.parser.tool,
            session_id=self.session_id,
            turn_id=turn_id or self.hashed_id(index),
            seq=self.seq + index,
            role=role,
            revision=self.revision,
            parser_version=self.parser.version,
            **fields,
        )

    def session(self, meta: SessionMeta, timestamp: float | None = None) -> SessionEvent:
        """Make an event that says something of the session alone."""
        return SessionEvent(
            tool=self.parser.tool,
            session_id=self.session_id,
            seq=self.seq,
            session_meta=meta,
            timestamp=timestamp,
            parser_version=self.parser.version,
        )

    def hashed_id(self, index: int = 0) -> str:
        """Identify a turn whose tool gave it no id: a hash of the piece and its place.

        A piece that changes gets another one. A tool that completes a message in place, and gives
        it no id, needs an id made of its place or time instead.
        """
        digest = hashlib.blake2b(self.raw, digest_size=12)
        digest.update(f"@{self.index}+{index}".encode())
        return digest.hexdigest()
