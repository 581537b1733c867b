r"""Logs: one event is one line, for people or as JSON, never longer than 8 KiB.

* Everything goes through loguru; records of the standard library's loggers are handed to it.
* Whatever a message or field holds cannot forge a line or move a terminal's cursor: control
  characters, line separators and bidirectional overrides are written as escapes (``\n``,
  ``\x1b``, ``\u202e``).
* An exception is told by its type and the places it came through. Values of variables are never
  shown, and the text of an error only if lethe worded it: others may quote a transcript.
* What happens with every request goes past loguru, by `log_many`, into the same lines.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import sys
import threading
import traceback
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

from loguru import logger

from lethe_core.errors import LetheError
from lethe_core.limits import KIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from loguru import Message, Record

#: What every line tells besides, while a request is handled for instance. It is set and reset with
#: each of them, so it is no context manager: one of loguru costs twenty times as much.
CONTEXT: Final[ContextVar[Mapping[str, object]]] = ContextVar("log", default=MappingProxyType({}))

LogFormat = Literal["human", "json"]

#: Longest line of a log, in bytes, its end not counted.
MAX_LOG_LINE_BYTES: Final = 8 * KIB
LEVELS: Final = ("debug", "info", "warning", "error")

_MAX_FIELD_CHARACTERS: Final = 2 * KIB
_MAX_FRAMES: Final = 12
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_NEEDS_QUOTES: Final = re.compile(r"[\s\"=]")
_LEVEL: Final = "INFO"


class _Often:
    """Where `log_many` writes to: nowhere of its own before the logs are configured."""

    lines: _Lines | None = None
    is_wanted: bool = True


_often: Final = _Often()


def configure_logs(
    *, level: str = "info", form: LogFormat = "human", stream: TextIO | None = None
) -> None:
    """Send all logs of this process to one stream.

    Args:
        level: the least level that is written, one of `LEVELS`.
        form: ``human`` or ``json``.
        stream: where to; standard error if `None`.
    """
    lines = _Lines(stream if stream is not None else sys.stderr, form)
    _often.lines = lines
    _often.is_wanted = LEVELS.index(level) <= LEVELS.index("info")
    logger.remove()
    # `diagnose` would print the values of local variables, tokens among them.
    logger.add(
        lines.write_record, level=level.upper(), format="{message}", backtrace=False, diagnose=False
    )
    logging.basicConfig(handlers=[_Intercept()], level=level.upper(), force=True)
    logging.captureWarnings(capture=True)


def log_many(message: str, events: Iterable[tuple[float, Mapping[str, object]]]) -> None:
    """Log on the level ``info`` what happens so often that loguru's price matters.

    The lines are those of ``logger.bind(**fields).info(message)``, at a fifth of the cost: no
    frame, thread or process is looked up, of which lines tell nothing.

    Args:
        message: of all of them.
        events: Unix seconds, and all that a line tells besides; `None` is left out.
    """
    if _often.lines is None:
        for _, fields in events:
            logger.bind(**fields).info(message)
    elif _often.is_wanted:
        _often.lines.write_many(
            (dt.datetime.fromtimestamp(time, dt.UTC).astimezone(), _LEVEL, message, fields)
            for time, fields in events
        )


class _Lines:
    """Writes lines to a stream, whole ones."""

    def __init__(self, stream: TextIO, form: LogFormat) -> None:
        self._stream = stream
        self._render = render_json if form == "json" else render_human
        self._lock = threading.Lock()

    def write_record(self, message: Message) -> None:
        """Write what loguru hands to a sink."""
        record = message.record
        fields = _fields(record)
        self.write_many([(record["time"], record["level"].name, record["message"], fields)])

    def write_many(
        self, events: Iterable[tuple[dt.datetime, str, str, Mapping[str, object]]]
    ) -> None:
        """Write a line for each event: of its time, level, message and fields."""
        text = "".join(self._render(*event) + "\n" for event in events)
        try:
            with self._lock:
                self._stream.write(text)
                self._stream.flush()
        except (OSError, ValueError):
            return  # nobody reads it any more, which is no reason to fail


def escape(text: str) -> str:
    """Make a text safe for a line of a log and for a terminal.

    Args:
        text: anything.
    """
    if text.isprintable():  # which no unsafe character is; most texts are
        return text
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def render_human(time: dt.datetime, level: str, message: str, fields: Mapping[str, object]) -> str:
    """Write what happened as people read it: time, level, message, ``key=value`` pairs.

    Args:
        time: with an offset.
        level: by name.
        message: what happened.
        fields: of what.
    """
    stamp = time.isoformat(sep=" ", timespec="milliseconds")
    pairs = [
        f" {escape(key)}={_quote(value)}" for key, value in fields.items() if value is not None
    ]
    return _bound(f"{stamp} {level:<7} {_shorten(escape(message))}{''.join(pairs)}")


def render_json(time: dt.datetime, level: str, message: str, fields: Mapping[str, object]) -> str:
    """Write what happened as one JSON object in ASCII.

    Args:
        time: with an offset.
        level: by name.
        message: what happened.
        fields: of what.
    """
    head = {"time": time.isoformat(timespec="milliseconds"), "level": level.lower()}
    limit = _MAX_FIELD_CHARACTERS
    while len(line := _encode(head, message, fields, limit)) > MAX_LOG_LINE_BYTES and limit:
        limit //= 2  # an escape takes up to twelve bytes, so that it cannot be computed at once
    return line[:MAX_LOG_LINE_BYTES]


def _encode(head: Mapping[str, str], message: str, fields: Mapping[str, object], limit: int) -> str:
    def shorten(value: object) -> str:
        return _shorten(value if isinstance(value, str) else str(value), limit)

    told = {
        key: shorten(value) if isinstance(value, str) else value
        for key, value in fields.items()
        if value is not None
    }
    return json.dumps({**head, "message": shorten(message), **told}, default=shorten)


def _fields(record: Record) -> dict[str, Any]:
    fields = {**CONTEXT.get(), **record["extra"]}
    exception = record["exception"]
    if exception is None or exception.value is None:
        return fields
    fields["error"] = type(exception.value).__name__
    if isinstance(exception.value, LetheError):
        fields["reason"] = exception.value.message
    frames = traceback.extract_tb(exception.traceback)[-_MAX_FRAMES:]
    fields["at"] = " < ".join(
        f"{frame.filename.rpartition('site-packages/')[2]}:{frame.lineno} {frame.name}"
        for frame in reversed(frames)
    )
    return fields


def _quote(value: object) -> str:
    if isinstance(value, int | float):
        return str(value)
    text = _shorten(escape(value if isinstance(value, str) else str(value)))
    return json.dumps(text, ensure_ascii=False) if not text or _NEEDS_QUOTES.search(text) else text


def _shorten(text: str, limit: int = _MAX_FIELD_CHARACTERS) -> str:
    return text if len(text) <= limit else f"{text[:limit]}..."


def _bound(line: str) -> str:
    if line.isascii() and len(line) <= MAX_LOG_LINE_BYTES:
        return line
    data = line.encode("utf-8", "backslashreplace")
    if len(data) <= MAX_LOG_LINE_BYTES:
        return line
    return data[: MAX_LOG_LINE_BYTES - 3].decode("utf-8", "ignore") + "..."


class _Intercept(logging.Handler):
    """Hands records of the standard library's loggers to loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level: str | int = logger.level(record.levelname).name
        except ValueError:
            level = record.levelno
        write: Callable[..., None] = (
            logger.bind(logger=record.name).opt(exception=record.exc_info).log
        )
        write(level, "{}", record.getMessage())
