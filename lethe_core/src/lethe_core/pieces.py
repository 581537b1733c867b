"""The parts of a document that is rewritten whole, and events made of them.

The place of a turn in its session, `seq`, is its piece's index times 2**16 plus its index in the
piece, plus `generation * 2**42`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lethe_core.limits import MAX_RECORD_EVENTS
from lethe_core.origins import Origin

if TYPE_CHECKING:
    import msgspec

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
class Place(Origin):
    """Where a piece stands in a snapshot, and short cuts to make events of it.

    Args:
        index: which piece of the snapshot it is, from 0.
        revision: of its turns.
        raw: its JSON.
        context: what the parser put into `Piece.context`.
    """

    index: int
    revision: int = field()  # without it, the property of `Origin` would be its default
    raw: bytes
    context: Any = None

    @property
    def seq(self) -> int:
        """The place of the piece's first turn in its session."""
        return self.source.first_seq + self.index * PLACES

    def hashed_id(self, index: int = 0) -> str:
        """Identify a turn whose tool gave it no id: a hash of the piece and its place.

        A piece that changes gets another one. A tool that completes a message in place, and gives
        it no id, needs an id made of its place or time instead.
        """
        digest = hashlib.blake2b(self.raw, digest_size=12)
        digest.update(f"@{self.index}+{index}".encode())
        return digest.hexdigest()
