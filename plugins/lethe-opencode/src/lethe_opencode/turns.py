"""How the turns of a message are made, whichever form of opencode's store it stands in.

The same message may stand in the files of 1.1, the tables of 1.2 and those of 2.0, because each
generation imports what the one before wrote and leaves it where it was. Message ids and the ids
of calls stay the same, those of parts do not. So a turn's id is made of the former alone, and its
place of the time when the message was made.

A message is completed in many steps, several of them in one millisecond. So its revision is the
time of its last change, and within a millisecond how far it has come.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from lethe_core import TurnEvent, Usage
from lethe_core.limits import MAX_SEQ
from lethe_core.mapping import (
    clean_session_id,
    count,
    data_url_image,
    price,
    text,
    unix_time,
    unknown_block,
    wire_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lethe_core import Parser, Role

PLACES: Final = 4096
#: Messages that were made in the same millisecond stand this many places apart.
_TIE: Final = 512
_PROGRESS_BITS: Final = 12
_MOST_STEPS: Final = 595
_MOST_WORDS: Final = 3500
_STATES: Final = {"completed": 2, "error": 2, "running": 1}


@dataclass(slots=True, kw_only=True)
class Turns:
    """Makes the turns of one message.

    Args:
        parser: who reads.
        session_id: the message's session.
        message_id: the message.
        created: when it was made, in milliseconds.
        changed: when it or a part of it was changed, in milliseconds.
        progress: how far it has come, as `progress` tells.
        tie: how many messages of its session were made in the same millisecond before it.
        made: the turns so far.
    """

    parser: Parser
    session_id: str
    message_id: str
    created: int
    changed: int
    progress: int
    tie: int = 0
    made: list[TurnEvent] = field(default_factory=list)
    _numbers: Counter[str] = field(default_factory=Counter)

    def numbered(self, kind: str) -> str:
        """Name the next of several turns of a kind, such as ``msg_1.answer.0``."""
        number = self._numbers[kind]
        self._numbers[kind] += 1
        return f"{self.message_id}.{kind}.{number}"

    def distinct(self, name: str) -> str:
        """Make an id of a call unique in the message: not all models give each call its own."""
        number = self._numbers[f"call {name}"]
        self._numbers[f"call {name}"] += 1
        return f"{name}.{number}" if number else name

    def add(
        self,
        role: Role,
        kind: str,
        content: str,
        *,
        place: int,
        turn_id: str,
        metadata: dict[str, Any] | None = None,
        timestamp: float | None = None,
        **fields: Any,
    ) -> TurnEvent:
        """Make one turn.

        Args:
            role: who speaks.
            kind: what sort of turn it is.
            content: the text.
            place: the place in the message, from 0.
            turn_id: the turn.
            metadata: what else is known.
            timestamp: Unix seconds; when the message was made, if `None`.
            **fields: other fields of `TurnEvent`.
        """
        place = min(self.tie * _TIE + place, PLACES - 1)
        turn = TurnEvent(
            tool=self.parser.tool,
            session_id=clean_session_id(self.session_id),
            turn_id=wire_key(turn_id) or clean_session_id(turn_id),
            seq=min(max(self.created, 0) * PLACES + place, MAX_SEQ),
            role=role,
            timestamp=timestamp or unix_time(self.created),
            content=content,
            metadata={"kind": kind, **(metadata or {})},
            revision=min((max(self.changed, 0) << _PROGRESS_BITS) + self.progress, MAX_SEQ),
            parser_version=self.parser.version,
            **fields,
        )
        self.made.append(turn)
        return turn

    def add_unknown(self, role: Role, part: dict[str, Any], place: int) -> None:
        """Keep a part of a kind that no mapping knows as it stands.

        Args:
            role: who speaks in the message.
            part: the part.
            place: its place in the message.
        """
        turn_id = self.numbered("unknown")
        metadata = unknown_block(part)
        self.add(role, "unknown_block", "", place=place, turn_id=turn_id, metadata=metadata)


def progress(message: dict[str, Any], parts: Iterable[dict[str, Any]]) -> int:
    """Say how far a message has come: a number of 12 bits that grows while it is written.

    Args:
        message: what opencode says of it.
        parts: its parts, or the items of its content.
    """
    steps = sum(bool(message.get(name)) for name in ("finish", "error"))
    steps += _is_ended(message)
    words = 0
    for part in parts:
        state = part.get("state")
        status = state.get("status") if isinstance(state, dict) else None
        steps += 1 + _is_ended(part) + _STATES.get(status if isinstance(status, str) else "", 0)
        words += len(text(part.get("text")))
    return min(steps, _MOST_STEPS) + min(words // 4, _MOST_WORDS)


def _is_ended(value: dict[str, Any]) -> bool:
    time = value.get("time")
    return isinstance(time, dict) and bool(time.get("completed") or time.get("end"))


def make_usage(message: dict[str, Any], created: int, model: str) -> Usage | None:
    """Read what a reply has cost, as soon as it is complete.

    The key is made of what a fork copies, since it gives the message another id: the time, the
    model and the numbers.

    Args:
        message: the assistant's message.
        created: when it was made, in milliseconds.
        model: the model that answered.
    """
    tokens = message.get("tokens")
    time = message.get("time")
    completed = isinstance(time, dict) and time.get("completed")
    if not isinstance(tokens, dict) or not (completed or message.get("finish")):
        return None
    cache = tokens.get("cache")
    cache = cache if isinstance(cache, dict) else {}
    reasoning = count(tokens.get("reasoning"))
    numbers = {
        "input": count(tokens.get("input")),
        "output": count(tokens.get("output")) + reasoning,
        "cache_read": count(cache.get("read")),
        "cache_write": count(cache.get("write")),
        "reasoning": reasoning,
    }
    if not any(numbers.values()):
        return None
    words = f"{created} {model} {sorted(numbers.items())}".encode("utf-8", "surrogatepass")
    return Usage(key=hashlib.blake2b(words, digest_size=12).hexdigest(), **numbers)


def attach_usage(turns: Turns, message: dict[str, Any], model: str) -> None:
    """Tell the usage with each turn of a reply, and its price with the first.

    Args:
        turns: those of the message.
        message: the assistant's message.
        model: the model that answered.
    """
    usage = make_usage(message, turns.created, model)
    if usage and not turns.made:
        turns.add("system", "usage", "", place=0, turn_id=f"{turns.message_id}.usage")
    own = [turn for turn in turns.made if turn.role in ("assistant", "system")]
    for turn in own:
        turn.usage = usage
    if usage:
        own[0].cost_usd = price(message.get("cost")) or None


def attach_file(file: dict[str, Any]) -> dict[str, Any]:
    """Make an attachment of a file that a prompt or a tool's output carries.

    Args:
        file: with ``mime``, ``url`` or ``uri``, and ``filename`` or ``name``.
    """
    uri = text(file.get("url")) or text(file.get("uri"))
    found = data_url_image(uri)
    media_type = text(file.get("mime")) or text(file.get("mediaType"))
    name = text(file.get("filename")) or text(file.get("name"))
    attachment: dict[str, Any] = found or {"type": "file", "media_type": media_type}
    if found is None and uri and not uri.startswith("data:"):
        attachment["uri"] = uri
    if not text(attachment.get("media_type")).startswith("image/"):
        attachment["type"] = "file"
    if name:
        attachment["name"] = name
    return attachment


def add_failure(turns: Turns, error: Any, *, place: int) -> None:
    """Tell that an answer failed, or that a person interrupted it.

    Args:
        turns: those of the message.
        error: what opencode says of it.
        place: the place in the message.
    """
    if not isinstance(error, dict) or not error:
        return
    name = text(error.get("name")) or text(error.get("type"))
    told = error.get("data")
    data = told if isinstance(told, dict) else error
    words = text(data.get("message")) or name
    kind = "interrupt" if "abort" in name.lower() else "api_error"
    metadata: dict[str, Any] = {"error": name}
    if status := count(data.get("statusCode")):
        metadata["status"] = status
    turn_id = f"{turns.message_id}.error"
    turns.add("system", kind, words, place=place, turn_id=turn_id, metadata=metadata)
