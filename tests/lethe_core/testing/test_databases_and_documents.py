"""The suites for databases and for documents: sound parsers pass, and a broken one does not."""

# ruff: noqa: D102 - the methods are those of the contract
from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from lethe_core import Feed, Piece, SnapshotParser, Source, SqliteParser
from lethe_core.testing import SnapshotConformance, SqliteConformance, make_database

SCRIPT = """
CREATE TABLE notes (id TEXT PRIMARY KEY, said TEXT, updated INTEGER);
INSERT INTO notes VALUES ('a', 'first', 100), ('b', 'second', 200), ('c', 'third', 200);
"""


class Notes(SqliteParser):
    """A row a turn."""

    tool, label, version = "notes", "Notes", 1
    names: ClassVar = ("*.db",)

    def default_roots(self):
        return [Path("/srv/notes")]

    def feeds(self, schema):
        known = "notes" in schema
        return [Feed(table="notes", changed="updated", columns=("said",))] if known else []

    def map_row(self, row):
        place = row.rowid if isinstance(row.rowid, int) else 0
        return [
            row.turn(
                session_id="s", turn_id=row["id"], seq=place, role="user", content=str(row["said"])
            )
        ]


class TestNotes(SqliteConformance):
    """The suite as an author of a parser of databases uses it."""

    parser_type = Notes

    def write_samples(self, root):
        script = root / "notes.sql"
        script.write_text(SCRIPT)
        make_database(script, root / "notes.db")
        script.unlink()


class HoldsAll(Notes):
    """Reads all in one transaction that stays open while records are taken."""

    def read(self, source, cursor):
        records = list(super().read(source, cursor))
        with closing(sqlite3.connect(source.path)) as connection:
            connection.execute("BEGIN")
            connection.execute("SELECT * FROM notes").fetchone()
            yield from records


def test_held_log_is_noticed(tmp_path):
    """A parser that keeps a transaction open fails the suite."""

    class Suite(TestNotes):
        __test__ = False
        parser_type = HoldsAll

    with pytest.raises(AssertionError, match="holds the log"):
        Suite().test_writer_is_never_blocked(tmp_path)


def test_scripts_become_databases(tmp_path):
    """Each script gives a database of its name, or of the one that is set; other files stay."""
    samples, root = tmp_path / "samples", tmp_path / "root"
    (samples / "deep").mkdir(parents=True)
    (samples / "deep" / "one.sql").write_text(SCRIPT)
    (samples / "list.json").write_text("[]")

    class Suite(TestNotes):
        __test__ = False
        write_samples = SqliteConformance.write_samples
        database = "tool.db"

    Suite.samples = samples
    Suite().write_samples(root)

    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert files == {"deep/tool.db", "list.json"}


class Pages(SnapshotParser):
    """A message a turn."""

    tool, label, version = "pages", "Pages", 1
    document_type: ClassVar[Any] = dict[str, list[msgspec.Raw]]

    def default_roots(self):
        return [Path("/srv/pages")]

    def split(self, document, source):
        return [Piece(raw=message) for message in document["messages"]]

    def map_piece(self, piece, place):
        return [place.turn(role="user", turn_id=piece["id"], content=piece["text"])]


class TestPages(SnapshotConformance):
    """The suite as an author of a parser of documents uses it."""

    parser_type = Pages

    def write_samples(self, root):
        messages = [{"id": f"m{number}", "text": "wörtlich " * number} for number in range(4)]
        text = json.dumps({"messages": messages}, ensure_ascii=False)
        (root / "first.json").write_text(text, encoding="utf-8")


class TakesHalves(Pages):
    """Takes what is there of a document for the whole one."""

    def pieces(self, source: Source):
        text = source.path.read_text("utf-8", "replace").encode()
        whole = text if text.endswith(b"}") else text[: text.rfind(b"}") + 1] + b"]}"
        yield from self.split(msgspec.json.decode(whole, type=self.document_type), source)


def test_half_documents_are_noticed(tmp_path):
    """A parser that reads what is written by half fails the suite."""

    class Suite(TestPages):
        __test__ = False
        parser_type = TakesHalves

    with pytest.raises((AssertionError, msgspec.DecodeError)):
        Suite().test_half_written_document_waits(tmp_path)
