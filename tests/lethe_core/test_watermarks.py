"""How far a feed was read."""

from __future__ import annotations

from lethe_core.watermarks import MAX_LATE, MAX_SENT, Sent, Watermark


def add(mark: Watermark, changed: int, rowid: int, digest: str = "d", overlap: int = 10) -> None:
    """Note one row."""
    mark.add(Sent(changed, rowid, digest), key=str(rowid), overlap=overlap, high=rowid)


def test_floor_stays_behind_the_newest_row() -> None:
    """Rows within the overlap are remembered, older ones lie below the floor."""
    mark = Watermark()
    for changed in (100, 105, 111):
        add(mark, changed, changed)
    assert (100, 100) == (mark.changed, mark.rowid)
    assert [105, 111] == [sent.rowid for sent in mark.sent]


def test_a_row_is_known_by_its_values() -> None:
    """The same row with another digest is not known, and replaces the one that was."""
    mark = Watermark()
    add(mark, 100, 1, "first")
    assert not mark.knows(Sent(100, 1, "second"))
    add(mark, 100, 1, "second")
    assert [Sent(100, 1, "second")] == mark.sent


def test_the_floor_rises_when_many_rows_change_at_once() -> None:
    """Of more than `MAX_SENT` rows of one time, the floor covers the first."""
    mark = Watermark()
    for rowid in range(MAX_SENT + 5):
        add(mark, 100, rowid)
    assert len(mark.sent) == MAX_SENT
    assert (100, 4) == (mark.changed, mark.rowid)


def test_a_row_with_an_old_time_does_not_lower_the_floor() -> None:
    """A new row that bears an old time is noted by its rowid alone."""
    mark = Watermark()
    add(mark, 100, 1)
    add(mark, 200, 2)
    add(mark, 50, 3)
    assert (100, 1) == (mark.changed, mark.rowid)
    assert (3, "2", 200) == (mark.high, mark.tip, mark.top)


def test_the_last_rows_with_old_times_are_remembered() -> None:
    """The newest of them are known by their values, and awaited when they change."""
    mark = Watermark()
    add(mark, 100, 1)
    add(mark, 200, 2)
    for rowid in range(3, 5 + MAX_LATE):
        add(mark, 50, rowid)
    add(mark, 60, 6, "changed")

    assert [*range(7, 5 + MAX_LATE), 6] == [sent.rowid for sent in mark.late][-MAX_LATE + 1 :]
    assert len(mark.late) == MAX_LATE
    assert mark.knows(Sent(60, 6, "changed"))
    assert not mark.knows(Sent(60, 6, "again"))
    assert mark.awaits(70, 6)
    assert not mark.awaits(60, 6)
    assert not mark.awaits(70, 3)


def test_a_late_row_that_becomes_the_newest_is_one_of_those_above_the_floor() -> None:
    """When the clock is as late as it was, such a row is remembered once."""
    mark = Watermark()
    add(mark, 100, 1)
    add(mark, 200, 2)
    add(mark, 50, 3)
    add(mark, 201, 3)

    assert [] == mark.late
    assert [2, 3] == [sent.rowid for sent in mark.sent]
