"""What an archive would hold of one transcript, by the rules of the wire and without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lethe_core import TurnEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lethe_core import Event, Usage


class Archived:
    """The turns and the usage of some events, each counted once.

    Args:
        events: of one session, in the order of the source.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self.turns: dict[str, TurnEvent] = {}
        self.usage: dict[str, Usage] = {}
        self.events = 0
        for event in events:
            self.events += 1
            if isinstance(event, TurnEvent):
                self.turns.setdefault(event.turn_id, event)
                if event.usage:
                    self._count(event.usage)

    def _count(self, usage: Usage) -> None:
        known = self.usage.setdefault(usage.key, usage)
        for name in ("input", "output", "cache_read", "cache_write"):
            setattr(known, name, max(getattr(known, name), getattr(usage, name)))

    def of_kind(self, kind: str) -> list[TurnEvent]:
        """Return the turns of a kind."""
        return [turn for turn in self.turns.values() if turn.metadata["kind"] == kind]

    @property
    def messages(self) -> set[str]:
        """The message ids of the model's replies."""
        names = (turn.metadata.get("message_id") for turn in self.turns.values())
        return {name for name in names if name}

    @property
    def calls(self) -> set[str]:
        """The ids of tool calls."""
        turns = self.of_kind("tool_call")
        return {call.id for turn in turns for call in turn.tool_calls if call.id}
