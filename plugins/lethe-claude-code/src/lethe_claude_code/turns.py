"""The turns of one record, numbered and described alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from lethe_claude_code.session import make_title
from lethe_core.mapping import unix_time, wire_key

if TYPE_CHECKING:
    from lethe_claude_code.records import Entry
    from lethe_claude_code.session import Transcript
    from lethe_core import Line, Role, TurnEvent

#: A longest id on the wire has 256 characters; the number of a block must find room.
_MAX_UUID: Final = 240
_TITLED: Final = "titled"


class Turns:
    """Collects the turns of a record.

    The first turn has the record's uuid, so that the ``parentUuid`` of another record names it;
    the others have the uuid and the number of their block. A record without a uuid that the wire
    takes has hashed ids. Where a parent is a record that is no turn, such as ``progress``, no turn
    has the id that ``parent_id`` names.

    Args:
        entry: the record.
        line: where it stands.
    """

    def __init__(self, entry: Entry, line: Line) -> None:
        self.events: list[TurnEvent] = []
        self._entry = entry
        self._line = line
        transcript: Transcript = line.context
        self._session_meta = transcript.describe(entry)
        self._timestamp = unix_time(entry.timestamp)
        self._uuid = wire_key(entry.uuid) if len(entry.uuid) <= _MAX_UUID else ""
        self._common: dict[str, Any] = {}
        if entry.parent_uuid:
            self._common["parent_id"] = entry.parent_uuid
        if entry.is_sidechain:
            self._common["is_sidechain"] = True
        if foreign := transcript.foreign_session(entry):
            self._common["session_id"] = foreign
        if entry.agent_id and not transcript.is_agent:
            self._common["agent_id"] = entry.agent_id

    def add(
        self,
        role: Role,
        kind: str,
        content: str = "",
        *,
        index: int = 0,
        metadata: dict[str, Any] | None = None,
        **fields: Any,
    ) -> None:
        """Add a turn.

        Args:
            role: who speaks.
            kind: what sort of turn it is.
            content: the text.
            index: the number of its block in the record.
            metadata: what else is to be known; entries that are empty are left out.
            **fields: other fields of `TurnEvent`.
        """
        turn_id = self._uuid
        if turn_id and self.events:
            turn_id = f"{turn_id}.{index}"
        described = {"kind": kind, **self._common}
        if metadata:
            described |= {key: value for key, value in metadata.items() if value}
        self.events.append(
            self._line.turn(
                turn_id=turn_id,
                index=index,
                role=role,
                timestamp=self._timestamp,
                content=content,
                metadata=described,
                session_meta=self._session_meta,
                **fields,
            )
        )

    def suggest_title(self, text: str) -> None:
        """Let the first prompt of a transcript be its title, as long as there is no better one.

        That there was one is remembered in the cursor.
        """
        if _TITLED in self._line.state or not (title := make_title(text)):
            return
        self._line.state[_TITLED] = True
        if self._session_meta.title is None:
            self._session_meta = msgspec.structs.replace(
                self._session_meta, title=title, title_source="prompt"
            )
