"""Small steps that the mapping of most tools needs, so that each plugin is mapping alone.

All of them take what a tool wrote, which may be of any type, and never raise on it: what is not
as expected gives the empty value, since a field that cannot be read must not cost the turn.
"""

from __future__ import annotations

import hashlib
import math
import re
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from lethe_core.limits import (
    KEY_PATTERN,
    MAX_INTEGER,
    MAX_TIMESTAMP,
    MAX_UNMAPPED_RAW_BYTES,
)

_KEY = re.compile(KEY_PATTERN)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_SESSION_ID_LENGTH: Final = 200
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_./-]{0,63}\Z")
_LONG_NUMBER = re.compile(r"[0-9]{19}")
_DATA_URL = re.compile(r"data:([A-Za-z0-9.+/-]{1,100})(?:;[^;,]{0,100})*;base64,")
#: Numbers above it are milliseconds: as seconds they would lie beyond the year 5000.
_MILLISECONDS: Final = 1e11
_MAX_CALL_LINE: Final = 200
_MOST_TOLD: Final = 12
#: The argument that says best what a call does, by name, the first that is there.
_MAIN_ARGUMENTS: Final = (
    "command",
    "cmd",
    "file_path",
    "filePath",
    "path",
    "pattern",
    "query",
    "url",
    "prompt",
    "description",
)


def unix_time(value: Any) -> float | None:
    """Read a point in time as Unix seconds.

    Args:
        value: ISO 8601 text (without a zone it is UTC), or a number of seconds or milliseconds.

    Returns:
        The seconds; `None` if it is no time, or one that the wire cannot carry.
    """
    match value:
        case str():
            try:
                moment = datetime.fromisoformat(value)
                seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
            except (ValueError, OverflowError):
                return None
        case bool():
            return None
        case int() | float():
            try:
                seconds = float(value)
            except OverflowError:  # JSON bounds no integer, a float is bounded
                return None
            if seconds > _MILLISECONDS:
                seconds /= 1000
        case _:
            return None
    return seconds if math.isfinite(seconds) and 0 <= seconds <= MAX_TIMESTAMP else None


def count(value: Any) -> int:
    """Read a number of tokens or bytes; 0 if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    if isinstance(value, float) and not math.isfinite(value):
        return 0
    return min(max(int(value), 0), MAX_INTEGER)


def price(value: Any) -> float | None:
    """Read a price that a tool reports; `None` if it is none, or one that the wire cannot carry."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        amount = float(value)
    except OverflowError:
        return None
    return amount if math.isfinite(amount) and amount >= 0 else None


def text(value: Any) -> str:
    """Return a text, and the empty one for everything else."""
    return value if isinstance(value, str) else ""


def as_text(value: Any) -> str:
    """Return a text as it is, nothing for nothing, and any other value as the JSON it is.

    Args:
        value: what a tool answered, which is a text unless a newer version writes it otherwise.
    """
    if isinstance(value, str):
        return value
    return "" if value in (None, [], {}) else msgspec.json.encode(value).decode()


def unknown_block(block: Any) -> dict[str, Any]:
    """Make the metadata of what a parser does not know: it is kept as it stands.

    Args:
        block: a part of a message, or several; above 64 KiB its beginning is kept.
    """
    raw = msgspec.json.encode(block)
    if len(raw) <= MAX_UNMAPPED_RAW_BYTES:
        return {"block": block}
    head = raw[:MAX_UNMAPPED_RAW_BYTES].decode("utf-8", "ignore")
    return {"block_head": head, "block_bytes": len(raw)}


def wire_key(value: Any) -> str:
    """Return an id of the tool if the wire takes it as a turn id or usage key, else nothing."""
    return value if isinstance(value, str) and _KEY.match(value) else ""


def clean_session_id(name: str) -> str:
    """Make a valid session id of a name: unsafe characters become ``-``, the length is bounded.

    Args:
        name: any text, such as a file name.
    """
    cleaned = _UNSAFE.sub("-", name).lstrip("._-")
    if len(cleaned) > _SESSION_ID_LENGTH or not cleaned:
        digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8)
        cleaned = f"{cleaned[: _SESSION_ID_LENGTH - 17]}-{digest.hexdigest()}".lstrip("-")
    return cleaned


def skip_word(what: str, name: Any) -> str:
    """Name a kind of record that is no turn; a name that may be content is left out.

    Args:
        what: such as ``record``.
        name: the tool's own word for the kind.
    """
    return f"{what} {name}" if isinstance(name, str) and _WORD.match(name) else f"unknown {what}"


def decoded_arguments(value: Any) -> Any:
    """Decode arguments of a call that the tool wrote as a text of JSON; else give them as is.

    With integers that the wire may not carry, they stay the text they are.
    """
    if not isinstance(value, str) or _LONG_NUMBER.search(value):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return value


def call_line(name: str, arguments: Any) -> str:
    """Say in one short line what a call does: ``Bash: pytest -q``.

    Args:
        name: the tool's name.
        arguments: what it was called with.
    """
    main = _main_argument(arguments) if isinstance(arguments, dict) else arguments
    if isinstance(main, list):
        main = " ".join(part for part in main if isinstance(part, str))
    first = " ".join(text(main)[: 2 * _MAX_CALL_LINE].split())
    line = f"{name}: {first}" if first else name
    return line if len(line) <= _MAX_CALL_LINE else f"{line[: _MAX_CALL_LINE - 1]}…"


def _main_argument(arguments: dict[str, Any]) -> Any:
    for key in _MAIN_ARGUMENTS:
        if key in arguments and _is_line(arguments[key]):
            return arguments[key]
    return next(filter(_is_line, arguments.values()), "")


def data_url_image(url: Any) -> dict[str, Any] | None:
    """Make an attachment of an image that stands in a ``data:`` URL; `None` if it is no such."""
    if not isinstance(url, str) or not (head := _DATA_URL.match(url)):
        return None
    return image(head[1], url[head.end() :])


def image(media_type: str, data: str) -> dict[str, Any]:
    """Make an attachment of an image.

    Args:
        media_type: such as ``image/png``.
        data: its bytes in base64.
    """
    size = len(data) * 3 // 4 - data[-2:].count("=")
    return {"type": "image", "media_type": media_type, "data": data, "bytes": max(size, 0)}


def first_telling(state: dict[str, Any], teller: str, words: str) -> bool:
    """Say whether a text is told for the first time, for tools that write most things twice.

    Some write a prompt once for the eye and once for the model, in either order. The first one
    becomes the turn. A text that *another* teller told before is a repetition, and is then
    forgotten: the same words may well be said again.

    Args:
        state: `Line.state`; the last dozen texts are kept in it, as short marks.
        teller: which of the streams tells it, in a letter or two.
        words: the text; white space does not count.
    """
    digest = hashlib.blake2b("".join(words.split()).encode(), digest_size=6).hexdigest()
    told: list[str] = state.get("told", [])
    for mark in told:
        before, _, known = mark.partition(":")
        if known == digest and before != teller:
            told.remove(mark)
            return False
    state["told"] = [*told[1 - _MOST_TOLD :], f"{teller}:{digest}"]
    return True


def _is_line(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(part, str) for part in value)
    return isinstance(value, str) and bool(value.strip())
