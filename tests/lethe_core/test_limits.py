"""The bounds fit into each other."""

from __future__ import annotations

import re

import pytest

from lethe_core import limits


@pytest.mark.promise("P10", "P13")
def test_bounds_nest():
    """One event fits into a batch, a batch into a request, a kept part into an event."""
    assert limits.MAX_UNMAPPED_RAW_BYTES * 6 < limits.MAX_EVENT_BYTES
    assert limits.MAX_EVENT_BYTES < limits.MAX_BATCH_BYTES < limits.MAX_REQUEST_BYTES
    assert limits.MAX_EVENT_BYTES < limits.MAX_LINE_BYTES
    assert limits.MAX_BATCH_LINES < limits.MAX_REQUEST_LINES


def test_integers_are_exact_everywhere():
    """`seq` is exact as a float, and room is left for generations of large files."""
    assert float(limits.MAX_SEQ) == limits.MAX_SEQ
    assert int(float(limits.MAX_SEQ)) == limits.MAX_SEQ
    assert limits.MAX_SEQ // 2**42 > 2000


@pytest.mark.promise("A6")
@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (limits.NAME_PATTERN, ["a", "A.b_c-9", "a" * 64], ["", ".a", "a b", "a\n", "é", "a" * 65]),
        (limits.SESSION_ID_PATTERN, ["9", "a" * 200], ["-a", "a/b", "..", "a\n", "a" * 201]),
        (limits.KEY_PATTERN, ["!", "msg_1:req_1", "k" * 256], ["", " ", "a b", "k\n", "k" * 257]),
    ],
)
def test_patterns_match_names_alone(pattern, good, bad):
    """A name is short, holds no separators of paths, and no newline behind it."""
    assert [text for text in good if not re.match(pattern, text)] == []
    assert [text for text in bad if re.match(pattern, text)] == []
