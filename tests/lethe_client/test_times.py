"""Moments in the time of this machine."""

from __future__ import annotations

import pytest

from lethe_client.times import unix_seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-07-03", "1751468400.000000"),
        ("2025-07-03T12:30", "1751513400.000000"),
        ("2025-07-03 12:30:00.25", "1751513400.250000"),
        ("2025-07-03T12:30Z", "2025-07-03T12:30Z"),
        ("2025-07-03T12:30+02:00", "2025-07-03T12:30+02:00"),
        ("20250703", "20250703"),
        ("1751457600.5", "1751457600.5"),
        ("yesterday", "yesterday"),
        ("0001-01-01", "0001-01-01"),
        ("1970-01-01", "0.000000"),
    ],
)
def test_moments_of_this_machine(zone, text, expected):
    """A date or time without an offset is of this machine; all else is left to the server."""
    zone("Asia/Tokyo")

    assert unix_seconds(text) == expected


def test_a_day_that_begins_late(zone):
    """Where clocks are changed at midnight, a day begins when it does."""
    zone("America/Asuncion")

    assert unix_seconds("2023-10-01") == "1696132800.000000"
