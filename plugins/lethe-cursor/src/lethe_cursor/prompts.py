"""What Cursor makes of a prompt: a time, surroundings, and the words in ``<user_query>``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final, NamedTuple

_OPEN: Final = "<user_query>"
_CLOSE: Final = "</user_query>"
_TIME = re.compile(r"<timestamp>([^<]{0,100})</timestamp>\s*")
#: Such as ``Friday, Sep 4, 2026, 2:21 AM (UTC+8)``; without a zone it is no point in time.
_MOMENT = re.compile(
    r"\w+, ([A-Z][a-z]{2}) (\d{1,2}), (\d{4}), (\d{1,2}):(\d{2}) ([AP])M"
    r" \(UTC(?:([+-])(\d{1,2})(?::(\d{2}))?)?\)"
)
_MONTHS: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)


class Prompt(NamedTuple):
    """A prompt, taken apart.

    Args:
        typed: the words of the person; empty if there are none.
        around: what else was sent.
        timestamp: Unix seconds, if it was noted with its zone.
    """

    typed: str
    around: str
    timestamp: float | None


def take_apart(text: str) -> Prompt:
    """Take a user's text apart.

    A text without a frame was typed as it is, unless it begins with a frame of another kind. What
    follows the words, such as ``[Image]``, names what was attached and belongs to them.
    """
    moment = None
    if match := _TIME.search(text):
        moment = _unix_time(match[1])
        text = text[: match.start()] + text[match.end() :]
    start, end = text.find(_OPEN), text.rfind(_CLOSE)
    if 0 <= start < end:
        words = text[start + len(_OPEN) : end].strip()
        behind = text[end + len(_CLOSE) :].strip()
        typed = f"{words}\n{behind}".strip() if words else ""
        return Prompt(typed, text[:start].strip(), moment)
    text = text.strip()
    return Prompt("", text, moment) if text.startswith("<") else Prompt(text, "", moment)


def _unix_time(text: str) -> float | None:
    match = _MOMENT.fullmatch(text.strip())
    if not match or match[1] not in _MONTHS:
        return None
    hour = int(match[4]) % 12 + (12 if match[6] == "P" else 0)
    offset = timedelta(hours=int(match[8] or 0), minutes=int(match[9] or 0))
    try:
        zone = timezone(-offset if match[7] == "-" else offset) if offset else UTC
        month = _MONTHS.index(match[1]) + 1
        day = datetime(int(match[3]), month, int(match[2]), hour, int(match[5]), tzinfo=zone)
        return day.timestamp()
    except (ValueError, OverflowError):
        return None
