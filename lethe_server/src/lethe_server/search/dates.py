"""Points in time as people write them: ``2026-10-01``, ``yesterday``, ``"last tuesday"``, ``7d``.

A day, week, month or year stands for its first moment, in the asker's time zone: ``after:october``
is from the first of October on, ``before:yesterday`` is until the day before yesterday ended.
``7d``, ``"3 weeks ago"`` count back from now. A month or weekday without ``last`` is the current
or the most recent one; ``"last tuesday"`` is never today, ``"last october"`` never this month.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from lethe_server.errors import InvalidRequest

_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_SHORTEST_NAME: Final = 3

_UNITS: Final = {
    "s": "second", "sec": "second", "min": "minute", "m": "minute", "h": "hour", "d": "day",
    "w": "week", "mo": "month", "y": "year",
}  # fmt: skip
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}

_AGO: Final = re.compile(r"(\d{1,5})\s*([a-z]+?)s?(?:\s+ago)?")
_DATE: Final = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")
_TIME: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[ t](\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)\s?(z|[+-]\d{2}:?\d{2})?"
)
_UNIX: Final = re.compile(r"\d{9,12}(?:\.\d{1,6})?")

_HINT: Final = 'write 2026-10-01, 2026-10, 7d, yesterday, "last tuesday" or "3 weeks ago"'


def parse_moment(text: str, now: datetime) -> float:
    """Read a point in time.

    Args:
        text: as somebody typed it.
        now: aware; its time zone is the asker's.

    Returns:
        Unix seconds.

    Raises:
        InvalidRequest: it is no point in time.
    """
    words = " ".join(text.lower().split())
    try:
        moment = _named(words, now) or _written(words, now) or _ago(words, now)
        if moment is not None:
            return moment.timestamp()
        if _UNIX.fullmatch(words):
            return float(words)
    except (ValueError, OverflowError):
        pass  # the thirteenth month, the year 0
    raise InvalidRequest("is no date or time", hint=_HINT)


def _named(words: str, now: datetime) -> datetime | None:
    """Read ``today``, ``this week``, ``last tuesday``, ``october``."""
    today = _midnight(now)
    if words == "now":
        return now
    if words in ("today", "yesterday"):
        return _days_before(today, int(words == "yesterday"))
    which, _, unit = words.rpartition(" ")
    if which not in ("", "last", "this"):
        return None
    last = which == "last"
    if which and unit in ("day", "week", "month", "year"):
        return _period(unit, today, back=int(last))
    return _weekday_or_month(unit, today, last=last) if len(unit) >= _SHORTEST_NAME else None


def _weekday_or_month(unit: str, today: datetime, *, last: bool) -> datetime | None:
    for index, name in enumerate(_WEEKDAYS):
        if name.startswith(unit):
            back = (today.weekday() - index) % 7
            return _days_before(today, back or 7 if last else back)
    for month, name in enumerate(_MONTHS, start=1):
        if name.startswith(unit):
            earlier = month > today.month or (last and month == today.month)
            return today.replace(year=today.year - earlier, month=month, day=1)
    return None


def _period(unit: str, today: datetime, *, back: int) -> datetime:
    """Return the first moment of this or an earlier day, week, month or year."""
    if unit == "day":
        return _days_before(today, back)
    if unit == "week":
        return _days_before(today, today.weekday() + 7 * back)
    if unit == "month":
        return _months_before(today.replace(day=1), back)
    return today.replace(year=today.year - back, month=1, day=1)


def _written(words: str, now: datetime) -> datetime | None:
    """Read a year, a month, a day, or a day with a time."""
    if match := _DATE.fullmatch(words):
        year, month, day = (int(number or 1) for number in match.groups())
        return _midnight(now).replace(year=year, month=month, day=day)
    if match := _TIME.fullmatch(words):
        date, time, zone = match.groups()
        moment = datetime.fromisoformat(f"{date}T{'0' if time[1] == ':' else ''}{time}")
        return moment.replace(tzinfo=_zone(zone) or now.tzinfo)
    return None


def _zone(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    return UTC if text == "z" else datetime.strptime(text, "%z").tzinfo


def _ago(words: str, now: datetime) -> datetime | None:
    """Read ``7d``, ``3 weeks ago``."""
    match = _AGO.fullmatch(words)
    if match is None:
        return None
    number, name = int(match[1]), match[2]
    unit = _UNITS.get(name, name)
    if unit in _SECONDS:
        # Elapsed time: a day is 24 hours, also where the clock was changed.
        back = now.astimezone(UTC) - timedelta(seconds=number * _SECONDS[unit])
        return back.astimezone(now.tzinfo)
    if unit in ("month", "year"):
        return _months_before(now, number * (12 if unit == "year" else 1))
    return None


def _months_before(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    for day in range(moment.day, moment.day - 4, -1):  # there is no 31 February
        try:
            return moment.replace(year=year, month=month + 1, day=day)
        except ValueError:
            if not 1 <= year:
                raise
    raise AssertionError("every month has 28 days")


def _days_before(moment: datetime, days: int) -> datetime:
    """Go back by days of the calendar: to the same time of the clock."""
    return moment - timedelta(days=days)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
