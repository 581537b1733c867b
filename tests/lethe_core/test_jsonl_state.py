"""The state of a `JsonlParser`: what one line leaves to the next, also across a restart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from lethe_core import Cursor, JsonlParser, Line, Source
from lethe_core.errors import SourceReplaced
from lethe_core.testing import read_records, wire_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lethe_core.events import Event

LINES = (
    b'{"model":"first"}\n'
    b'{"text":"one"}\n'
    b"no record\n"
    b'{"text":"two"}\n'
    b'{"model":"second \xe2\x80\xa8 : {}"}\n'
    b'{"text":"three"}\n'
)


class ModelParser(JsonlParser):
    """Keeps the model that an earlier line named."""

    tool: ClassVar[str] = "stateful"
    label: ClassVar[str] = "Stateful"
    version: ClassVar[int] = 1

    def default_roots(self) -> Iterable[Path]:
        """Name none."""
        return [Path("/nowhere")]

    def map_record(self, record: dict[str, Any], line: Line) -> Iterable[Event] | str:
        """Keep the model, or speak with it."""
        if "model" in record:
            line.state["model"] = record["model"]
            return "model"
        text = record["text"]
        return [line.turn(role="assistant", content=text, model=line.state.get("model"))]


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A transcript whose lines name the model, then speak."""
    path = tmp_path / "session.jsonl"
    path.write_bytes(LINES)
    return Source.from_stat(path, tmp_path)


def test_state_reaches_later_lines(source):
    """What a line leaves in the state, the lines after it find there."""
    records = read_records(ModelParser(), source)
    models = [event.model for record in records for event in record.events if event.content]

    assert models == ["first", "first", "second \u2028 : {}"]


def test_reading_on_restores_the_state(source):
    """From any cursor, the rest is mapped as if it had been read at once."""
    records = read_records(ModelParser(), source)
    for place, record in enumerate(records):
        rest = read_records(ModelParser(), source, record.cursor)

        expected = [(r.cursor, wire_lines(r.events)) for r in records[place + 1 :]]
        assert expected == [(r.cursor, wire_lines(r.events)) for r in rest]


def test_no_state_no_trace(source):
    """While nothing was kept, the cursor is the one of a parser without state."""
    source.path.write_bytes(b'{"text":"one"}\n{"model":"m"}\n')
    records = read_records(ModelParser(), source)

    assert [record.cursor[:2] for record in records] == ["j1", "j2"]


@pytest.mark.parametrize("damage", ["}", ":{}", "x"])
def test_damaged_state_is_refused(source, damage):
    """A cursor whose state cannot be read is not guessed at."""
    cursor = read_records(ModelParser(), source)[0].cursor

    with pytest.raises(SourceReplaced):
        read_records(ModelParser(), source, Cursor(cursor + damage))


@pytest.mark.promise("P9")
def test_state_that_is_no_json_costs_its_line_alone(source):
    """What no cursor can hold is not kept; the lines after it find the state that was before."""

    class Careless(ModelParser):
        def map_record(self, record: dict[str, Any], line: Line) -> Iterable[Event] | str:
            """Keep a path with the second model."""
            mapped = super().map_record(record, line)
            if line.state["model"] != "first":
                line.state["path"] = Path("/x")
            return mapped

    records = read_records(Careless(), source)
    [turn] = records[4].events
    rest = read_records(Careless(), source, records[4].cursor)

    assert [record.unmapped for record in records] == [False, False, True, False, True, False]
    assert turn.metadata["unmapped"]["reason"] == (
        "the parser failed: `line.state` is no JSON: TypeError"
    )
    assert records[5].events[0].model == "first"
    assert wire_lines(records[5].events) == wire_lines(rest[0].events)
