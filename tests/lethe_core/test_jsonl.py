"""JsonlParser: which lines are read, from where, and what became of them."""

from __future__ import annotations

import hashlib
import tracemalloc
from dataclasses import replace

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lethe_core import SessionMeta
from lethe_core.errors import SourceReplaced
from lethe_core.jsonl import Line, clean_session_id
from lethe_core.limits import MAX_LINE_BYTES, MAX_SEQ, MAX_UNMAPPED_RAW_BYTES, MIB
from lethe_core.sources import Cursor
from lethe_core.testing import (
    append,
    append_partial,
    copy_truncate,
    json_line,
    only_source,
    overwrite,
    read_events,
    read_records,
    truncate,
)
from lethe_core.testing import (
    replace as replace_file,
)


def message(text):
    """Make a record that is a turn."""
    return {"type": "m", "text": text}


def read(parser, path, cursor=None):
    """Look at a file and read its records after a cursor."""
    return read_records(parser, only_source(parser, path), cursor)


def contents(records):
    """List the texts of all turns."""
    return [event.content for record in records for event in record.events]


def codes(records):
    """List the reasons of all turns that stand for what cannot be mapped."""
    metas = [event.metadata for record in records for event in record.events]
    return [meta["unmapped"]["code"] for meta in metas if meta.get("kind") == "unmapped"]


class TestTail:
    """What is not finished yet."""

    @pytest.mark.promise("C02", "P7")
    def test_c02_unterminated_line_waits_at_its_start(self, toy, transcript):
        """A line without newline is not read at three polls, and once when it is completed."""
        append(transcript, message("first"))
        cursor = read(toy, transcript)[-1].cursor
        line = json_line(message("second"))
        append_partial(transcript, line[:-1])

        polls = [read(toy, transcript, cursor) for _ in range(3)]
        append_partial(transcript, line[-1:])
        records = read(toy, transcript, cursor)

        assert polls == [[], [], []]
        assert contents(records) == ["second"]
        assert read(toy, transcript, records[-1].cursor) == []

    @pytest.mark.promise("C03", "P7")
    def test_c03_cut_inside_a_character_leaves_the_text_intact(self, toy, transcript):
        """A write that was cut inside a four-byte character is read whole later."""
        line = json_line(message("mind the \U0001f648 gap"))
        middle = line.index("\U0001f648".encode()) + 2
        append_partial(transcript, line[:middle])

        assert read(toy, transcript) == []

        append_partial(transcript, line[middle:])

        assert contents(read(toy, transcript)) == ["mind the \U0001f648 gap"]

    @pytest.mark.promise("C04", "P7", "P9")
    def test_c04_record_behind_a_torn_one_is_delivered(self, toy, transcript):
        """A torn record costs itself; the record on its line and the next lines are delivered."""
        torn = json_line(message("torn off"))[:17]
        append_partial(transcript, torn)
        append(transcript, message("survivor"), message("next"))

        first, second = read(toy, transcript)
        unmapped, survivor = first.events

        assert unmapped.metadata["unmapped"]["bytes"] == [0, len(torn)]
        assert unmapped.metadata["unmapped"]["raw"] == torn.decode()
        assert (survivor.content, survivor.seq) == ("survivor", len(torn))
        assert (first.unmapped, second.unmapped) == (True, False)
        assert contents([second]) == ["next"]

    @pytest.mark.promise("C04", "P9")
    def test_c04_two_whole_records_on_a_line_are_both_delivered(self, toy, transcript):
        """A record that lost nothing but its newline is delivered, and so is the one behind it."""
        first = json_line(message("first")).rstrip(b"\n")
        append_partial(transcript, first + json_line(message("second")))
        (record,) = read(toy, transcript)

        assert [event.content for event in record.events] == ["first", "second"]
        assert [event.seq for event in record.events] == [0, len(first)]
        assert not record.unmapped

    @pytest.mark.promise("C04", "P9")
    @pytest.mark.parametrize("cut", range(1, len(json_line(message("torn off"))) - 1))
    def test_c04_tear_at_any_byte_loses_nothing_else(self, toy, transcript, cut):
        """Wherever the first record was torn, the second one of the line is delivered."""
        append_partial(transcript, json_line(message("torn off"))[:cut])
        append(transcript, message("survivor"))

        (record,) = read(toy, transcript)

        assert record.unmapped
        assert record.events[-1].content == "survivor"


class TestReplacement:
    """What happens to the bytes before a cursor."""

    @pytest.mark.promise("C05", "P8")
    @pytest.mark.parametrize("regrown", [b"", json_line(message("new"))])
    def test_c05_truncated_file_is_noticed(self, toy, transcript, regrown):
        """A file that was emptied, and perhaps written to again, is no longer the one read."""
        append(transcript, message("one"), message("two"))
        cursor = read(toy, transcript)[-1].cursor
        truncate(transcript)
        append_partial(transcript, regrown)

        with pytest.raises(SourceReplaced):
            read(toy, transcript, cursor)

    @pytest.mark.promise("C05", "P8")
    def test_c05_next_generation_comes_after_and_replaces(self, toy, transcript):
        """The new generation's turns stand behind the old ones and have a higher revision."""
        append(transcript, message("one"), message("two"))
        old = read_events(toy, only_source(toy, transcript))
        truncate(transcript)
        append(transcript, message("new"))
        again = replace(only_source(toy, transcript), generation=1, revision=1)
        (new,) = read_events(toy, again)

        assert new.seq == 2**42
        assert new.seq > max(turn.seq for turn in old)
        assert (old[0].revision, new.revision) == (0, 1)

    @pytest.mark.promise("C07", "P4", "P8")
    def test_c07_record_without_id_at_its_old_place_is_the_same_turn(self, toy, transcript):
        """What a rewritten file repeats where it stood has the same name in each generation."""
        append(transcript, message("one"), message("two"))
        source = only_source(toy, transcript)
        old, new = (read_events(toy, replace(source, generation=n)) for n in (0, 1))

        assert [turn.turn_id for turn in old] == [turn.turn_id for turn in new]
        assert len({turn.turn_id for turn in old}) == 2

    @pytest.mark.promise("P3", "P8")
    def test_places_are_bounded_however_often_a_file_is_rewritten(self, toy, transcript):
        """The bits of `seq` are used up by 2,047 generations; the wire takes later ones, too."""
        append(transcript, message("one"))
        source = only_source(toy, transcript)
        places = [
            turn.seq
            for generation in (2046, 2047, 2048, 10**6)
            for turn in read_events(toy, replace(source, generation=generation))
        ]

        assert places == sorted(places)
        assert places[1:] == [2047 << 42] * 3
        assert places[-1] <= MAX_SEQ

    @pytest.mark.promise("C06", "P8")
    def test_c06_copytruncate_beyond_the_cursor_is_noticed(self, toy, transcript):
        """A file that was emptied and grew beyond the cursor gives no record of its middle."""
        append(transcript, message("one"), message("two"))
        cursor = read(toy, transcript)[-1].cursor
        lines = [json_line(message(f"other {number}")) for number in range(100)]
        copy_truncate(transcript, b"".join(lines))

        with pytest.raises(SourceReplaced):
            read(toy, transcript, cursor)
        assert len(read(toy, transcript)) == 100

    @pytest.mark.promise("C06", "P8")
    def test_c06_equal_size_is_not_enough(self, toy, transcript):
        """A file of the same size and other bytes before the cursor is another file."""
        append(transcript, message("one"))
        cursor = read(toy, transcript)[-1].cursor
        overwrite(transcript, transcript.stat().st_size - 4, b"X")

        with pytest.raises(SourceReplaced):
            read(toy, transcript, cursor)

    def test_made_anew_with_lines_that_end_alike(self, toy, transcript):
        """Long lines of the same length are told apart by their beginnings."""
        append(transcript, message("one" + "x" * 3000))
        cursor = read(toy, transcript)[-1].cursor
        assert read(toy, transcript, cursor) == []
        transcript.unlink()
        append(transcript, message("two" + "x" * 3000))

        with pytest.raises(SourceReplaced):
            read(toy, transcript, cursor)

    def test_replaced_by_a_longer_copy_reads_on(self, toy, transcript):
        """A file that was rewritten with the same beginning is read on, not from the start."""
        append(transcript, message("one"))
        cursor = read(toy, transcript)[-1].cursor
        replace_file(transcript, transcript.read_bytes() + json_line(message("two")))

        assert contents(read(toy, transcript, cursor)) == ["two"]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "j1",
            "j1:::::",
            "j1:9:0:0:",
            "j1:-1:1:1:00",
            "j1:x:1:1:00",
            "j1:1:99:1:00",
            "s1:0:0:0:00",
            f"j1:{9 * 10**30}:1:1:00",
            'j2:0:0:0:e4a6a0577479b2b4:{"a":}',
            "j1:0:0:0:zz",
            "j1:0:0:00",
        ],
    )
    def test_malformed_cursor_is_replaced(self, toy, transcript, text):
        """A cursor that this parser did not make means: begin again, not: crash."""
        append(transcript, message("one"))

        with pytest.raises(SourceReplaced):
            read(toy, transcript, Cursor(text))


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

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
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


class TestSessionIds:
    """Names of files as names of sessions."""

    @given(name=st.text())
    def test_any_name_gives_a_valid_id(self, name):
        """Whatever a file is called, its session has a valid id."""
        cleaned = clean_session_id(name)

        assert 1 <= len(cleaned) <= 200
        assert cleaned.isascii()
        assert cleaned[0].isalnum()

    def test_valid_names_stay(self):
        """A name that is valid is the id."""
        assert clean_session_id("6f0c1f0e-2b54_x.y") == "6f0c1f0e-2b54_x.y"

    def test_long_names_differ_by_a_hash(self):
        """Names that begin alike and are too long have different ids."""
        assert clean_session_id("a" * 300) != clean_session_id("a" * 301)


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
