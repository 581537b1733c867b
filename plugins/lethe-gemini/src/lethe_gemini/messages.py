"""Messages to turns.

A message is written again when its tokens or the results of its tools arrive, and once more, in
another shape, in each ``$set`` of all messages. All of these give turns with the same ids, so
that the archive keeps one of each: ids are the message's (``ID``, ``ID.thinking``,
``ID.context``), or, for calls and results, those of the call (``call.ID``, ``result.ID``),
because a result stands in two messages.

Which one stays is said by the revision: `Revisions.own` for what a message says of itself, and
`Revisions.copy` for what merely repeats it (a message in ``$set``, whose tool outputs may have
been masked to save context, and a result that is sent back to the model).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import msgspec

from lethe_core import Role, SessionMeta, ToolCall, TurnEvent, Usage
from lethe_core.gemini_parts import Parts, result_output, sort_parts
from lethe_core.mapping import call_line, count, text, unix_time, wire_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lethe_gemini.records import Record

_COMMAND = re.compile(r"[/?][a-z][\w:-]*(\s|$)")
_MAX_TITLE: Final = 120
_MAX_PATCH: Final = 64 * 1024
_REPLIES: Final = ("gemini", "model")
_CONTEXT: Final = ("<session_context>", "This is the Gemini CLI. We are setting up the context")
_ACKNOWLEDGED: Final = "Got it. Thanks for the additional context!"
_SUMMARY: Final = "<state_snapshot>"
_CANCELLED: Final = "Request cancelled."
_API_ERROR: Final = "[API Error"


class Revisions(NamedTuple):
    """The revisions of turns.

    Args:
        own: of what a message says of itself.
        copy: of what repeats what another message says; lower.
    """

    own: int
    copy: int


class Place(Protocol):
    """Where a message stands: a `lethe_core.Line` or a `lethe_core.Place`."""

    @property
    def session_id(self) -> str:
        """The session."""

    def turn(self, *, turn_id: str = "", index: int = 0, role: Role, **fields: Any) -> TurnEvent:
        """Make a turn."""


class Mapper:
    """Maps the messages that stand at one place of a source.

    Args:
        place: makes the turns.
        revisions: of the turns.
        meta: what each turn says of its session.
    """

    def __init__(self, place: Place, revisions: Revisions, meta: SessionMeta) -> None:
        self._place = place
        self._revisions = revisions
        self._meta = meta
        self._index = 0
        self._given: set[str] = set()

    def map_message(self, message: Record) -> Iterator[TurnEvent]:
        """Give the turns of a message, in order; what this place gave already is left out."""
        for turn in self._map(message):
            if turn.turn_id in self._given:
                if turn.revision == self._revisions.copy:
                    continue
                turn.turn_id = f"{turn.turn_id[:240]}.{self._index}"
            self._given.add(turn.turn_id)
            yield turn

    def _map(self, message: Record) -> Iterator[TurnEvent]:
        match message.type:
            case "user":
                yield from self._user(message)
            case "info" | "warning" | "error":
                yield self._notice(message)
            case _ if message.type in _REPLIES or message.model or message.tool_calls:
                yield from self._reply(message)
            case _:
                yield self._notice(message)

    def rewind(self, message_id: str) -> TurnEvent:
        """Give the turn that says that messages were taken back."""
        return self._turn(
            "",
            role="system",
            content="Rewound the conversation.",
            metadata={"kind": "notice", "rewind_to": message_id},
        )

    # The user's side ----------------------------------------------------------------------------

    def _user(self, message: Record) -> Iterator[TurnEvent]:
        sent = sort_parts(message.content)
        for number, result in enumerate(sent.results):
            yield self._sent_result(message, result, number)
        if sent.results:
            if sent.text.strip() or sent.unknown:
                yield self._said(message, sent, "system", "context", suffix=".context")
            return
        shown = sort_parts(message.display_content).text
        typed = shown or sent.text
        if typed.startswith(_CONTEXT):
            yield self._said(message, sent, "system", "context")
        elif typed.lstrip().startswith(_SUMMARY):
            yield self._said(message, sent, "system", "compact_summary")
        elif _COMMAND.match(typed):
            yield self._said(message, sent, "user", "command", content=typed)
        elif typed.strip() or sent.attachments or sent.unknown:
            turn = self._said(message, sent, "user", "prompt", content=typed)
            turn.session_meta = _titled(self._meta, typed)
            yield turn
        if shown and sent.text.strip() and shown != sent.text:
            expanded = Parts(text=sent.text)
            yield self._said(message, expanded, "system", "context", suffix=".context")

    def _said(
        self,
        message: Record,
        parts: Parts,
        role: Role,
        kind: str,
        *,
        content: str = "",
        suffix: str = "",
    ) -> TurnEvent:
        """Make a turn of a message's text and attachments."""
        metadata: dict[str, Any] = {"kind": kind} | parts.metadata()
        return self._turn(
            _message_key(message, suffix),
            role=role,
            content=content or parts.text,
            timestamp=unix_time(message.timestamp),
            metadata=metadata,
        )

    def _sent_result(self, message: Record, result: dict[str, Any], number: int) -> TurnEvent:
        output, is_error = result_output(result.get("response"))
        call_id = text(result.get("id"))
        return self._turn(
            _call_key("result", call_id, message, number),
            copy=True,
            role="tool",
            timestamp=unix_time(message.timestamp),
            tool_calls=[
                ToolCall(
                    id=call_id, name=text(result.get("name")), output=output, is_error=is_error
                )
            ],
            metadata={"kind": "tool_result"},
        )

    # The model's side -------------------------------------------------------------------------

    def _reply(self, message: Record) -> Iterator[TurnEvent]:
        parts = sort_parts(message.content)
        calls = [call for call in _listed(message.tool_calls) if isinstance(call, dict)]
        thoughts = _thoughts(message.thoughts) or parts.thoughts
        usage = self._usage(message)
        common: dict[str, Any] = {
            "timestamp": unix_time(message.timestamp),
            "model": text(message.model) or None,
            "usage": usage,
        }
        if thoughts:
            yield self._turn(
                _message_key(message, ".thinking"),
                role="assistant",
                content="\n\n".join(thoughts),
                metadata={"kind": "thinking"},
                **common,
            )
        # A reply without anything to show still costs tokens: its turn carries them, and is no
        # answer. It often stays beside a call, since the reply is written again when that is there.
        said = bool(parts.text.strip() or parts.attachments)
        empty = not (thoughts or calls or parts.calls)
        if said or parts.unknown or (usage and empty):
            role: Role = "assistant"
            kind = "answer"
            if not usage and parts.text == _ACKNOWLEDGED:
                role, kind = "system", "context"
            elif not (said or parts.unknown):
                role, kind = "system", "usage"
            turn = self._said(message, parts, role, kind)
            turn.model, turn.usage = common["model"], usage
            yield turn
        for number, call in enumerate(calls):
            yield from self._call(message, call, number, common)
        known = {call.get("id") for call in calls}
        for number, call in enumerate(parts.calls, len(calls)):
            if call.get("id") not in known:
                yield self._call_turn(message, call, number, common, copy=True)

    def _call(
        self, message: Record, call: dict[str, Any], number: int, common: dict[str, Any]
    ) -> Iterator[TurnEvent]:
        """Give the turn of a call and, if there is one, that of its result."""
        yield self._call_turn(message, call, number, common, copy=False)
        result = self._result(message, call, number)
        if result:
            yield result

    def _call_turn(
        self,
        message: Record,
        call: dict[str, Any],
        number: int,
        common: dict[str, Any],
        *,
        copy: bool,
    ) -> TurnEvent:
        call_id, name, arguments = text(call.get("id")), text(call.get("name")), call.get("args")
        metadata: dict[str, Any] = {"kind": "tool_call"}
        if agent := text(call.get("agentId")):
            metadata["agent_id"] = agent
        return self._turn(
            _call_key("call", call_id, message, number),
            copy=copy,
            role="assistant",
            content=call_line(name, arguments),
            tool_calls=[ToolCall(id=call_id, name=name, input=arguments)],
            metadata=metadata,
            **common,
        )

    def _result(self, message: Record, call: dict[str, Any], number: int) -> TurnEvent | None:
        """Make the turn of a call's result; `None` while there is none."""
        status, shown = text(call.get("status")), call.get("resultDisplay")
        parts = sort_parts(call.get("result"))
        outputs = [result_output(result.get("response")) for result in parts.results]
        output = "\n".join(filter(None, (*(one for one, _ in outputs), parts.text)))
        if not output and isinstance(shown, str):
            output = shown
        is_error = status == "error" or any(failed for _, failed in outputs)
        if call.get("result") is None and not output and status not in ("error", "cancelled"):
            return None
        metadata: dict[str, Any] = {"kind": "tool_result"}
        if status and status not in ("success", "error"):
            metadata["status"] = status
        metadata |= parts.metadata()
        if isinstance(shown, dict) and (patch := text(shown.get("fileDiff"))):
            metadata["patch"] = patch[:_MAX_PATCH]
        call_id = text(call.get("id"))
        return self._turn(
            _call_key("result", call_id, message, number),
            role="tool",
            timestamp=unix_time(call.get("timestamp")) or unix_time(message.timestamp),
            tool_calls=[
                ToolCall(id=call_id, name=text(call.get("name")), output=output, is_error=is_error)
            ],
            metadata=metadata,
        )

    def _usage(self, message: Record) -> Usage | None:
        """Read the tokens of a reply, counted once per message.

        Gemini's ``input`` includes the cached tokens, ``output`` excludes the thoughts, and
        ``tool`` counts what tools of the API itself added to the prompt.
        """
        tokens = message.tokens
        key = wire_key(message.id)
        if not isinstance(tokens, dict) or not key:
            return None
        total, cached = count(tokens.get("input")), count(tokens.get("cached"))
        reasoning = count(tokens.get("thoughts"))
        usage = Usage(
            key=wire_key(f"{self._place.session_id}:{key}") or key,
            input=max(0, total - cached) + count(tokens.get("tool")),
            output=count(tokens.get("output")) + reasoning,
            cache_read=cached,
            reasoning=reasoning,
        )
        return usage if usage.input or usage.output or usage.cache_read else None

    # Notices ----------------------------------------------------------------------------------

    def _notice(self, message: Record) -> TurnEvent:
        parts = sort_parts(message.content)
        kind = "notice"
        if parts.text.startswith(_API_ERROR):
            kind = "api_error"
        elif parts.text == _CANCELLED:
            kind = "interrupt"
        turn = self._said(message, parts, "system", kind)
        turn.metadata["level"] = text(message.type)
        return turn

    def _turn(self, turn_id: str, *, copy: bool = False, role: Role, **fields: Any) -> TurnEvent:
        fields.setdefault("session_meta", self._meta)
        turn = self._place.turn(turn_id=turn_id, index=self._index, role=role, **fields)
        turn.revision = self._revisions.copy if copy else self._revisions.own
        self._index += 1
        return turn


def _message_key(message: Record, suffix: str) -> str:
    """Name a turn by its message; nothing if that has no id."""
    key = wire_key(message.id)
    return f"{key[:240]}{suffix}" if key and suffix else key


def _call_key(what: str, call_id: str, message: Record, number: int) -> str:
    """Name the turn of a call or result by the call, else by the message and its number in it."""
    if key := wire_key(call_id):
        return f"{what}.{key[:240]}"
    key = wire_key(message.id)
    return f"{key[:220]}.{what}.{number}" if key else ""


def _thoughts(value: Any) -> list[str]:
    """Read thoughts: a subject and a description each."""
    thoughts = []
    for thought in _listed(value):
        if isinstance(thought, dict):
            pair = (text(thought.get("subject")), text(thought.get("description")))
            thoughts.append("\n".join(filter(None, pair)))
    return [thought for thought in thoughts if thought]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _titled(meta: SessionMeta, prompt: str) -> SessionMeta:
    """Add the first line of a prompt as the title."""
    line = next((line for line in prompt.splitlines() if line.strip()), "").strip()
    if not line:
        return meta
    title = line if len(line) <= _MAX_TITLE else f"{line[: _MAX_TITLE - 1]}…"
    return msgspec.structs.replace(meta, title=title, title_source="prompt")
