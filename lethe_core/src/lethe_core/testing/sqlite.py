"""What a parser of databases must do besides; a class to subclass.

A sample is a script of SQL, ``NAME.sql``, since a script can be read as a diff. The tests read
the database ``NAME.db`` that it makes, in WAL mode, as tools write it.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, ClassVar, Final

from lethe_core.testing.conformance import ParserConformance
from lethe_core.testing.reading import wire_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lethe_core.sources import Record

#: A process of its own, as tools are: within one, SQLite's locks are not those of the kernel.
_WRITER: Final = """
import sqlite3, sys
tool = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
[[version]] = tool.execute("PRAGMA user_version")
print("open", flush=True)
for _ in sys.stdin:
    tool.execute(f"PRAGMA user_version = {version + 1}")  # any write will do
    tool.execute(f"PRAGMA user_version = {version}")
    print(tool.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0], flush=True)
"""


def make_database(script: Path, path: Path) -> Path:
    """Make the database of a sample, or add to it what a further script says.

    Args:
        script: statements of SQL.
        path: of the database.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(script.read_text(encoding="utf-8"))
    return path


class SqliteConformance(ParserConformance):
    """Checks that a parser of databases keeps its contract on some scripts of SQL.

    Attributes:
        database: the name of the database that a script makes, if it is not ``NAME.db``.
    """

    database: ClassVar[str] = ""

    def write_samples(self, root: Path) -> None:
        """Make the database of each script below `samples`, and copy all other files."""
        scripts = shutil.ignore_patterns("*.sql")
        shutil.copytree(self.samples, root, dirs_exist_ok=True, ignore=scripts)
        for script in sorted(self.samples.rglob("*.sql")):
            name = self.database or f"{script.stem}.db"
            make_database(script, root / script.relative_to(self.samples).with_name(name))

    def test_writer_is_never_blocked(self, tmp_path: Path) -> None:
        """While a read stands at any record, the tool can write and empty its log."""
        for source in self.sources(tmp_path):
            with _writer(source.path) as write:
                for _ in self.make_parser().read(source, None):
                    assert write() == "0", f"{source.path.name}: the read holds the log"

    def test_log_is_read(self, tmp_path: Path) -> None:
        """What stands in the write-ahead log alone is read like what stands in the database."""
        for source in self.sources(tmp_path):
            expected = _said(self.read_all(source))
            moved = source.path.with_name(f"{source.path.name}.origin")
            source.path.rename(moved)
            with contextlib.closing(sqlite3.connect(moved)) as origin:
                script = "\n".join(origin.iterdump())
            moved.unlink()
            with contextlib.closing(sqlite3.connect(source.path)) as tool:
                tool.execute("PRAGMA journal_mode=WAL")
                tool.execute("PRAGMA wal_autocheckpoint=0")
                tool.executescript(script)
                [again] = self.make_parser().discover(source.path)
                assert again.size > source.path.stat().st_size, "the size counts the log in"
                assert _said(self.read_all(again)) == expected, f"{source.path.name}: in the log"


@contextlib.contextmanager
def _writer(path: Path) -> Iterator[Callable[[], str]]:
    """Start a tool; the function has it write and empty its log, and says whether it was busy."""
    command = [sys.executable, "-c", _WRITER, str(path)]
    with subprocess.Popen(  # noqa: S603 - this Python, and a script of our own
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        talk, listen = process.stdin, process.stdout
        listen.readline()

        def write() -> str:
            talk.write("\n")
            talk.flush()
            return listen.readline().strip()

        yield write


def _said(records: list[Record]) -> list[list[bytes]]:
    return [wire_lines(record.events) for record in records]
