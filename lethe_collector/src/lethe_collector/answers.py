"""What an answer of the server means.

| answer | verdict |
|---|---|
| 200, JSON, `received` is what was sent, `accepted` + errors make it up | `Ack` |
| 413 | `Shrink`: send less at once; whether lethe says it tells what a single line is worth |
| 400, 422 of lethe (problem+json) | `Reject`: one of the lines is at fault |
| 401, 403 | `Keep` AUTH: retried, and somebody must mend it |
| 408, 429, 500 and above | `Keep` UNAVAILABLE: retried |
| 400 `WIRE_VERSION`, 415 | `Keep` WIRE_VERSION: retried, and one end must be upgraded |
| all else: 204, redirects, a page of a proxy, torn JSON | `Keep` NOT_LETHE |

Nothing but `Ack` moves a cursor. A 415 speaks of the encoding of the body and not of a record, and
a 400 that is not worded as lethe words it comes from something in between: neither is held against
the records.
"""

from __future__ import annotations

import email.utils
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

from lethe_collector.batches import LineRefusal

if TYPE_CHECKING:
    from collections.abc import Mapping

ServerState = Literal[
    "OK",
    "UNREACHABLE",
    "UNAVAILABLE",
    "AUTH",
    "NOT_LETHE",
    "WIRE_VERSION",
    "OTHER_ARCHIVE",
    "STATE_UNWRITABLE",
]

#: Longest wait that a server may ask for, in seconds.
MAX_RETRY_AFTER: Final = 3600.0

HINTS: Final[Mapping[ServerState, str]] = {
    "OK": "",
    "UNREACHABLE": "check server.url, the network, and that the server runs",
    "UNAVAILABLE": "look into the server's log and its /readyz",
    "AUTH": "make a new token with `lethe-server token create` and write it to server.token_file",
    "NOT_LETHE": "server.url does not lead to lethe: check it, and the proxy in between",
    "WIRE_VERSION": "upgrade the older of collector and server",
    "OTHER_ARCHIVE": "check that server.url leads to one server, and that to one database",
    "STATE_UNWRITABLE": "make room on the disk of state_dir, and check who may write there",
}

_PROBLEM: Final = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer as it came.

    Args:
        status: the HTTP status code.
        headers: with names in lower case.
        body: its beginning.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Ack:
    """The server has the lines.

    Args:
        refusals: those that it never takes.
        mark: of the archive behind this request (`lethe_collector.marks`).
        mark_known: whether it has all up to the mark that was shown.
    """

    refusals: tuple[LineRefusal, ...] = ()
    mark: str = ""
    mark_known: bool = True


@dataclass(frozen=True, slots=True)
class Shrink:
    """The request was too large.

    Args:
        by_lethe: whether lethe says so, and not what stands in between.
    """

    by_lethe: bool = False


@dataclass(frozen=True, slots=True)
class Reject:
    """A line of the request is at fault; the server does not say which."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Keep:
    """The lines are kept and sent again.

    Args:
        state: what is the matter.
        detail: for people.
        retry_after: seconds that the server asks for.
    """

    state: ServerState
    detail: str
    retry_after: float | None = None


Verdict = Ack | Shrink | Reject | Keep


class _Error(msgspec.Struct):
    line: int
    code: str
    error: str = ""


class _AckBody(msgspec.Struct):
    received: int
    accepted: int
    errors: list[_Error] = []
    mark: Annotated[str, msgspec.Meta(pattern=r"^[!-~]{0,128}$(?!\n)")] = ""
    mark_known: bool = True


class _Problem(msgspec.Struct):
    code: str
    detail: str = ""


_decode_ack = msgspec.json.Decoder(_AckBody).decode
_decode_problem = msgspec.json.Decoder(_Problem).decode


def classify(answer: Answer, sent: int) -> Verdict:  # noqa: PLR0911 - a return for each row above
    """Tell what an answer means for the lines that were sent.

    Args:
        answer: of the server, or of whatever answers in its place.
        sent: how many lines the request had.
    """
    status = answer.status
    if status == HTTPStatus.OK:
        return _read_ack(answer, sent)
    problem = _read_problem(answer)
    detail = f"{status} {problem.code if problem else _phrase(status)}"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Keep("AUTH", detail, _retry_after(answer))
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Shrink(by_lethe=problem is not None)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in (
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    ):
        return Keep("UNAVAILABLE", detail, _retry_after(answer))
    if problem and (status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE or problem.code == "WIRE_VERSION"):
        return Keep("WIRE_VERSION", detail)
    if problem and status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
        return Reject(problem.code, problem.detail)
    return Keep("NOT_LETHE", detail)


def _read_ack(answer: Answer, sent: int) -> Verdict:
    if _content_type(answer) != "application/json":
        return Keep("NOT_LETHE", "200, but no JSON")
    try:
        body: Any = _decode_ack(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Keep("NOT_LETHE", "200, but no acknowledgement")
    if body.received != sent or body.accepted < 0:
        return Keep("NOT_LETHE", f"200, but {body.received} of {sent} lines were received")
    if body.accepted + len(body.errors) != body.received:
        return Keep("NOT_LETHE", "200, but its figures contradict each other")
    lines = {error.line for error in body.errors}
    if len(lines) != len(body.errors) or not all(1 <= line <= sent for line in lines):
        return Keep("NOT_LETHE", "200, but it refuses lines that were not sent")
    refusals = (LineRefusal(error.line - 1, error.code, error.error) for error in body.errors)
    return Ack(tuple(refusals), body.mark, body.mark_known)


def _read_problem(answer: Answer) -> _Problem | None:
    if _content_type(answer) != _PROBLEM:
        return None
    try:
        return _decode_problem(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _content_type(answer: Answer) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "unknown status"


def _retry_after(answer: Answer) -> float | None:
    """Read ``Retry-After``: seconds or a date; what makes no sense counts as absent."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), MAX_RETRY_AFTER)
    date = _read_date(text)
    if date is None:
        return None
    # The server's own clock is the one to compare with; ours may be wrong.
    now = _read_date(answer.headers.get("date", "")) or datetime.now(UTC)
    seconds = (date - now).total_seconds()
    return min(seconds, MAX_RETRY_AFTER) if seconds > 0 else None


def _read_date(text: str) -> datetime | None:
    try:
        date = email.utils.parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
