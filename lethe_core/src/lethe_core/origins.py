"""Where a record stands in a source, and short cuts to make events of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lethe_core.events import SessionEvent, TurnEvent

if TYPE_CHECKING:
    from lethe_core.events import Role, SessionMeta
    from lethe_core.parser import Parser
    from lethe_core.sources import Source


@dataclass(slots=True)
class Origin(ABC):
    """Where a record stands, and short cuts to make events of it.

    Args:
        parser: who reads.
        source: what is read.
        session_id: the session that the record's turns belong to.
    """

    parser: Parser
    source: Source
    session_id: str

    @property
    @abstractmethod
    def seq(self) -> int:
        """The place of the record's first turn in its session."""

    @property
    @abstractmethod
    def revision(self) -> int:
        """The revision of the record's turns."""

    @abstractmethod
    def hashed_id(self, index: int = 0) -> str:
        """Identify a turn whose tool gave it no id.

        Args:
            index: which turn of the record it is, from 0.
        """

    def turn(self, *, turn_id: str = "", index: int = 0, role: Role, **fields: Any) -> TurnEvent:
        """Make a turn of the record.

        Args:
            turn_id: the tool's own identity of the turn; `hashed_id` if empty.
            index: which turn of the record it is, from 0.
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
