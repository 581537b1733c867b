"""Moments, in the time of this machine: as people type them, and as they are shown."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

_SECONDS: Final = re.compile(r"[0-9.]+")


def unix_seconds(text: str) -> str:
    """Write a moment so that no server takes it for one of another time zone.

    Args:
        text: a date or time of ISO 8601.

    Returns:
        Unix seconds if it is one of this machine. What names its offset, is a number or no moment
        stays as it is: the server knows it, or refuses it.
    """
    if _SECONDS.fullmatch(text):
        return text  # "20261001" could be a date, too
    try:
        moment = dt.datetime.fromisoformat(text)
        # Nothing was written before 1970, and the day on which that began is a date, too.
        return text if moment.tzinfo else f"{max(0.0, moment.timestamp()):.6f}"
    except (ValueError, OverflowError, OSError):
        return text


def local_time(seconds: float | None) -> str:
    """Write a moment as people of this machine read it.

    Args:
        seconds: Unix time.
    """
    if seconds is None:
        return ""
    return f"{dt.datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M}"


def iso_time(seconds: float | None) -> str:
    """Write a moment for programs: ISO 8601, in UTC.

    Args:
        seconds: Unix time.
    """
    if seconds is None:
        return ""
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
