"""Batches of a collector, of sources that are read from their beginning."""

from __future__ import annotations

from typing import Any

from lethe_collector.batches import Batch, Segment
from lethe_core.sources import Cursor


def make_segment(row: int, **what: Any) -> Segment:
    """Make the first segment of a source.

    Args:
        row: of the source.
        what: fields of the segment, where they matter.
    """
    usual: dict[str, Any] = {
        "epoch": 0,
        "generation": 0,
        "before": None,
        "before_position": 0,
        "after": Cursor("c"),
        "position": 0,
    }
    return Segment(source_id=row, **usual | what)


def make_batch(row: int, **what: Any) -> Batch:
    """Make a batch of one such segment.

    Args:
        row: of the source.
        what: fields of the segment, where they matter.
    """
    batch = Batch()
    batch.add(make_segment(row, **what))
    return batch
