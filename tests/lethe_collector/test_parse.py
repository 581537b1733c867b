"""`parse`: what a parser makes of a file, and with `--explain` why."""

from __future__ import annotations

import io
import json
import os

import pytest
from fakes.toy import ToyParser, Transcript

from lethe_collector.explaining import explain_source
from lethe_collector.parsing import print_source, read_sources


@pytest.fixture
def transcript(tmp_path):
    """A transcript with a record of each fate."""
    return Transcript(tmp_path / "one.jsonl")


def explained(transcript):
    """Explain a transcript; give its lines and what is told of it."""
    out, told = io.BytesIO(), io.StringIO()
    read_sources(ToyParser(), transcript.path, explain_source, host="box", out=out, told=told)
    return out.getvalue().decode().splitlines(), told.getvalue()


def test_each_record_has_its_place_and_its_fate(transcript):
    """A turn, a skipped record, a line that is no JSON and a refused event are told apart."""
    transcript.append({"text": "some words\x1b[2J"}, {"skip": "saved"})
    transcript.write(b'{"text": \n')
    transcript.append({"bad": "tool"})

    lines, told = explained(transcript)

    assert lines[0] == str(transcript.path)
    places = [line for line in lines if line.startswith("#")]
    ends = [int(line.rpartition("-")[2]) for line in places]
    assert [line.split()[0] for line in places] == ["#1", "#2", "#3", "#4"]
    assert ends == sorted(ends)
    assert ends[-1] == transcript.path.stat().st_size
    fates = [line.strip() for line in lines[1:] if not line.startswith("#")]
    assert fates[0] == "turn     user of no kind one-1-0 at 0, source_file: some words\\x1b[2J"
    assert fates[1] == "skipped  saved"
    assert fates[2].startswith("unmapped MALFORMED: ")
    assert fates[3].startswith("refused  tool: ")
    assert "4 records, 1 unmapped, 1 skipped (saved)" in told.replace("2 events, ", "")


@pytest.mark.parametrize("show", [print_source, explain_source])
def test_a_name_cannot_move_the_cursor_of_a_terminal(tmp_path, show):
    """What is told of a source, and of a record that is none, is told in printable characters."""
    Transcript(tmp_path / "one\x1b[2J.jsonl").append({"skip": "saved\x1b[2J"})
    out, told = io.BytesIO(), io.StringIO()
    read_sources(ToyParser(), tmp_path, show, host="box", out=out, told=told)

    [line] = told.getvalue().splitlines()
    assert line.isprintable()
    assert "one\\x1b[2J.jsonl: 1 records, 1 skipped (saved\\x1b[2J)" in line


@pytest.mark.promise("A6")
@pytest.mark.parametrize("show", [print_source, explain_source])
def test_nothing_shown_is_obeyed_by_a_terminal(tmp_path, show):
    """Neither the text of a transcript nor the names of its directories."""
    hostile = "a\x1b]0;owned\x07\x9b31m\u202eb"
    transcript = Transcript(tmp_path / hostile / "one.jsonl")
    transcript.append({"text": hostile})
    out, told = io.BytesIO(), io.StringIO()

    read_sources(ToyParser(), transcript.path, show, host="box", out=out, told=told)

    shown = out.getvalue().decode() + told.getvalue()
    assert all(line.isprintable() for line in shown.split("\n"))
    if show is print_source:
        assert json.loads(out.getvalue().splitlines()[0])["content"] == hostile


def test_unfinished_line_is_told(transcript):
    """What is not ended by a newline yet is no record, and is said to wait."""
    transcript.append({"text": "a"}).write(b'{"text": "b')

    assert (
        explained(transcript)[0][-1] == "    waiting  11 bytes at the end are no whole record yet"
    )


def test_long_text_is_one_short_line(transcript):
    """Of a text, its beginning is shown."""
    transcript.append({"text": "word\n" * 1000})

    assert explained(transcript)[0][-1].endswith("word word…")


@pytest.mark.parametrize("show", [print_source, explain_source])
def test_nobody_reads_what_is_shown(tmp_path, show):
    """A reader that went away ends it; the sources are not to blame, and are read no more."""
    for name in ("one", "two"):
        Transcript(tmp_path / f"{name}.jsonl").append({"text": "a"})
    told = io.StringIO()
    reading, writing = os.pipe()
    os.close(reading)
    with (
        os.fdopen(writing, "wb", buffering=0) as out,
        pytest.raises(BrokenPipeError),
    ):
        read_sources(ToyParser(), tmp_path, show, host="box", out=out, told=told)

    assert told.getvalue() == ""


def test_failing_parser_is_told_with_its_place(tmp_path):
    """What a parser raises is told with its message and its own line; the next source is read."""
    Transcript(tmp_path / "one.jsonl").append({"raise": True})
    Transcript(tmp_path / "two.jsonl").append({"text": "a"})
    told = io.StringIO()

    is_well = read_sources(
        ToyParser(), tmp_path, print_source, host="box", out=io.BytesIO(), told=told
    )
    one, two = told.getvalue().splitlines()

    assert not is_well
    assert f"{tmp_path}/one.jsonl: the parser failed: ZeroDivisionError (" in one
    assert one.endswith(" in read)")
    assert "toy.py:" in one
    assert two == f"{tmp_path}/two.jsonl: 1 records, 1 events"


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (lambda root: [root], "`discover` gave a PosixPath, which is no Source"),
        (lambda _: None, "TypeError: 'NoneType' object is not iterable"),
        (lambda root: root.none, "AttributeError: 'PosixPath' object has no attribute 'none'"),
    ],
)
def test_failing_discovery_is_told(tmp_path, found, message):
    """What `discover` raises, or gives in the stead of sources, is told in a line."""

    class Careless(ToyParser):
        def discover(self, root):
            return found(root)

    told = io.StringIO()
    out = io.BytesIO()

    assert not read_sources(Careless(), tmp_path, print_source, host="box", out=out, told=told)
    assert told.getvalue().startswith(f"{tmp_path}: the parser failed: {message}")
    assert told.getvalue().count("\n") == 1


def test_record_on_which_the_parser_failed_is_told_with_its_place(transcript):
    """An author sees what was raised and where, with the record and at the end."""
    transcript.append({"turns": "many"}).append({"text": "a"})

    lines, told = explained(transcript)

    error = "TypeError: 'str' object cannot be interpreted as an integer ("
    assert lines[2].startswith(f"    failed   {error}")
    assert lines[2].endswith(" in map_record)")
    assert lines[3].startswith("    unmapped UNMAPPABLE")
    assert f"1 failed ({error}" in told


@pytest.mark.parametrize("show", [print_source, explain_source])
def test_repeated_ids_are_counted(transcript, show):
    """What the archive would leave out, since an earlier turn has its id, is told."""
    transcript.append({"n": 7, "text": "a"}, {"n": 7, "text": "b"}, {"n": 8, "text": "c"})
    told = io.StringIO()

    read_sources(ToyParser(), transcript.path, show, host="box", out=io.BytesIO(), told=told)

    assert "3 records, 1 repeated ids" in told.getvalue()
