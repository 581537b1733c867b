"""A toy tool whose transcripts are small: ``{"type": "m", "text": ...}`` is a turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lethe_core import JsonlParser, Line


class ToyParser(JsonlParser):
    """Reads the toy tool's files."""

    tool = "toy"
    label = "Toy"
    version = 3

    def default_roots(self) -> list[Path]:
        """Name the toy's place."""
        return [Path.home() / ".toy"]

    def map_record(self, record: Any, line: Line) -> Any:
        """Map a message to one turn, a pair to two, and count them in the state."""
        match record.get("type"):
            case "m":
                return [line.turn(role="user", content=record["text"])]
            case "pair":
                return [line.turn(role="user", index=i, content=t) for i, t in enumerate("ab")]
            case "count":
                line.state["count"] = line.state.get("count", 0) + 1
                return [line.turn(role="system", content=str(line.state["count"]))]
        return "other"


@pytest.fixture
def toy():
    """A parser of the toy tool."""
    return ToyParser()


@pytest.fixture
def transcript(tmp_path):
    """The path of a transcript that does not exist yet."""
    return tmp_path / "session-1.jsonl"
