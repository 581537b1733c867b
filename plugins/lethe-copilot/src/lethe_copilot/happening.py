"""One event of a session, and the turns that are made of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from lethe_core.mapping import clean_session_id, text, unix_time, wire_key

if TYPE_CHECKING:
    from lethe_core import Event, Line, SessionMeta, TurnEvent
    from lethe_core.events import Role

Mapped = list["Event"] | str

_LONGEST_NAME: Final = 200
_LONGEST_ID: Final = 240
_MOST_CALLS: Final = 32


@dataclass(slots=True)
class Happening:
    """An event: its data, and where it stands.

    Keys of the state: ``model`` that answers; ``calls`` that were told last, since a call stands
    in the message that asks for it and in the event that runs it, in either order; ``output``,
    the tokens of answers since the process began.

    Args:
        record: the line's object.
        data: its payload.
        line: where it stands; of a subagent's event, with the session of the subagent.
    """

    record: dict[str, Any]
    data: dict[str, Any]
    line: Line

    @classmethod
    def of(cls, record: dict[str, Any], data: dict[str, Any], line: Line) -> Happening:
        """Make one; what a subagent does belongs to a session of its own."""
        if call := text(data.get("parentToolCallId")):
            line = replace(line, session_id=agent_session(line.session_id, call))
        return cls(record, data, line)

    @property
    def time(self) -> float | None:
        """When it happened, in Unix seconds."""
        return unix_time(self.record.get("timestamp"))

    @property
    def model(self) -> str | None:
        """The model that answers at this place."""
        return text(self.data.get("model")) or self.line.state.get("model")

    def keep_model(self, *names: str) -> None:
        """Keep the model that one of the fields names, for the events to come."""
        for name in names:
            if model := text(self.data.get(name)):
                self.line.state["model"] = model[:_LONGEST_NAME]

    def tells_call(self, call: str) -> bool:
        """Say whether a call is told for the first time, and remember it."""
        told: list[str] = self.line.state.get("calls", [])
        if not call or call in told:
            return not call
        self.line.state["calls"] = [*told[1 - _MOST_CALLS :], call]
        return True

    def turn(
        self,
        role: Role,
        kind: str,
        content: str = "",
        *,
        index: int = 0,
        metadata: dict[str, Any] | None = None,
        **fields: Any,
    ) -> TurnEvent:
        """Make a turn of this event.

        Args:
            role: who speaks.
            kind: what sort of turn it is.
            content: the text.
            index: which turn of the event it is.
            metadata: more than the kind and Copilot's turn.
            **fields: all other fields of `TurnEvent`.
        """
        known: dict[str, Any] = {"kind": kind}
        if turn := text(self.data.get("turnId")):
            known["turn"] = turn
        identity = wire_key(self.record.get("id"))
        return self.line.turn(
            turn_id=f"{identity}.{index}" if 0 < len(identity) <= _LONGEST_ID else "",
            index=index,
            role=role,
            timestamp=self.time,
            content=content,
            metadata=known | (metadata or {}),
            **fields,
        )

    def session(self, meta: SessionMeta) -> Event:
        """Make an event that says something of the session alone."""
        return self.line.session(meta, self.time)


def agent_session(session: str, call: str) -> str:
    """Name the session of a subagent by the call that started it."""
    return clean_session_id(f"{session}.{call}")
