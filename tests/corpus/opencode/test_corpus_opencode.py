"""Real sessions of opencode: each is read, and the archive agrees with an independent count.

The corpus holds databases, and sessions that `opencode export` wrote; the latter are put into the
files of 1.1 and into the tables of 1.2, which hold the same objects.
"""

from __future__ import annotations

import pytest
from corpus.opencode.exports import load, write_files, write_tables

from lethe_core import SessionEvent, TurnEvent
from lethe_core.testing import read_events, read_records, wire_lines
from lethe_opencode import OpencodeParser

FOLDERS = ("opencode", "opencode-v2")


@pytest.fixture
def sources(corpus, count):
    """Name the databases and exports."""
    return [path for folder in FOLDERS for path in count.files(corpus / folder)]


def test_every_database_is_read_at_once_and_in_parts(sources, check_reading):
    """No database raises, nothing is unmapped, and reading on from anywhere gives the rest."""
    databases = [path for path in sources if path.suffix == ".db"]
    assert databases
    for path in databases:
        records = check_reading(OpencodeParser(), path)
        assert not [record for record in records if record.unmapped]


def test_counts_of_databases_agree(sources, count):
    """Sessions, prompts, answers, calls and tokens of each database are those of the count."""
    for path in (path for path in sources if path.suffix == ".db"):
        [source] = OpencodeParser().discover(path)
        assert count.count(path) == counted(read_events(OpencodeParser(), source), count), path


def test_counts_of_exports_agree(sources, count, tmp_path):
    """The same export gives the same counts as files of 1.1 and as tables of 1.2."""
    exports = [path for path in sources if path.suffix == ".json"]
    assert exports
    for path in exports:
        export, expected = load(path), count.count(path)
        root = tmp_path / path.stem
        write_files(root / "storage", export)
        write_tables(root / "opencode.db", export)
        parser = OpencodeParser()
        [database, tree] = parser.discover(root)
        events = {s: read_events(parser, s) for s in (database, tree)}
        assert expected == counted(events[database], count), path
        assert expected == counted(events[tree], count), path
        ids = [{(e.turn_id, e.seq) for e in events[s] if isinstance(e, TurnEvent)} for s in events]
        assert ids[0] == ids[1], path


def test_files_are_read_in_parts(corpus, tmp_path):
    """Reading a session's files on from any message gives the rest."""
    origin = corpus / "opencode" / "jazzyalex-agent-sessions"
    [storage] = origin.rglob("storage_v2")
    (tmp_path / "storage").symlink_to(storage)
    parser = OpencodeParser()
    found = list(parser.discover(tmp_path))
    assert len(found) == 2
    for source in found:
        records = read_records(parser, source)
        lines = [wire_lines(record.events) for record in records]
        assert any(lines)
        for number, record in enumerate(records, 1):
            rest = read_records(parser, source, record.cursor)
            assert lines[number:] == [wire_lines(one.events) for one in rest]


def counted(events, count):
    """Count what the archive would hold."""
    kept = {(e.session_id, e.turn_id): e for e in events if isinstance(e, TurnEvent)}
    kinds = [turn.metadata["kind"] for turn in kept.values()]
    usages = {turn.usage.key: turn.usage for turn in kept.values() if turn.usage}
    return {
        "sessions": len({e.session_id for e in events if isinstance(e, SessionEvent)}),
        "prompts": kinds.count("prompt"),
        "answers": kinds.count("answer") + kinds.count("compact_summary"),
        "tool_calls": kinds.count("tool_call"),
        "tool_results": kinds.count("tool_result"),
    } | {name: sum(getattr(one, name) for one in usages.values()) for name in count.TOKENS}
