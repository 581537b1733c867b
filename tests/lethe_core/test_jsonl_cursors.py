"""JsonlParser: from where a file is read on, torn, truncated, rewritten and replaced."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes.jsonl import contents, message, read

from lethe_core.errors import SourceReplaced
from lethe_core.limits import MAX_SEQ
from lethe_core.sources import Cursor
from lethe_core.testing import (
    append,
    append_partial,
    copy_truncate,
    json_line,
    only_source,
    overwrite,
    read_events,
    truncate,
)
from lethe_core.testing import (
    replace as replace_file,
)


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
