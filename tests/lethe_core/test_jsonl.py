"""JsonlParser: which lines there are, and what became of them."""

from __future__ import annotations

import hashlib
import tracemalloc

import msgspec
import pytest
from fakes.jsonl import codes, contents, message, read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lethe_core import SessionMeta
from lethe_core.jsonl import Line
from lethe_core.limits import MAX_LINE_BYTES, MAX_UNMAPPED_RAW_BYTES, MIB
from lethe_core.testing import (
    append,
    append_partial,
    json_line,
    only_source,
    read_events,
)


class TestLines:
    """What a line is, and what may stand in one."""

    @pytest.mark.promise("C14", "P9", "P10")
    def test_c14_oversize_line_is_streamed(self, toy, transcript):
        """A line of 20 MiB becomes a turn that stands for it; its neighbours are delivered."""
        append(transcript, message("before"))
        start = transcript.stat().st_size
        line = json_line(message("x" * (20 * MIB)))
        append_partial(transcript, line)
        append(transcript, message("after"))

        before, large, after = read(toy, transcript)
        detail = large.events[0].metadata["unmapped"]

        assert (contents([before]), contents([after])) == (["before"], ["after"])
        assert detail["code"] == "TOO_LARGE"
        assert detail["bytes"] == [start, start + len(line)]
        assert detail["sha256"] == hashlib.sha256(line[:-1]).hexdigest()
        assert len(detail["raw"]) == MAX_UNMAPPED_RAW_BYTES

    @pytest.mark.promise("C14", "P10")
    def test_c14_oversize_line_takes_bounded_memory(self, toy, transcript):
        """However long a line is, no more than the longest line allowed is held, a few times."""
        with transcript.open("wb") as file:
            for _ in range(80):
                file.write(b"x" * MIB)
            file.write(b"\n")
        tracemalloc.start()
        try:
            (record,) = read(toy, transcript)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert record.unmapped
        assert peak < 3 * MAX_LINE_BYTES

    @pytest.mark.promise("C14", "P7")
    def test_c14_unfinished_oversize_line_waits(self, toy, transcript):
        """A line that is too long already and has no newline yet is not a record."""
        append(transcript, message("before"))
        append_partial(transcript, b"y" * (MAX_LINE_BYTES + 3 * MIB))
        records = read(toy, transcript)

        assert contents(records) == ["before"]

        append(transcript, b"", message("after"))
        late = read(toy, transcript, records[-1].cursor)

        assert codes(late) == ["TOO_LARGE"]
        assert late[-1].events[0].content == "after"

    @pytest.mark.promise("C15", "P13")
    def test_c15_long_valid_line_is_mapped(self, toy, transcript):
        """A valid line of 9 MiB is mapped like any other; cutting is the wire's business."""
        append(transcript, message("z" * (9 * MIB)), message("after"))

        large, after = read(toy, transcript)

        assert (large.unmapped, len(large.events[0].content)) == (False, 9 * MIB)
        assert contents([after]) == ["after"]

    @pytest.mark.promise("C15", "P10")
    def test_c15_long_line_is_held_once_beside_its_record(self, toy, transcript):
        """While a long line is mapped, what was read of it in blocks takes no memory any more."""
        append(transcript, {"type": "skipped", "text": "z" * (12 * MIB)})
        tracemalloc.start()
        try:
            (record,) = read(toy, transcript)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert (record.unmapped, record.events) == (False, ())
        assert peak < 2.5 * 12 * MIB

    @pytest.mark.promise("C16", "P7", "A9")
    def test_c16_only_newlines_end_lines(self, toy, transcript):
        """CRLF, blank lines and a BOM are bookkeeping; U+2028 and U+0085 belong to the text."""
        text = "a\u2028b\u0085c\x0bd"
        line = json_line(message(text)).rstrip(b"\n")
        transcript.write_bytes(b"\xef\xbb\xbf" + line + b"\r\n\n  \r\n" + b"  " + line + b" \n")

        records = read(toy, transcript)

        assert contents(records) == [text, text]
        assert [record.skipped for record in records] == ["", "empty line", "empty line", ""]

    @pytest.mark.promise("C17", "P9")
    def test_c17_invalid_utf8_is_marked(self, toy, transcript):
        """Bytes that are no UTF-8 become U+FFFD and are marked; the turn is delivered."""
        append(transcript, b'{"type":"m","text":"caf\xe9!"}')

        (record,) = read(toy, transcript)

        assert contents([record]) == ["caf\ufffd!"]
        assert record.events[0].metadata["encoding_error"] is True
        assert not record.unmapped

    @pytest.mark.promise("C18", "P9")
    def test_c18_block_of_zeros_costs_its_line(self, toy, transcript):
        """Zeros that a power loss left become one turn; the next line is delivered."""
        append(transcript, message("before"), b"\0" * 4096, message("after"))

        records = read(toy, transcript)

        assert codes(records) == ["MALFORMED"]
        assert [records[0].events[0].content, records[2].events[0].content] == ["before", "after"]

    @pytest.mark.promise("C19", "P9", "A9")
    @pytest.mark.parametrize(
        ("line", "content"),
        [
            (b'{"type":"m","text":"a\\ud83d"}', "a\ufffd"),
            (b'{"type":"m","text":"a","n":9223372036854775808}', "a"),
            (b'{"type":"m","text":"a","n":NaN,"m":-Infinity}', "a"),
            (b'{"type":"m","text":"a","n":-1' + b"0" * 400 + b',"m":"\\ud83d"}', "a"),
            (b'{"type":"m","text":"a","text":"b"}', "b"),
        ],
        ids=["lone surrogate", "beyond 64 bits", "no number", "beyond a float", "key twice"],
    )
    def test_c19_odd_json_is_normalised(self, toy, transcript, line, content):
        """JSON that a person would still read is delivered, normalised."""
        append(transcript, line)

        assert contents(read(toy, transcript)) == [content]

    @pytest.mark.promise("C19", "P9", "A9")
    @pytest.mark.parametrize(
        ("line", "code"),
        [
            (b"[" * 100_000, "TOO_DEEP"),
            (b'{"a":' * 100_000, "TOO_DEEP"),
            (b'{"type":"m","n":' + b"7" * 5000 + b"}", "MALFORMED"),
            (b'{"type":"m","text":}', "MALFORMED"),
            (b"[1,2]", "NOT_AN_OBJECT"),
            (b'"text"', "NOT_AN_OBJECT"),
            (b'{"type":"m"}', "UNMAPPABLE"),
        ],
        ids=["arrays", "objects", "digits", "no value", "list", "string", "field missing"],
    )
    def test_c19_hopeless_lines_become_system_turns(self, toy, transcript, line, code):
        """What cannot be mapped becomes one system turn each, and the next line is delivered."""
        append(transcript, line, message("after"))

        first, second = read(toy, transcript)
        (turn,) = first.events

        assert codes([first]) == [code]
        assert (turn.role, turn.content, first.unmapped) == ("system", "", True)
        assert turn.metadata["unmapped"]["sha256"] == hashlib.sha256(line).hexdigest()
        assert contents([second]) == ["after"]

    @pytest.mark.promise("A7")
    def test_reasons_hold_no_content(self, toy, transcript):
        """The reason names the error and its place, never what stood in the line."""
        append(transcript, b'{"type":"m","text":"hunter2"', b'{"type":"m","txt":"hunter2"}')

        reasons = [
            record.events[0].metadata["unmapped"]["reason"] for record in read(toy, transcript)
        ]

        assert all("hunter2" not in reason for reason in reasons)


class TestPlaces:
    """Offsets, ids and cursors."""

    def test_seq_is_the_offset_of_the_line(self, toy, transcript):
        """`seq` is the line's offset plus the turn's index, from wherever reading began."""
        append(transcript, message("first"), {"type": "pair"}, message("last"))
        starts = [0, *(record.position for record in read(toy, transcript))]
        events = read_events(toy, only_source(toy, transcript))

        assert [e.seq for e in events] == [0, starts[1], starts[1] + 1, starts[2]]

    def test_turns_without_id_get_one_from_record_and_place(self, toy, transcript):
        """Equal records at different places, and turns of one record, have different ids."""
        append(transcript, message("same"), message("same"), {"type": "pair"})
        events = read_events(toy, only_source(toy, transcript))

        assert len({event.turn_id for event in events}) == 4

    def test_session_event_carries_the_place(self, toy, transcript):
        """An event of the session alone stands at the place of its line."""
        append(transcript, message("x"))
        source = only_source(toy, transcript)
        line = Line(toy, source, "session-1", 7, 9, b"{}")
        event = line.session(SessionMeta(title="A title"), timestamp=3.0)

        assert (event.seq, event.tool, event.parser_version) == (7, "toy", 3)
        assert (event.session_meta.title, event.timestamp) == ("A title", 3.0)

    def test_state_travels_in_the_cursor(self, toy, transcript):
        """What a parser noted of earlier lines is there when reading goes on."""
        append(transcript, {"type": "count"}, {"type": "count"}, message("x"), {"type": "count"})
        first = read(toy, transcript)[1].cursor

        assert first.startswith("j2:")
        assert contents(read(toy, transcript, first)) == ["x", "3"]

    @settings(
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
        max_examples=60,
    )
    @given(
        lines=st.lists(
            st.one_of(
                st.text(max_size=20).map(lambda text: json_line(message(text))),
                st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"") + b"\n"),
                st.sampled_from([b'{"type":"pair"}\n', b'{"type":"count"}\n', b"\r\n", b"{}\n"]),
            ),
            max_size=8,
        ),
        tail=st.binary(max_size=5).map(lambda data: data.replace(b"\n", b"")),
        data=st.data(),
    )
    def test_any_two_reads_equal_one(self, toy, tmp_path, lines, tail, data):
        """Split anywhere, a file that grows gives the records of the file that is read at once."""
        path = tmp_path / "grown.jsonl"
        whole = b"".join(lines) + tail
        split = data.draw(st.integers(0, len(whole)))
        path.write_bytes(whole)
        expected = read(toy, path)
        path.write_bytes(whole[:split])
        first = read(toy, path)
        append_partial(path, whole[split:])
        second = read(toy, path, first[-1].cursor if first else None)

        assert first + second == expected
        assert len(expected) == len(lines)


class _Message(msgspec.Struct):
    type: str
    text: str = ""


def test_record_type_is_checked(toy, transcript):
    """A line that does not fit the record type says which field does not, without its content."""
    toy._decode = msgspec.json.Decoder(_Message).decode
    append(transcript, {"type": "m", "text": ["hunter2"]})

    (record,) = read(toy, transcript)
    detail = record.events[0].metadata["unmapped"]

    assert detail["code"] == "WRONG_TYPE"
    assert "$.text" in detail["reason"]
    assert "hunter2" not in detail["reason"]
