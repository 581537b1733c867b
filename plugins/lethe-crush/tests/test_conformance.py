"""The contract of a parser, checked on the samples, and what they are mapped to."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lethe_core.errors import SourceError, SourceUnsupported
from lethe_core.testing import (
    SqliteConformance,
    assert_golden,
    make_database,
    only_source,
    read_events,
    read_records,
)
from lethe_crush import CrushParser

if TYPE_CHECKING:
    from lethe_core import Source

SAMPLES = Path(__file__).parent / "samples"
SCRIPTS = sorted(SAMPLES.rglob("*.sql"))
SESSION = "5e550000-0000-4000-8000-000000000001"


def make_sample(script: Path, root: Path) -> Path:
    """Make the database of a sample below a directory."""
    return make_database(script, root / script.relative_to(SAMPLES).with_suffix(".db"))


class TestCrushParser(SqliteConformance):
    """Databases of Crush keep the contract."""

    parser_type = CrushParser
    samples = SAMPLES
    tolerated = (SourceError,)

    def sources(self, tmp_path: Path) -> list[Source]:
        """Discover each database below its own root, as Crush's list of projects gives them."""
        root = tmp_path / "root"
        made = [make_sample(script, root) for script in SCRIPTS]
        parser = self.make_parser()
        found = [source for path in made for source in parser.discover(path.parent)]
        assert made == [source.path for source in found]
        return found

    def grow(self, root: Path, size: int) -> Source | None:
        """Make one session of many messages."""
        path = make_sample(SCRIPTS[0], root)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for number in range(size // 4000):
                put(connection, f"g{number}", 1_790_000_100 + number, text("x" * 4000))
        return only_source(self.make_parser(), path)


def put(connection: sqlite3.Connection, name: str, second: int, *parts: Any) -> None:
    """Insert an assistant's message, or update its parts in place."""
    connection.execute(
        "INSERT INTO messages (id, session_id, role, parts, created_at, updated_at)"
        " VALUES (?, ?, 'assistant', ?, ?, ?) ON CONFLICT (id)"
        " DO UPDATE SET parts = excluded.parts, updated_at = excluded.updated_at",
        (name, SESSION, json.dumps(parts), second, second),
    )


def text(words: str) -> dict[str, Any]:
    """Make a part of text."""
    return {"type": "text", "data": {"text": words}}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.parts[-3])
def test_golden(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sample is mapped to the events that stand beside it."""
    path = make_sample(script, tmp_path)
    monkeypatch.setenv("CRUSH_GLOBAL_DATA", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    source = only_source(CrushParser(), path.relative_to(tmp_path))

    assert_golden(read_events(CrushParser(), source), script.with_suffix(".events.ndjson"))


@pytest.mark.promise("C30", "P5")
def test_c30_a_message_is_completed_within_one_second(tmp_path: Path) -> None:
    """A half-written answer is sent, and what comes in the same second has a higher revision."""
    path = make_sample(SCRIPTS[0], tmp_path)
    parser = CrushParser()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        put(connection, "m", 1_790_000_100, text("Half"))
        first = read_records(parser, only_source(parser, path))
        put(connection, "m", 1_790_000_100, text("Half and whole"))
        [second] = read_records(parser, only_source(parser, path), first[-1].cursor)
    [half], [whole] = first[-1].events, second.events
    assert ("Half", "Half and whole") == (half.content, whole.content)
    assert (half.turn_id, half.seq) == (whole.turn_id, whole.seq)
    assert whole.revision > half.revision


def test_messages_of_one_second_stand_in_the_order_of_their_rows(tmp_path: Path) -> None:
    """The place of a turn is made of the second, the row and the part."""
    path = make_sample(SCRIPTS[0], tmp_path)
    events = read_events(CrushParser(), only_source(CrushParser(), path))
    turns = sorted((e for e in events if hasattr(e, "role")), key=lambda turn: turn.seq)
    main = [turn.metadata["kind"] for turn in turns if turn.session_id == SESSION]
    assert main[:6] == ["prompt", "thinking", "answer", "tool_call", "tool_call", "tool_result"]


@pytest.mark.parametrize("form", ["list", "object", "relative"])
def test_roots_are_those_of_the_known_projects(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`projects.json` names the databases, and the working directory of their sessions."""
    project, data = tmp_path / "work" / "garden", tmp_path / "elsewhere"
    given = {"list": str(data), "object": str(data), "relative": "../../elsewhere"}[form]
    listed: Any = [{"path": str(project), "data_dir": given}, {"path": 5}, "nonsense"]
    listed = {"projects": listed} if form == "object" else listed
    (tmp_path / "projects.json").write_text(json.dumps(listed))
    monkeypatch.setenv("CRUSH_GLOBAL_DATA", str(tmp_path))
    roots = list(CrushParser().default_roots())
    assert [data.resolve(), tmp_path] == [root.resolve() for root in roots]
    made = make_sample(SCRIPTS[1], tmp_path)
    data.mkdir()
    made.rename(data / "crush.db")
    event = read_events(CrushParser(), only_source(CrushParser(), roots[0]))[0]
    assert event.session_meta
    assert str(project) == event.session_meta.working_dir


def test_a_broken_list_of_projects_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a list that can be read, Crush's own directory is the only place."""
    monkeypatch.setenv("CRUSH_GLOBAL_DATA", str(tmp_path))
    (tmp_path / "projects.json").write_text("[{")
    assert [tmp_path] == list(CrushParser().default_roots())


@pytest.mark.promise("C37", "P9")
def test_c37_a_database_of_another_tool_is_unsupported(tmp_path: Path) -> None:
    """A database that has other tables is refused."""
    path = tmp_path / "crush.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (id)")
    with pytest.raises(SourceUnsupported):
        read_records(CrushParser(), only_source(CrushParser(), path))
