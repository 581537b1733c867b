"""How far a feed was read."""

from __future__ import annotations

from lethe_core.watermarks import MAX_SENT, Sent, Watermark


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
