r"""Logs: one event is one line, for people or as JSON, never longer than 8 KiB.

* Everything goes through loguru; records of the standard library's loggers are handed to it.
* Whatever a message or field holds cannot forge a line or move a terminal's cursor: control
  characters, line separators and bidirectional overrides are written as escapes (``\n``,
  ``\x1b``, ``\u202e``).
* An exception is told by its type and the places it came through. Values of variables are never
  shown, and the text of an error only if lethe worded it: others may quote a transcript.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

from loguru import logger

from lethe_core.errors import LetheError
from lethe_core.limits import KIB

if TYPE_CHECKING:
    from collections.abc import Callable

    from loguru import Message, Record

LogFormat = Literal["human", "json"]

#: Longest line of a log, in bytes, its end not counted.
MAX_LOG_LINE_BYTES: Final = 8 * KIB
LEVELS: Final = ("debug", "info", "warning", "error")

_MAX_FIELD_CHARACTERS: Final = 2 * KIB
_MAX_FRAMES: Final = 12
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def configure_logs(
    *, level: str = "info", form: LogFormat = "human", stream: TextIO | None = None
) -> None:
    """Send all logs of this process to one stream.

    Args:
        level: the least level that is written, one of `LEVELS`.
        form: ``human`` or ``json``.
        stream: where to; standard error if `None`.
    """
    out = stream if stream is not None else sys.stderr
    render = render_json if form == "json" else render_human

    def write(message: Message) -> None:
        out.write(render(message.record) + "\n")
        out.flush()

    logger.remove()
    # `diagnose` would print the values of local variables, tokens among them.
    logger.add(write, level=level.upper(), format="{message}", backtrace=False, diagnose=False)
    logging.basicConfig(handlers=[_Intercept()], level=level.upper(), force=True)
    logging.captureWarnings(capture=True)


def escape(text: str) -> str:
    """Make a text safe for a line of a log and for a terminal.

    Args:
        text: anything.
    """
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def render_human(record: Record) -> str:
    """Write a record as people read it: time, level, message, ``key=value`` pairs.

    Args:
        record: what loguru hands to a sink.
    """
    time = record["time"].isoformat(sep=" ", timespec="milliseconds")
    pairs = [f" {escape(key)}={_quote(value)}" for key, value in _fields(record).items()]
    line = f"{time} {record['level'].name:<7} {_shorten(escape(record['message']))}{''.join(pairs)}"
    return _bound(line)


def render_json(record: Record) -> str:
    """Write a record as one JSON object in ASCII.

    Args:
        record: what loguru hands to a sink.
    """
    limit = _MAX_FIELD_CHARACTERS
    while len(line := _encode(record, limit)) > MAX_LOG_LINE_BYTES and limit:
        limit //= 2  # an escape takes up to twelve bytes, so that it cannot be computed at once
    return line[:MAX_LOG_LINE_BYTES]


def _encode(record: Record, limit: int) -> str:
    def shorten(value: object) -> str:
        return _shorten(value if isinstance(value, str) else str(value), limit)

    fields = {
        key: shorten(value) if isinstance(value, str) else value
        for key, value in _fields(record).items()
    }
    head = {
        "time": record["time"].isoformat(timespec="milliseconds"),
        "level": record["level"].name.lower(),
        "message": shorten(record["message"]),
    }
    return json.dumps(head | fields, default=shorten)


def _fields(record: Record) -> dict[str, Any]:
    fields = {key: value for key, value in record["extra"].items() if value is not None}
    exception = record["exception"]
    if exception is not None and exception.value is not None:
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
    text = _shorten(escape(value if isinstance(value, str) else str(value)))
    return json.dumps(text, ensure_ascii=False) if not text or re.search(r"[\s\"=]", text) else text


def _shorten(text: str, limit: int = _MAX_FIELD_CHARACTERS) -> str:
    return text if len(text) <= limit else f"{text[:limit]}..."


def _bound(line: str) -> str:
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
