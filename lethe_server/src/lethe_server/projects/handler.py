"""``GET /api/v1/projects``."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, TypedDict

import msgspec

from lethe_server.answering import answer_json
from lethe_server.keys import IDENTITY, STORE
from lethe_server.parameters import (
    Choice,
    LocalTime,
    OwnedParameters,
    Text,
    Whole,
    Zone,
    load_parameters,
    load_span,
    whose,
)
from lethe_server.projects.joining import Workplace, join_workplaces
from lethe_server.storage import ActivityFilter, read_workplaces

if TYPE_CHECKING:
    from aiohttp import web

    from lethe_server.projects.joining import Project

#: Projects of a page, if nothing else is asked for, and at most.
DEFAULT_LIMIT: Final = 200
MAX_LIMIT: Final = 1000
MAX_OFFSET: Final = 10_000_000
#: Seconds that an answer may take.
SECONDS: Final = 5.0


class ProjectsParameters(OwnedParameters):
    """Query of the projects."""

    join = Choice(
        "none",
        "directory",
        "repository",
        load_default="none",
        metadata={"description": "What makes directories of several hosts one project."},
    )
    since = LocalTime(load_default=None, metadata={"description": "Turns at or after this time."})
    until = LocalTime(load_default=None, metadata={"description": "Turns before this time."})
    tz = Zone(load_default=dt.UTC, metadata={"description": "Time zone of dates."})
    tool = Text(load_default=None, metadata={"description": "Only this tool."})
    host = Text(load_default=None, metadata={"description": "Only this host."})
    limit = Whole(1, MAX_LIMIT, load_default=DEFAULT_LIMIT)
    offset = Whole(0, MAX_OFFSET, load_default=0)


PROJECTS_PARAMETERS: Final = ProjectsParameters()


class DirectoryAnswer(msgspec.Struct):
    """A directory of a project."""

    host: str
    working_dir: str | None
    owner: str | msgspec.UnsetType = msgspec.UNSET


class ProjectAnswer(msgspec.Struct):
    """A project with its sums; tokens count each API reply once."""

    project: str | None
    repository: str | None
    sessions: int
    turns: int
    tokens_in: int
    tokens_out: int
    cache_read: int
    cache_write: int
    reasoning: int
    cost_usd: float | None
    tools: list[str]
    hosts: list[str]
    directories: list[DirectoryAnswer]
    last_activity: float | None


class ProjectList(TypedDict):
    """A page of projects."""

    projects: list[ProjectAnswer]
    limit: int
    offset: int
    total: int


async def list_projects(request: web.Request) -> web.Response:
    """Answer projects, those with the latest activity first."""
    asked = load_parameters(request, PROJECTS_PARAMETERS)
    span = load_span(asked, asked["tz"])
    wanted = ActivityFilter(
        since=span["since"], until=span["until"], tool=asked["tool"], host=asked["host"]
    )
    owner = whose(asked, request[IDENTITY])

    groups = await request.app[STORE].query(
        lambda connection: read_workplaces(connection, owner, wanted), SECONDS
    )
    projects = join_workplaces(
        ((Workplace._make(each.values), each.figures, each.last_activity) for each in groups),
        asked["join"],
    )
    begin = asked["offset"]
    answer: ProjectList = {
        "projects": [
            _answer_project(each, owned=owner is None)
            for each in projects[begin : begin + asked["limit"]]
        ],
        "limit": asked["limit"],
        "offset": begin,
        "total": len(projects),
    }
    return answer_json(answer)


def _answer_project(project: Project, *, owned: bool) -> ProjectAnswer:
    figures = project.figures
    return ProjectAnswer(
        project=project.directory,
        repository=project.repository,
        sessions=figures.sessions,
        turns=figures.turns,
        tokens_in=figures.tokens_in,
        tokens_out=figures.tokens_out,
        cache_read=figures.cache_read,
        cache_write=figures.cache_write,
        reasoning=figures.reasoning,
        cost_usd=figures.cost_usd,
        tools=sorted(project.tools),
        hosts=project.hosts,
        directories=[
            DirectoryAnswer(each.host, each.path, each.owner if owned else msgspec.UNSET)
            for each in sorted(project.directories, key=lambda x: (x.host, x.path or "", x.owner))
        ],
        last_activity=project.last_activity,
    )
