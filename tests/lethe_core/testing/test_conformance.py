"""The conformance suite: a sound parser passes, and each broken promise fails its own test."""

# ruff: noqa: D102 - the methods are those of the contract
from __future__ import annotations

import fcntl
import itertools
import sqlite3
from pathlib import Path
from typing import ClassVar

import pytest

from lethe_core import JsonlParser, Record, SessionMeta, Source
from lethe_core.sources import Cursor
from lethe_core.testing import JsonlConformance, append, json_line


class Sound(JsonlParser):
    """Keeps the contract."""

    tool = "toy"
    label = "Toy"
    version = 1

    def default_roots(self):
        """Name one place."""
        return [Path("/srv/toy")]

    def map_record(self, record, line):
        """Map messages and titles."""
        match record.get("type"):
            case "m":
                return [line.turn(role="user", content=str(record.get("text", "")))]
            case "title":
                return [line.session(SessionMeta(title=str(record.get("text"))))]
        return "other"


class TestSoundParser(JsonlConformance):
    """The suite as an author uses it."""

    parser_type = Sound

    def write_samples(self, root):
        """Write two sessions."""
        append(
            root / "first.jsonl",
            {"type": "m", "text": "ein Wörtchen \U0001f648 dazu"},
            {"type": "x"},
            {"type": "title", "text": "Title"},
            {"type": "m", "text": "plain"},
        )
        (root / "sub").mkdir()
        append(root / "sub" / "second.jsonl", {"type": "m", "text": "x" * 100})


class ReadsTails(Sound):
    """Completes a torn line itself, to read it."""

    def read(self, source, cursor):
        with source.path.open("ab") as file:
            if source.path.read_bytes()[-1:] not in (b"", b"\n"):
                file.write(b"\n")
        yield from super().read(source, cursor)


class Forgets(Sound):
    """Remembers in itself what belongs into the cursor."""

    def map_record(self, record, line):
        self.seen = getattr(self, "seen", 0) + 1
        return [line.turn(role="user", content=str(self.seen))]


class Counts(Sound):
    """Numbers turns from where reading began."""

    def read(self, source, cursor):
        for number, record in enumerate(super().read(source, cursor)):
            for event in record.events:
                event.seq = number
            yield record


class Random(Sound):
    """Makes up ids."""

    numbers = itertools.count()

    def map_record(self, record, line):
        return [line.turn(role="user", turn_id=f"t{next(self.numbers)}")]


class OpensInDiscover(Sound):
    """Reads files while it looks for them."""

    def discover(self, root):
        for source in super().discover(root):
            source.path.read_bytes()
            yield source


class FindsNothing(Sound):
    """Takes a missing root for an empty one."""

    def discover(self, root):
        return [] if not root.exists() else super().discover(root)


class Eager(Sound):
    """Returns a list."""

    def read(self, source, cursor):
        return list(super().read(source, cursor))


class Hoards(Sound):
    """Holds all records at once."""

    def read(self, source, cursor):
        return iter(list(super().read(source, cursor)))


class Locks(Sound):
    """Locks what it reads."""

    def read(self, source, cursor):
        with source.path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
        yield from super().read(source, cursor)


class Touches(Sound):
    """Leaves a file of its own beside the source."""

    def identify(self, source):
        source.path.with_suffix(".lock").write_text("")
        return super().identify(source)


class Leaks(Sound):
    """Keeps files open."""

    held: ClassVar[list] = []

    def read(self, source, cursor):
        self.held.append(source.path.open("rb"))
        yield from super().read(source, cursor)


class BadIds(Sound):
    """Names sessions with blanks."""

    def session_id(self, source):
        return f"session {source.path.name}"


class OwnHost(Sound):
    """Sets the collector's field."""

    def map_record(self, record, line):
        return [line.turn(role="user", host="laptop")]


class SamePlace(Sound):
    """Gives two turns one place."""

    def map_record(self, record, line):
        return [line.turn(role="user", turn_id=name) for name in "ab"]


class Trusting(Sound):
    """Counts records and looks at no bytes before them."""

    def read(self, source, cursor):
        offset = int(cursor) if cursor else 0
        for number, record in enumerate(super().read(source, None), 1):
            if number > offset:
                yield Record(events=record.events, cursor=Cursor(str(number)))


class Raises(Sound):
    """Gives up at the first bad line."""

    def read(self, source, cursor):
        for record in super().read(source, cursor):
            if record.unmapped:
                raise ValueError("no")
            yield record


class Drops(Sound):
    """Ends silently at the first bad line."""

    def read(self, source, cursor):
        for record in super().read(source, cursor):
            if record.unmapped:
                return
            yield record


class NoRevision(Sound):
    """Gives a replaced file the revision of the old one."""

    def read(self, source, cursor):
        for record in super().read(source, cursor):
            for event in record.events:
                if hasattr(event, "revision"):
                    event.revision = 0
            yield record


class Guesses(Sound):
    """Takes each record for a message."""

    def map_record(self, record, line):
        return [line.turn(role="user", content=record["text"])]


class NoName(Sound):
    """Has a name that the wire does not take."""

    tool = "two words"


class Relative(Sound):
    """Names a place that depends on where it is started."""

    def default_roots(self):
        return [Path(".toy")]


class Again(Sound):
    """Finds everything twice."""

    def discover(self, root):
        return itertools.chain(super().discover(root), super().discover(root))


class Backwards(Sound):
    """Orders the last line first."""

    def read(self, source, cursor):
        for record in super().read(source, cursor):
            record.position = -record.position
            for event in record.events:
                event.seq = 10**6 - event.seq
            yield record


class KeepsFirst(Sound):
    """Finds no source that is named itself."""

    def discover(self, root):
        return [] if root.is_file() else super().discover(root)


class OneId(Sound):
    """Gives all turns the same id."""

    def map_record(self, record, line):
        mapped = super().map_record(record, line)
        if record.get("type") == "m":
            mapped[0].turn_id = "m"
        return mapped


BROKEN = {
    "test_parser_is_named": NoName,
    "test_default_roots_are_absolute": Relative,
    "test_discover_describes_each_source_once": Again,
    "test_discover_takes_a_single_source": KeepsFirst,
    "test_discover_opens_nothing": OpensInDiscover,
    "test_discover_refuses_a_missing_root": FindsNothing,
    "test_samples_have_turns": Guesses,
    "test_read_is_lazy": Eager,
    "test_reading_twice_gives_the_same": Random,
    "test_one_parser_reads_sources_in_turns": Forgets,
    "test_resumes_at_every_cursor": Counts,
    "test_positions_ascend_within_the_size": Backwards,
    "test_foreign_cursor_is_refused": Trusting,
    "test_source_is_left_alone": Touches,
    "test_events_keep_the_wire_contract": OwnHost,
    "test_session_ids_are_valid": BadIds,
    "test_places_are_unique": SamePlace,
    "test_damaged_content_never_raises": Raises,
    "test_memory_is_bounded": Hoards,
    "test_torn_tail_waits": ReadsTails,
    "test_truncated_source_is_noticed": Trusting,
    "test_rewritten_source_is_noticed": Trusting,
    "test_new_generation_stands_behind_the_old": NoRevision,
    "test_seq_follows_the_source": Backwards,
    "test_garbage_lines_cost_only_themselves": Drops,
    "test_ids_are_not_shared": OneId,
}


def run(check, parser_type, tmp_path):
    """Run one test of the suite on a parser."""
    suite = TestSoundParser()
    suite.parser_type = parser_type
    method = getattr(suite, check)
    method(tmp_path) if "tmp_path" in method.__code__.co_varnames else method()


def test_every_check_is_proved():
    """No test of the suite is without a parser that fails it."""
    checks = {name for name in dir(JsonlConformance) if name.startswith("test_")}

    assert set(BROKEN) == checks


@pytest.mark.parametrize("check", BROKEN)
def test_broken_promise_is_noticed(check, tmp_path):
    """A parser that breaks a promise fails the test that is named after it."""
    try:
        run(check, BROKEN[check], tmp_path)
    except (AssertionError, ValueError, TypeError):
        return
    pytest.fail(f"{BROKEN[check].__name__} passes {check}")


@pytest.mark.parametrize(
    ("check", "parser_type"),
    [("test_source_is_left_alone", Locks), ("test_read_is_lazy", Leaks)],
)
def test_other_ways_are_noticed_too(check, parser_type, tmp_path):
    """A lock, and a file that stays open, are noticed as well."""
    try:
        with pytest.raises(AssertionError):
            run(check, parser_type, tmp_path)
    finally:
        while Leaks.held:
            Leaks.held.pop().close()


def test_tool_that_repeats_its_ids_may_say_so(tmp_path):
    """The ids of a tool are what they are; its author can leave the check out."""
    suite = TestSoundParser()
    suite.parser_type, suite.repeats_ids = OneId, True

    suite.test_ids_are_not_shared(tmp_path)


def test_samples_may_be_a_directory(tmp_path):
    """By default the samples are files beside the test."""
    samples = tmp_path / "samples"
    samples.mkdir()
    (samples / "a.jsonl").write_bytes(json_line({"type": "m", "text": "x"}))

    class Plain(JsonlConformance):
        parser_type = Sound

    suite = Plain()
    suite.samples = samples
    place = tmp_path / "place"
    place.mkdir()
    suite.test_samples_have_turns(place)
    (source,) = suite.sources(tmp_path)

    assert isinstance(source, Source)
    assert source.path.read_bytes() == (samples / "a.jsonl").read_bytes()


def test_database_connections_count_as_opening(tmp_path):
    """A database that `discover` connects to was opened."""

    class Connects(Sound):
        def discover(self, root):
            for source in super().discover(root):
                sqlite3.connect(source.path).close()
                yield source

    with pytest.raises(AssertionError, match="opened files"):
        run("test_discover_opens_nothing", Connects, tmp_path)
