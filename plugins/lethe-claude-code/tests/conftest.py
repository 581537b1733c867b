"""Records as Claude Code writes them, and a way to read a few of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lethe_claude_code import ClaudeCodeParser
from lethe_core import Source
from lethe_core.testing import json_line, read_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lethe_core import Event

SESSION = "5e551000-0000-4000-8000-000000000001"


class Maker:
    """Makes records; each field can be replaced."""

    session = SESSION

    @staticmethod
    def record(kind: str, **fields: Any) -> dict[str, Any]:
        """Make a record of the conversation."""
        envelope = {
            "parentUuid": None,
            "isSidechain": False,
            "cwd": "/home/dev/garden",
            "sessionId": SESSION,
            "version": "2.1.270",
            "gitBranch": "main",
            "type": kind,
            "uuid": "u-1",
            "timestamp": "2026-09-14T10:00:00.500Z",
        }
        return envelope | fields

    def user(self, content: Any, **fields: Any) -> dict[str, Any]:
        """Make a user record."""
        return self.record("user", message={"role": "user", "content": content}, **fields)

    def result(self, content: Any, outcome: Any = None, **fields: Any) -> dict[str, Any]:
        """Make the record of a tool's result."""
        block = {"type": "tool_result", "tool_use_id": "t1", "content": content}
        return self.user([block], toolUseResult=outcome, **fields)

    def assistant(
        self, content: Any, message: dict[str, Any] | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Make an assistant record; `message` replaces fields of its message."""
        said = {
            "model": "claude-sonnet-4-8",
            "id": "msg_01",
            "role": "assistant",
            "content": content,
            "usage": {"input_tokens": 1, "output_tokens": 2},
        }
        whole = said | (message or {})
        return self.record("assistant", message=whole, **({"requestId": "req_01"} | fields))

    def call(self, name: str, arguments: Any) -> dict[str, Any]:
        """Make the record of a call."""
        block = {"type": "tool_use", "id": "t1", "name": name, "input": arguments}
        return self.assistant([block])


@pytest.fixture
def make() -> Maker:
    """Makes records."""
    return Maker()


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Event]]:
    """Write records, or lines as they are, into a transcript and read it."""

    def write_and_read(*lines: Any, name: str = f"{SESSION}.jsonl") -> list[Event]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(
            b"".join(line if isinstance(line, bytes) else json_line(line) for line in lines)
        )
        return read_events(ClaudeCodeParser(), Source.from_stat(path, tmp_path))

    return write_and_read
