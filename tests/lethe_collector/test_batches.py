"""Batches: full when they are, due when they have waited."""

from __future__ import annotations

from fakes.batches import make_segment

from lethe_collector.batches import Batcher


class Clock:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self):
        """Tell the time."""
        return self.now


def segment(lines, size=10):
    """Make a segment of so many lines."""
    return make_segment(1, lines=[b"x" * size] * lines, size=lines * size)


def batcher(clock=None):
    """Make a batcher of ten lines or a thousand bytes."""
    return Batcher(max_lines=10, max_bytes=1000, max_age=2.0, clock=clock or Clock())


def test_collects_segments_in_order():
    """Lines leave in the order in which they came in, with their segments."""
    batches = batcher()
    first, second = segment(2), segment(3)
    batches.add(first)
    batches.add(second)

    batch = batches.take()

    assert (batch.segments, batch.lines, batch.size) == ([first, second], 5, 50)
    assert list(batch) == first.lines + second.lines
    assert not batches


def test_room_is_what_is_left():
    """The next visit may fill what is left, by lines and by bytes."""
    batches = batcher()
    batches.add(segment(4))

    assert (batches.room.lines, batches.room.size, batches.room.empty) == (6, 960, False)
    assert batches.fits(segment(6))
    assert not batches.fits(segment(7))
    assert not batches.fits(segment(1, size=961))


def test_empty_batch_takes_anything():
    """What is larger than all limits travels alone."""
    assert batcher().fits(segment(1, size=10_000))


def test_record_that_does_not_fit_makes_the_batch_due():
    """A batch goes out when the next record does not fit, though there is room for a smaller."""
    batches = batcher()
    batches.add(segment(1))
    assert not batches.is_due

    batches.mark_full()
    assert batches.is_due

    batches.take()
    batches.add(segment(1))
    assert not batches.is_due


def test_waiting_has_an_end():
    """An unfilled batch is due after its age; an empty one never is."""
    clock = Clock()
    batches = batcher(clock)
    clock.now += 10
    assert not batches.is_due

    batches.add(segment(1))
    clock.now += 1.9
    assert not batches.is_due
    clock.now += 0.2
    assert batches.is_due
