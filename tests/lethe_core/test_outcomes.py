"""A mapping that breaks its contract on one record costs that record alone, in each form."""

from __future__ import annotations

import itertools
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from fakes.notes import SCHEMA, NoteParser, closing, put

from lethe_core import JsonlParser, Line, Piece, Place, Row, SnapshotParser
from lethe_core.errors import PluginError
from lethe_core.outcomes import tell_failure
from lethe_core.testing import json_line, only_source, read_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lethe_core import Parser, Record, Source


def _exit(_: object) -> None:
    sys.exit(3)


def _interrupt(_: object) -> None:
    raise KeyboardInterrupt


#: What a mapping makes of the turn that is due, and the reason that the archive shows.
MISTAKES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "nothing": (lambda _: None, "the parser failed: `{}` returned None; return a list or a word"),
    "no list": (
        lambda t: t,
        "the parser failed: `{}` returned a TurnEvent; return a list or a word",
    ),
    "a list of nothing": (
        lambda _: [None],
        "the parser failed: `{}` returned None among the events",
    ),
    "a mapping": (
        lambda _: [{"role": "user"}],
        "the parser failed: `{}` returned a dict among the events",
    ),
    "a pair": (lambda t: [t, (t, t)], "the parser failed: `{}` returned a tuple among the events"),
    "no end": (
        itertools.repeat,
        "the parser failed: `{}` gave more than 65536 events for one record",
    ),
    "an exit": (_exit, "the parser failed with SystemExit"),
    "a late exit": (lambda t: map(_exit, [t]), "the parser failed with SystemExit"),
    "a missing field": (lambda _: {}["text"], "the parser failed with KeyError: 'text'"),
}


class _Lines(JsonlParser):
    tool, label, version, method = "toy", "Toy", 1, "map_record"

    def __init__(self, mistake: Callable[[Any], Any]) -> None:
        super().__init__()
        self.mistake = mistake

    def default_roots(self) -> list[Path]:
        return []

    def map_record(self, record: Any, line: Line) -> Any:
        turn = line.turn(role="user", content=record["text"])
        return self.mistake(turn) if record["text"] == "bad" else [turn]


class _Document(SnapshotParser):
    tool, label, version, method = "toy", "Toy", 1, "map_piece"

    def __init__(self, mistake: Callable[[Any], Any]) -> None:
        super().__init__()
        self.mistake = mistake

    def default_roots(self) -> list[Path]:
        return []

    def split(self, document: Any, source: Source) -> Iterator[Piece]:
        del source
        return map(Piece, document)

    def map_piece(self, piece: Any, place: Place) -> Any:
        turn = place.turn(role="user", content=piece["text"])
        return self.mistake(turn) if piece["text"] == "bad" else [turn]


class _Notes(NoteParser):
    method = "map_row"

    def __init__(self, mistake: Callable[[Any], Any]) -> None:
        super().__init__()
        self.mistake = mistake

    def map_row(self, row: Row) -> Any:
        mapped = super().map_row(row)
        return self.mistake(mapped[0]) if row["body"] == "bad" else mapped


TEXTS = ("one", "bad", "two")


def read(kind: Any, mistake: Callable[[Any], Any], root: Path) -> list[Record]:
    """Read three records, of which the second is mapped wrongly."""
    parser: Parser = kind(mistake)
    records = [{"text": text} for text in TEXTS]
    if kind is _Lines:
        (root / "a.jsonl").write_bytes(b"".join(map(json_line, records)))
    elif kind is _Document:
        (root / "a.json").write_text(json.dumps(records))
    else:
        with closing(root / "a.db") as connection:
            connection.execute(SCHEMA)
            for number, text in enumerate(TEXTS):
                put(connection, text, number, text)
    return read_records(parser, only_source(parser, root))


@pytest.mark.promise("P9")
@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("kind", [_Lines, _Document, _Notes])
def test_a_wrong_mapping_costs_its_record_alone(tmp_path, kind, mistake):
    """The record becomes an unmapped turn that says why; those before and after it are there."""
    mapping, reason = MISTAKES[mistake]
    first, bad, last = read(kind, mapping, tmp_path)
    (turn,) = bad.events

    assert [record.events[0].content for record in (first, last)] == ["one", "two"]
    assert bad.unmapped
    assert turn.metadata["unmapped"]["code"] == "UNMAPPABLE"
    expected = reason.format(kind.method) + (", on a row of message" if kind is _Notes else "")
    assert turn.metadata["unmapped"]["reason"] == expected
    assert bad.failure
    assert not first.failure


def test_failure_names_the_line_of_the_plugin(tmp_path):
    """The author reads message and innermost place of the plugin, the archive the type alone."""

    def map_(turn: Any) -> Any:
        return [int(turn.content)]

    _, bad, _ = read(_Lines, map_, tmp_path)

    assert bad.failure.startswith("ValueError: invalid literal for int() with base 10: 'bad' (")
    assert bad.failure.endswith(" in map_)")
    assert "test_outcomes.py:" in bad.failure
    assert "literal" not in bad.events[0].metadata["unmapped"]["reason"]


@pytest.mark.parametrize("kind", [_Lines, _Document, _Notes])
def test_interrupt_passes(tmp_path, kind):
    """Ctrl-C while a record is mapped ends the program."""
    with pytest.raises(KeyboardInterrupt):
        read(kind, _interrupt, tmp_path)


def test_damaged_record_with_wrong_metadata_costs_itself_alone(tmp_path):
    """A turn that cannot bear the mark of damaged bytes is like any other wrong turn."""

    def map_(turn: Any) -> Any:
        turn.metadata = None
        return [turn]

    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text":"bad","x":"\xff"}\n{"text":"two"}\n')
    parser = _Lines(map_)
    bad, good = read_records(parser, only_source(parser, path))

    assert (bad.unmapped, good.events[0].content) == (True, "two")


def test_failure_is_told_without_moving_a_cursor(tmp_path):
    """To the author, a failure is one bounded line, also where the error cannot be worded."""

    class Wordless(Exception):
        def __str__(self) -> str:
            raise ValueError

    parser = _Lines(_exit)

    assert tell_failure(ValueError("a\n\x1b[2J" + 600 * "b"), parser).startswith(
        "ValueError: a ?[2Jbb"
    )
    assert len(tell_failure(ValueError(600 * "b"), parser)) == 500
    assert tell_failure(Wordless(), parser) == "Wordless"
    assert tell_failure(PluginError("it is so"), parser) == "it is so"
