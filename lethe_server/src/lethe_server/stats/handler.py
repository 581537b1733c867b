"""``GET /api/v1/stats``."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final, TypedDict

import msgspec
from marshmallow import ValidationError, fields

from lethe_core.events import ROLES
from lethe_server.answering import answer_json
from lethe_server.errors import InvalidRequest
from lethe_server.keys import IDENTITY, PRICES, STORE
from lethe_server.parameters import (
    Choice,
    LocalTime,
    OwnedParameters,
    Text,
    Zone,
    load_parameters,
    load_span,
    whose,
)
from lethe_server.storage.statistics import PERIODS, ActivityFilter, read_statistics

if TYPE_CHECKING:
    from aiohttp import web

    from lethe_server.storage.statistics import Figures

#: Most groups of an answer.
MAX_GROUPS: Final = 10_000
#: Most dimensions that cross.
MAX_DIMENSIONS: Final = 3
#: Seconds that an answer may take.
SECONDS: Final = 5.0

#: What can be grouped by.
DIMENSIONS: Final = ("tool", "host", "day", "week", "month", "model", "project", "role")


class _Dimensions(fields.String):
    """Names of dimensions, separated by commas."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        names = tuple(super()._deserialize(value, attr, data, **kwargs).split(","))
        if not set(names) <= set(DIMENSIONS):
            raise ValidationError(
                f"must be one or several, with commas, of {', '.join(DIMENSIONS)}"
            )
        if len(set(names)) < len(names):
            raise ValidationError("names a dimension twice")
        if len(names) > MAX_DIMENSIONS:
            raise ValidationError(f"names more than {MAX_DIMENSIONS} dimensions")
        if len(PERIODS.keys() & set(names)) > 1:
            raise ValidationError("names more than one of day, week and month")
        return names


class StatsParameters(OwnedParameters):
    """Query of the statistics."""

    repeatable = frozenset({"group_by"})

    group_by = _Dimensions(
        load_default=(), metadata={"description": "Dimensions that cross, with commas or repeated."}
    )
    since = LocalTime(load_default=None, metadata={"description": "At or after this time."})
    until = LocalTime(load_default=None, metadata={"description": "Before this time."})
    tz = Zone(load_default=dt.UTC, metadata={"description": "Time zone of days and dates."})
    tool = Text(load_default=None, metadata={"description": "Only this tool."})
    host = Text(load_default=None, metadata={"description": "Only this host."})
    project = Text(
        load_default=None, metadata={"description": "Working directory, whole or its last parts."}
    )
    model = Text(load_default=None, metadata={"description": "Only turns of this model."})
    role = Choice(*ROLES, load_default=None, metadata={"description": "Only turns of this role."})


STATS_PARAMETERS: Final = StatsParameters()


class FiguresAnswer(msgspec.Struct):
    """Sums of some turns."""

    sessions: int
    turns: int
    tokens_in: int
    tokens_out: int
    cache_read: int
    cache_write: int
    reasoning: int
    cost_usd: float | None
    cost_estimate_usd: float | None


class SourceAnswer(msgspec.Struct):
    """Where prices come from."""

    source: str
    as_of: str


class EstimateAnswer(msgspec.Struct):
    """What the estimates are made of, and which models have none."""

    sources: list[SourceAnswer]
    unpriced: list[str | None]


class StatsAnswer(TypedDict):
    """Sums; each group carries its dimensions beside the figures."""

    group_by: list[str]
    since: float | None
    until: float | None
    tz: str
    totals: FiguresAnswer
    groups: list[dict[str, Any]]
    estimate: EstimateAnswer


def _answer_figures(figures: Figures, estimate: float | None) -> FiguresAnswer:
    return FiguresAnswer(*figures[:-1], cost_usd=figures.cost_usd, cost_estimate_usd=estimate)


async def stats(request: web.Request) -> web.Response:
    """Answer sums over turns, in all and by group."""
    asked = load_parameters(request, STATS_PARAMETERS)
    zone: dt.tzinfo = asked.pop("tz")
    owner = whose(asked, request[IDENTITY])
    del asked["owner"]
    dimensions: tuple[str, ...] = asked.pop("group_by")
    wanted = ActivityFilter(**asked | load_span(asked, zone))

    found = await request.app[STORE].query(
        lambda connection: read_statistics(
            connection,
            owner,
            wanted,
            dimensions=dimensions,
            zone=zone,
            limit=MAX_GROUPS + 1,
        ),
        SECONDS,
    )
    if len(found.groups) > MAX_GROUPS:
        raise InvalidRequest(
            f"gives more than {MAX_GROUPS} groups",
            parameter="group_by",
            hint="ask for a shorter time, or for fewer dimensions",
        )
    estimates = request.app[PRICES]().estimate(found.uses)
    answer: StatsAnswer = {
        "group_by": list(dimensions),
        "since": wanted.since,
        "until": wanted.until,
        "tz": str(zone),
        "totals": _answer_figures(found.totals, estimates.total),
        "groups": [
            dict(zip(dimensions, group.values, strict=True))
            | msgspec.to_builtins(_answer_figures(group.figures, estimates.costs.get(group.values)))
            for group in found.groups
        ],
        "estimate": EstimateAnswer(
            [SourceAnswer(*source) for source in estimates.sources], estimates.unpriced
        ),
    }
    return answer_json(answer)
