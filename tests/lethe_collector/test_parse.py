"""`parse`: what a parser makes of a file, and with `--explain` why."""

from __future__ import annotations

import io
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
    assert fates[0] == "turn     user of no kind one-1-0 at 0, source_file: some words?[2J"
    assert fates[1] == "skipped  saved"
    assert fates[2].startswith("unmapped MALFORMED: ")
    assert fates[3].startswith("refused  tool: ")
    assert "4 records, 1 unmapped, 1 skipped (saved)" in told.replace("2 events, ", "")


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
