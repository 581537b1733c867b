"""One visit to one source: bounded, checked, and never raising."""

from __future__ import annotations

import pytest
from fakes.toy import ToyParser, Transcript

from lethe_collector.batches import Room
from lethe_collector.source_table import ReadingPoint
from lethe_collector.visits import visit_source
from lethe_core.errors import SourceReplaced, SourceUnsupported
from lethe_core.sources import Cursor, Source

ROOMY = Room(500, 2**20, empty=True)


@pytest.fixture
def transcript(tmp_path):
    """An empty transcript."""
    return Transcript(tmp_path / "one.jsonl")


def visit(transcript, room=ROOMY, cursor=None, parser=None):
    """Visit a transcript from a cursor on."""
    point = ReadingPoint(generation=0, revision=0, epoch=0, cursor=cursor, position=0, head_size=0)
    source = Source.from_stat(transcript.path, transcript.path.parent)
    return visit_source(
        parser or ToyParser(), source, source_id=1, point=point, room=room, host="box"
    )


def test_reads_to_the_end(transcript):
    """A short source is read in one visit, and its end is noted as it was then."""
    transcript.fill(3).append({"skip": "title"})
    status = transcript.path.stat()

    result = visit(transcript)

    segment = result.segment
    assert (result.end, len(segment.lines), segment.records) == ("end", 3, 4)
    assert segment.skipped == {"title": 1}
    assert segment.read_to == (status.st_size, status.st_mtime_ns)
    assert segment.identity.head_size == status.st_size


def test_stops_when_there_is_enough(transcript):
    """A visit takes as many lines as there is room for; the next one goes on behind them."""
    transcript.fill(10)
    first = visit(transcript, Room(4, 2**20, empty=True))
    second = visit(transcript, ROOMY, first.segment.after)

    assert (first.end, len(first.segment.lines)) == ("full", 4)
    assert (second.end, len(second.segment.lines)) == ("end", 6)


def test_record_is_not_divided(transcript):
    """A record whose turns do not fit any more is left to the next visit."""
    transcript.fill(3).append({"turns": 5})

    result = visit(transcript, Room(6, 2**20, empty=True))

    assert (result.end, len(result.segment.lines)) == ("full", 3)


def test_record_larger_than_all_limits_travels_alone(transcript):
    """An empty batch takes any single record, so that nothing is stuck for ever."""
    transcript.append({"turns": 50}).fill(1)

    result = visit(transcript, Room(10, 100, empty=True))

    assert (result.end, len(result.segment.lines)) == ("full", 50)
    assert visit(transcript, Room(10, 100, empty=False)).segment.lines == []


@pytest.mark.promise("C42", "P9")
@pytest.mark.parametrize("field", ["tool", "session_id", "turn_id", "role", "seq"])
def test_c42_invalid_events_are_refused_before_they_are_sent(transcript, field):
    """An event that breaks the contract is refused with its key; its neighbours go on."""
    transcript.append({"text": "a"}, {"bad": field}, {"text": "b"})

    segment = visit(transcript).segment

    assert len(segment.lines) == 2
    [refusal] = segment.refused
    assert refusal.code == "INVALID"
    assert field in refusal.reason


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [
        (PermissionError(13, "Permission denied"), "unreadable", "SOURCE_UNREADABLE"),
        (SourceUnsupported("an unknown schema"), "unsupported", "SOURCE_UNSUPPORTED"),
        (ZeroDivisionError("secret content"), "failed", "PLUGIN_ERROR"),
        (SystemExit("secret content"), "failed", "PLUGIN_ERROR"),
        (RecursionError(), "failed", "PLUGIN_ERROR"),
        (SourceReplaced("at once"), "failed", "SOURCE_REPLACED"),
    ],
)
def test_errors_are_told_without_content(transcript, error, state, code):
    """Whatever a parser raises has a state, a code and a sentence that quotes nothing."""
    transcript.fill(1)

    class Failing(ToyParser):
        def read(self, source, cursor):
            raise error

    result = visit(transcript, parser=Failing())

    assert result.end == "failed"
    assert (result.failure.state, result.failure.code) == (state, code)
    assert "secret" not in result.failure.text


def test_failing_parser_is_told_with_a_way_to_see_the_error(transcript):
    """The hint names the command that shows what the text may not say."""
    transcript.append({"raise": True})

    assert "`lethe-collector parse TOOL PATH`" in visit(transcript).failure.hint


def test_replaced_source_is_told(transcript):
    """A cursor that was not made for this file ends the visit before a byte is sent (P8)."""
    transcript.fill(2)

    result = visit(transcript, cursor=Cursor("j1:9999:5:abc"))

    assert (result.end, result.segment.lines) == ("replaced", [])


def test_vanished_source_is_told(transcript):
    """A file that is deleted between scan and visit is gone, which is no error."""
    source = Source.from_stat(transcript.path, transcript.path.parent)
    transcript.path.unlink()
    point = ReadingPoint(generation=0, revision=0, epoch=0, cursor=None, position=0, head_size=0)

    result = visit_source(ToyParser(), source, source_id=1, point=point, room=ROOMY, host="box")

    assert result.end == "gone"


def test_parser_may_return_any_iterable(transcript):
    """A list of records is as good as a generator, and no iterable is the plugin's failure."""
    transcript.fill(2)

    class Listing(ToyParser):
        def read(self, source, cursor):
            return list(super().read(source, cursor))

    class Nothing(ToyParser):
        def read(self, source, cursor):
            return None

    assert len(visit(transcript, parser=Listing()).segment.lines) == 2
    assert visit(transcript, parser=Nothing()).failure.code == "PLUGIN_ERROR"
