"""Points in time as people write them."""

from __future__ import annotations

import contextlib
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe_server.errors import InvalidRequest
from lethe_server.search.dates import parse_moment

BERLIN = ZoneInfo("Europe/Berlin")
#: A Friday; the clocks went back on 25 October.
NOW = datetime(2026, 11, 20, 15, 30, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-10-01", "2026-10-01T00:00+02:00"),
        ("2026-1-5", "2026-01-05T00:00+01:00"),
        ("2026-10", "2026-10-01T00:00+02:00"),
        ("2026", "2026-01-01T00:00+01:00"),
        ("2026-10-01T12:00", "2026-10-01T12:00+02:00"),
        ("2026-10-01 9:05:30.25", "2026-10-01T09:05:30.25+02:00"),
        ("2026-10-01T12:00Z", "2026-10-01T12:00+00:00"),
        ("2026-10-01 12:00 +0530", "2026-10-01T12:00+05:30"),
        ("1760000000", "2025-10-09T08:53:20+00:00"),
        ("now", "2026-11-20T15:30+01:00"),
        ("today", "2026-11-20T00:00+01:00"),
        ("Yesterday", "2026-11-19T00:00+01:00"),
        ("friday", "2026-11-20T00:00+01:00"),
        ("last friday", "2026-11-13T00:00+01:00"),
        ("tuesday", "2026-11-17T00:00+01:00"),
        ("last  tue", "2026-11-17T00:00+01:00"),
        ("this week", "2026-11-16T00:00+01:00"),
        ("last week", "2026-11-09T00:00+01:00"),
        ("last month", "2026-10-01T00:00+02:00"),
        ("last year", "2025-01-01T00:00+01:00"),
        ("october", "2026-10-01T00:00+02:00"),
        ("december", "2025-12-01T00:00+01:00"),
        ("november", "2026-11-01T00:00+01:00"),
        ("last november", "2025-11-01T00:00+01:00"),
        ("7d", "2026-11-13T15:30+01:00"),
        ("2h", "2026-11-20T13:30+01:00"),
        ("90 minutes ago", "2026-11-20T14:00+01:00"),
        ("3 weeks ago", "2026-10-30T15:30+01:00"),
        ("1 month ago", "2026-10-20T15:30+02:00"),
        ("2y", "2024-11-20T15:30+01:00"),
    ],
)
def test_moments_are_of_the_askers_time_zone(text, moment):
    """A day begins at midnight where the asker is, in summer and in winter."""
    assert parse_moment(text, NOW) == datetime.fromisoformat(moment).timestamp()


def test_elapsed_days_have_24_hours():
    """Counting back over the end of summer time counts hours, not readings of the clock."""
    assert parse_moment("30d", NOW) == NOW.timestamp() - 30 * 86_400


def test_month_of_31_days_ago():
    """A month ago is the last day of a shorter month."""
    end = datetime(2026, 3, 31, 12, tzinfo=BERLIN)

    assert parse_moment("1 month ago", end) == datetime(2026, 2, 28, 12, tzinfo=BERLIN).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026-13-01",
        "2026-02-30",
        "0000",
        "9999y",
        "last",
        "next friday",
        "fr",
        "7 parsecs",
        "last now",
        "25:00",
        "2026-10-01T25:00",
        "12",
    ],
)
def test_what_is_no_time_is_refused(text):
    """A wrong date is told, with examples of right ones."""
    with pytest.raises(InvalidRequest) as refused:
        parse_moment(text, NOW)

    assert "2026-10-01" in refused.value.hint


@given(st.text(alphabet="0123456789-:dwmyago last TtZz+.", max_size=24))
def test_any_text_is_a_moment_or_refused(text):
    """No text breaks the reading of dates."""
    with contextlib.suppress(InvalidRequest):
        assert isinstance(parse_moment(text, NOW), float)
