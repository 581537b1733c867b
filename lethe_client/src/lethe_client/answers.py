"""What the server answers, as far as the commands need it.

Other members may be there: a newer server may tell more. A reply is checked when it comes, so that
what is no answer of lethe's is said to be none, and is not stumbled over later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Generic, NotRequired, TypedDict, TypeVar

from msgspec import Meta

from lethe_core.limits import MAX_TIMESTAMP

#: Unix seconds.
Moment = Annotated[float, Meta(ge=0, le=MAX_TIMESTAMP)]


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """An answer of the server.

    Args:
        body: JSON, as it came.
        values: what it holds, of one of the shapes below.
    """

    body: bytes
    values: T


class Problem(TypedDict):
    """Why the server does not do what was asked."""

    detail: str
    code: str
    hint: NotRequired[str]


class Total(TypedDict):
    """How many hits there are."""

    value: int
    relation: str


class Hit(TypedDict):
    """A turn that was found."""

    timestamp: Moment | None
    tool: str
    host: str
    session_id: str
    turn_id: str
    role: str
    snippet: str


class Hits(TypedDict):
    """The answer to a search."""

    results: list[Hit]
    total: Total


class Session(TypedDict):
    """A session with its figures."""

    tool: str
    host: str
    session_id: str
    title: str | None
    working_dir: str | None
    started_at: Moment | None
    last_activity: Moment | None
    turns: int
    tool_calls: int
    tokens_in: int
    tokens_out: int
    models: list[str]
    parent_session_id: str | None
    relation: str | None


class Sessions(TypedDict):
    """A list of sessions."""

    sessions: list[Session]
    total: int


class Call(TypedDict):
    """A call of a tool."""

    output: NotRequired[str | None]


class Turn(TypedDict):
    """A turn."""

    role: str
    timestamp: Moment | None
    content: str
    tool_calls: list[Call]
    metadata: dict[str, Any]
    removed: NotRequired[str | None]


class Page(TypedDict):
    """A session and some of its turns."""

    session: Session
    resume_command: NotRequired[str | None]
    turns: list[Turn]
    next: int | None


class Figures(TypedDict):
    """Sums of some turns; those of a group have its names, too."""

    sessions: int
    turns: int
    tokens_in: int
    tokens_out: int
    cache_read: int
    cache_write: int
    cost_usd: float | None
    cost_estimate_usd: NotRequired[float | None]


class Stats(TypedDict):
    """Sums by group, and of all."""

    group_by: list[str]
    groups: list[Figures]
    totals: Figures
