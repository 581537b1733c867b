"""Golden files: equal is silent, a difference is shown, refreshing is one variable."""

from __future__ import annotations

import pytest

from lethe_core import TurnEvent
from lethe_core.testing import assert_golden, format_events


def turn(content):
    """Make a turn."""
    return TurnEvent(tool="toy", session_id="s", turn_id="t", seq=0, role="user", content=content)


@pytest.fixture(autouse=True)
def compare(monkeypatch):
    """Compare, whatever the environment of the run says."""
    monkeypatch.delenv("LETHE_GOLDEN", raising=False)


def test_equal_events_pass(tmp_path):
    """Events that were written are recognised, line separators in texts included."""
    path = tmp_path / "a.events.ndjson"
    path.write_text(format_events([turn("a\u2028b\r\n"), turn("c")]))

    assert_golden([turn("a\u2028b\r\n"), turn("c")], path)


def test_difference_is_shown_by_field(tmp_path):
    """The message names the field that differs, and how to accept it."""
    path = tmp_path / "a.events.ndjson"
    path.write_text(format_events([turn("one"), turn("two")]))

    with pytest.raises(AssertionError) as caught:
        assert_golden([turn("one"), turn("three")], path)

    message = str(caught.value)
    assert '- "content": "two"' in message.replace("-  ", "- ")
    assert '+ "content": "three"' in message.replace("+  ", "+ ")
    assert "LETHE_GOLDEN=refresh" in message


def test_long_differences_are_cut(tmp_path):
    """A whole new mapping does not bury the terminal."""
    path = tmp_path / "a.events.ndjson"
    path.write_text(format_events([turn(f"a{n}") for n in range(500)]))

    with pytest.raises(AssertionError, match=r"\.\.\. \d+ more lines"):
        assert_golden([turn(f"b{n}") for n in range(500)], path)


def test_missing_file_is_told(tmp_path):
    """A golden file that was forgotten fails the test."""
    with pytest.raises(AssertionError, match=r"there is no golden file a\.events\.ndjson"):
        assert_golden([turn("a")], tmp_path / "a.events.ndjson")


def test_refresh_writes(tmp_path, monkeypatch):
    """With the variable set, the file is written and holds the events afterwards."""
    path = tmp_path / "a.events.ndjson"
    monkeypatch.setenv("LETHE_GOLDEN", "refresh")
    assert_golden([turn("a\r\n")], path)
    monkeypatch.delenv("LETHE_GOLDEN")

    assert_golden([turn("a\r\n")], path)
