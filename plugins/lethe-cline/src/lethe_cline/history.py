"""Messages of the history that is sent to the model, of tasks and of sessions.

Messages of a session have ids. Those of a task have none: they are named by their time where
they have one (Roo Code), else by a hash of what was said and their place. Fields that Cline adds
to a message later are no part of it.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from lethe_cline.blocks import attachment_of, blocks_of, output_of
from lethe_cline.framing import (
    answered_text,
    is_note,
    result_head,
    take_calls,
    typed_text,
    without_environment,
    without_notices,
    working_directory,
)
from lethe_cline.task import make_title
from lethe_core import Role, ToolCall, TurnEvent, Usage
from lethe_core.mapping import (
    call_line,
    count,
    price,
    skip_word,
    text,
    unix_time,
    unknown_block,
    wire_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lethe_cline.task import Task
    from lethe_core import Event, Place


def map_message(message: dict[str, Any], place: Place) -> Iterable[Event] | str:
    """Map one message of a history."""
    turns = _Message(message, place)
    details = message.get("metadata")
    details = details if isinstance(details, dict) else {}
    if message.get("isSummary") is True or text(details.get("kind")).startswith("compaction"):
        turns.summary()
        return turns.made
    if details.get("displayOnly") is True:
        turns.notice()
        return turns.made
    match message.get("role"):
        case "user":
            turns.user()
        case "assistant":
            turns.reply()
        case _ if message.get("type") == "reasoning":
            turns.add("thinking", "assistant", content=text(message.get("text")))
        case role:
            return skip_word("message of role", role)
    return turns.made or "no content"


class _Message:
    """Makes the turns of one message.

    Args:
        message: the message.
        place: where it stands.
    """

    def __init__(self, message: dict[str, Any], place: Place) -> None:
        self.made: list[TurnEvent] = []
        self._message = message
        self._place = place
        self._task: Task = place.context
        self._meta = self._task.meta
        self._blocks = blocks_of(message.get("content"))
        self._key = wire_key(message.get("id")) or self._named()
        self._result: TurnEvent | None = None  # the result that texts still belong to

    def add(self, kind: str, role: Role, **fields: Any) -> TurnEvent:
        """Add a turn."""
        index = len(self.made)
        turn = self._place.turn(
            turn_id=f"{self._key[:240]}.{index}" if index else self._key,
            index=index,
            role=role,
            timestamp=unix_time(self._message.get("ts")),
            metadata={"kind": kind},
            session_meta=self._meta,
            **fields,
        )
        self.made.append(turn)
        return turn

    def user(self) -> None:
        """Map what a person or Cline said, and what tools answered."""
        directory = next(filter(None, map(working_directory, self._texts())), None)
        if directory:
            self._meta = msgspec.structs.replace(self._meta, working_dir=directory)
        attachments = []
        for block in self._blocks:
            match block.get("type"):
                case "text":
                    self._user_text(without_environment(text(block.get("text"))))
                case "tool_result":
                    self._tool_result(block)
                case "image" | "document":
                    attachments.append(attachment_of(block))
                case "file":
                    turn = self.add("context", "system", content=text(block.get("content")))
                    turn.metadata["path"] = text(block.get("path"))
                case _:
                    self._unknown("user", block)
        if attachments:
            turn = self.made[-1] if self.made else self.add("prompt", "user")
            turn.metadata.setdefault("attachments", []).extend(attachments)

    def reply(self) -> None:
        """Map what the model thought, said and called."""
        usage = self._usage()
        common: dict[str, Any] = {"model": self._model(), "usage": usage}
        for block in self._blocks:
            self._reply_block(block, common)
        if usage and not self.made:
            self.add("answer", "assistant", **common)
        metrics = self._message.get("metrics")
        if usage and isinstance(metrics, dict):
            self.made[0].cost_usd = price(metrics.get("cost"))

    def summary(self) -> None:
        """Map what the model goes on with instead of older messages."""
        self.add("compact_summary", "system", content="\n".join(self._texts()))

    def notice(self) -> None:
        """Map what is shown and not sent, such as an error."""
        self.add("notice", "system", content="\n".join(self._texts()))

    def _reply_block(self, block: dict[str, Any], common: dict[str, Any]) -> None:
        match block.get("type"):
            case "text":
                written = text(block.get("text"))
                words, calls = (written, []) if self._has_calls else take_calls(written)
                if words.strip():
                    self.add("answer", "assistant", content=words, **common)
                for name, arguments in calls:
                    self._call("", name, arguments, common)
            case "thinking" | "reasoning":
                words = text(block.get("thinking")) or text(block.get("text"))
                if words:
                    self.add("thinking", "assistant", content=words, **common)
            case "tool_use":
                name = text(block.get("name"))
                self._call(text(block.get("id")), name, block.get("input"), common)
            case "redacted_thinking":
                pass
            case _:
                self._unknown("assistant", block)

    def _call(self, call_id: str, name: str, arguments: Any, common: dict[str, Any]) -> None:
        call = ToolCall(id=call_id, name=name, input=arguments)
        line = call_line(name, arguments)
        self.add("tool_call", "assistant", content=line, tool_calls=[call], **common)

    def _user_text(self, words: str) -> None:
        """Map a text: a result, words of a person in their frame, or a note of Cline's.

        A text without a frame is a person's if nothing in the message says otherwise: Cline adds
        reminders beside results and framed words.
        """
        if self._task.form == "session":
            words = without_notices(words)
        if not words:
            return
        if head := result_head(words):
            name, words = head
            call = ToolCall(name=name, output=words)
            self._result = self.add("tool_result", "tool", tool_calls=[call])
            self._answered(words)
        elif self._result:
            call = self._result.tool_calls[0]
            call.output = f"{call.output}\n{words}".lstrip("\n")
            self._answered(words)
        elif typed := typed_text(words):
            self._prompt(typed)
        elif self._is_framed or is_note(words):
            self.add("context", "system", content=words)
        else:
            self._prompt(words)

    def _answered(self, output: str) -> None:
        """Give the prompt that a result may be."""
        if typed := answered_text(output):
            self._prompt(typed)

    def _prompt(self, words: str) -> None:
        turn = self.add("prompt", "user", content=words)
        if title := make_title(words):
            turn.session_meta = msgspec.structs.replace(
                self._meta, title=title, title_source="prompt"
            )

    def _tool_result(self, block: dict[str, Any]) -> None:
        output, attachments = output_of(block.get("content"))
        call = ToolCall(
            id=text(block.get("tool_use_id")),
            name=text(block.get("name")),
            output=output,
            is_error=block.get("is_error") is True,
        )
        turn = self.add("tool_result", "tool", tool_calls=[call])
        if attachments:
            turn.metadata["attachments"] = attachments
        self._answered(output)

    def _unknown(self, role: Role, block: dict[str, Any]) -> None:
        self.add("unknown_block", role).metadata |= unknown_block(block)

    def _texts(self) -> list[str]:
        return [text(block.get("text")) for block in self._blocks if block.get("type") == "text"]

    @cached_property
    def _has_calls(self) -> bool:
        """Whether text is but text: the model makes calls of its own, or has no other way."""
        calls = any(block.get("type") == "tool_use" for block in self._blocks)
        return calls or self._task.form == "session"

    @cached_property
    def _is_framed(self) -> bool:
        """Whether the message has results, or words in a frame."""
        results = any(block.get("type") == "tool_result" for block in self._blocks)
        return results or any(map(typed_text, self._texts()))

    def _model(self) -> str | None:
        info = self._message.get("modelInfo")
        info = info if isinstance(info, dict) else {}
        name = info.get("id") or info.get("modelId") or self._message.get("model")
        return text(name) or self._task.model

    def _usage(self) -> Usage | None:
        """Read the tokens of a session's message; those of a task stand with its requests."""
        metrics, key = self._message.get("metrics"), wire_key(self._message.get("id"))
        if self._task.form != "session" or not isinstance(metrics, dict) or not key:
            return None
        read, write = count(metrics.get("cacheReadTokens")), count(metrics.get("cacheWriteTokens"))
        usage = Usage(
            key=key,
            input=max(0, count(metrics.get("inputTokens")) - read - write),
            output=count(metrics.get("outputTokens")),
            cache_read=read,
            cache_write=write,
        )
        return usage if usage.input or usage.output or read or write else None

    def _named(self) -> str:
        role = text(self._message.get("role"))[:1] or "r"
        if moment := count(self._message.get("ts")):
            return f"{moment}{role}"
        said = msgspec.json.encode([role, self._message.get("content"), self._place.index])
        return hashlib.blake2b(said, digest_size=12).hexdigest()
