"""The contract of a parser, checked on the samples, and what they are mapped to."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lethe_core.errors import SourceError
from lethe_core.testing import (
    ParserConformance,
    SqliteConformance,
    assert_golden,
    make_database,
    read_events,
)
from lethe_opencode import OpencodeParser

if TYPE_CHECKING:
    from lethe_core import Source

SAMPLES = Path(__file__).parent / "samples"
MODIFIED = 1_790_000_009_000_000_000


def make_samples(root: Path, *names: str) -> None:
    """Write samples into a directory: databases of the SQL that stands in `SAMPLES`, and files."""
    for name in names:
        path = root / "opencode.db"
        for script in sorted((SAMPLES / name).glob("*.sql")):
            make_database(script, path)
        if (SAMPLES / name / "storage").is_dir():
            shutil.copytree(SAMPLES / name / "storage", root / "storage")
            for file in (root / "storage").rglob("*.json"):
                os.utime(file, ns=(MODIFIED, MODIFIED))


class Samples(ParserConformance):
    """The samples of a form."""

    parser_type = OpencodeParser
    samples = SAMPLES
    tolerated = (SourceError,)
    names: tuple[str, ...]

    def write_samples(self, root: Path) -> None:
        """Make the databases and files."""
        make_samples(root, *self.names)

    def grow(self, root: Path, size: int) -> Source | None:
        """Make one session of many messages of one part each."""
        make_samples(root, "tables")
        path = root / "opencode.db"
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for number in range(size // 4000):
                time = 1_790_000_100_000 + 1000 * number
                connection.execute(
                    "INSERT INTO message VALUES (?, 'ses_main', ?, ?, '{\"role\":\"user\"}')",
                    (f"msg_g{number}", time, time),
                )
                connection.execute(
                    "INSERT INTO part VALUES (?, ?, 'ses_main', ?, ?, ?)",
                    (
                        f"prt_g{number}",
                        f"msg_g{number}",
                        time,
                        time,
                        '{"type":"text","text":"' + "x" * 4000 + '"}',
                    ),
                )
        [source] = self.make_parser().discover(root)
        return source


class TestTables(Samples, SqliteConformance):
    """The database of opencode 1.x keeps the contract."""

    names = ("tables",)


class TestUpgraded(Samples, SqliteConformance):
    """The database of opencode 2.x, with the tables of 1.x beside, keeps the contract."""

    names = ("upgraded",)


class TestFiles(Samples):
    """The files of opencode 1.1 keep the contract; `grow` makes a database."""

    names = ("files",)


class TestFilesAndTables(Samples):
    """Files and a database beside each other keep the contract."""

    names = ("upgraded", "files")


@pytest.mark.parametrize("name", ["tables", "upgraded", "files"])
def test_golden(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sample is mapped to the events that stand beside it."""
    make_samples(tmp_path, name)
    monkeypatch.chdir(tmp_path)
    parser = OpencodeParser()
    sources = (replace(source, mtime_ns=MODIFIED) for source in parser.discover(Path()))
    events = [event for source in sources for event in read_events(parser, source)]

    assert_golden(events, SAMPLES / f"{name}.events.ndjson")
