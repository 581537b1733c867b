"""One line of a rollout on its way to turns, with what the lines before it told.

Codex names the model and the turn once, and tells most things twice: a prompt, an answer or a
thought stands in an ``event_msg`` and in a ``response_item``, in either order, depending on the
version. `Step.first` lets the first of the two through and recognises the second.

Keys of the state, all small:

* ``session``: the thread that the file is about; ``origin``: the thread whose lines are copied in;
* ``model`` and ``turn``: of the last ``turn_context``;
* ``total``: the cumulative tokens told last;
* ``exact``: usage stands in ``token_usage_record``, so ``token_count`` only repeats it;
* ``code``: the model calls its tools from code, so commands stand in ``item_completed`` alone;
* ``told``: the last texts that were told once, as marks;
* ``prompts``: where the last prompts stand that were not taken back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from lethe_core.mapping import first_telling

if TYPE_CHECKING:
    from lethe_core import Line, Place, TurnEvent
    from lethe_core.events import Role

Stream = Literal["item", "event"]

_LONGEST_NAME: Final = 200
_MOST_PROMPTS: Final = 64


@dataclass(slots=True)
class Step:
    """A line, its time, and short cuts to make turns of it.

    Args:
        line: the line, or the item of a document.
        time: Unix seconds, if it has a time.
        state: what the lines before told; empty for an item.
    """

    line: Line | Place
    time: float | None
    state: dict[str, Any]

    @property
    def model(self) -> str | None:
        """The model that answers at this place."""
        return self.state.get("model")

    @property
    def turn_name(self) -> str:
        """Codex's id of the turn at this place; empty in old rollouts."""
        name: str = self.state.get("turn", "")
        return name

    def keep(self, key: str, value: Any) -> None:
        """Keep a name for the lines to come, unless it is none."""
        if isinstance(value, str) and value:
            self.state[key] = value[:_LONGEST_NAME]

    def turn(
        self,
        role: Role,
        kind: str,
        content: str = "",
        *,
        index: int = 0,
        turn_id: str = "",
        metadata: dict[str, Any] | None = None,
        **fields: Any,
    ) -> TurnEvent:
        """Make a turn of this line.

        Args:
            role: who speaks.
            kind: what sort of turn it is.
            content: the text.
            index: which turn of the line it is.
            turn_id: Codex's id of it, if it has one.
            metadata: more than the kind and Codex's turn.
            **fields: all other fields of `TurnEvent`.
        """
        known: dict[str, Any] = {"kind": kind}
        if kind == "prompt":
            prompts = self.state.setdefault("prompts", [])
            prompts.append(self.line.seq + index)
            del prompts[:-_MOST_PROMPTS]
        if self.turn_name:
            known["turn"] = self.turn_name
        return self.line.turn(
            turn_id=turn_id,
            index=index,
            role=role,
            timestamp=self.time,
            content=content,
            metadata=known | (metadata or {}),
            **fields,
        )

    def take_back(self, number: int) -> int | None:
        """Take back the last prompts, with all that came of them.

        Args:
            number: how many.

        Returns:
            The place where it begins; `None` if so far back is not remembered.
        """
        prompts: list[int] = self.state.get("prompts", [])
        if not 0 < number <= len(prompts):
            return None
        start = prompts[-number]
        del prompts[-number:]
        return start

    def first(self, stream: Stream, kind: str, text: str) -> bool:
        """Say whether a text is told for the first time, and remember it if so.

        Args:
            stream: who tells it.
            kind: ``p`` for prompts, ``t`` for thoughts.
            text: the text; white space does not count.
        """
        return first_telling(self.state, stream, f"{kind} {text}")
