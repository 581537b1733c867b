"""Which directories are one project.

A project is a directory on a host. On request, equal directories of several hosts are one, or all
directories of one repository, where the sessions in them tell its remote. A directory whose
sessions tell none stands for itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from lethe_server.storage import Figures

if TYPE_CHECKING:
    from collections.abc import Iterable

Join = Literal["none", "directory", "repository"]

_URL: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://)(?:[^/@]*@)?(?P<host>[^/:]+)(?::\d+)?/(?P<path>.+)"
)
#: Stands before a path on the same machine; its last sign is the first of the path.
_LOCAL: Final = "file:///"
_SCP: Final = re.compile(r"(?:[^/@:]+@)?(?P<host>[^/:]{2,}):(?!/)(?P<path>.+)")


class Workplace(NamedTuple):
    """Where one tool was used: one directory of one user on one machine.

    Args:
        repository: as its sessions tell it.
        directory: where they were held.
        owner: whose they are.
        host: on which machine.
        tool: by which tool.
    """

    repository: str | None
    directory: str | None
    owner: str
    host: str
    tool: str


class Directory(NamedTuple):
    """A directory on somebody's machine."""

    owner: str
    host: str
    path: str | None


@dataclass(slots=True)
class Project:
    """Directories that are one project, with their sums.

    Args:
        repository: of them; `None` if it is not known.
        figures: of all.
        last_activity: in any of them.
        tools: that were used.
        directories: with the last activity in each.
    """

    repository: str | None = None
    figures: Figures = field(default_factory=Figures)
    last_activity: float | None = None
    tools: set[str] = field(default_factory=set)
    directories: dict[Directory, float] = field(default_factory=dict)

    @property
    def directory(self) -> str | None:
        """The directory with the last activity; of equal ones the first by name."""
        last = self.directories
        known = (each for each in last if each.path is not None)
        newest = min(known, key=lambda each: (-last[each], each.path), default=None)
        return None if newest is None else newest.path

    @property
    def hosts(self) -> list[str]:
        """The hosts, by name."""
        return sorted({each.host for each in self.directories})


def join_workplaces(
    workplaces: Iterable[tuple[Workplace, Figures, float | None]], join: Join
) -> list[Project]:
    """Make projects, those with the latest activity first.

    Args:
        workplaces: with their sums and last activity.
        join: what makes several directories one project.
    """
    workplaces = [(_named(workplace), figures, last) for workplace, figures, last in workplaces]
    repositories: dict[Directory, str] = {}
    for workplace, _, _ in workplaces:
        if workplace.repository is not None:
            where = Directory(workplace.owner, workplace.host, workplace.directory)
            known = repositories.get(where, workplace.repository)
            repositories[where] = min(known, workplace.repository)
    projects: dict[tuple[object, ...], Project] = {}
    for workplace, figures, last in workplaces:
        where = Directory(workplace.owner, workplace.host, workplace.directory)
        repository = workplace.repository
        if repository is None and workplace.directory is not None:
            repository = repositories.get(where)
        project = projects.setdefault(_key(workplace, repository, join), Project())
        if repository is not None:
            project.repository = min(project.repository or repository, repository)
        project.figures = project.figures.plus(figures)
        project.tools.add(workplace.tool)
        project.directories[where] = max(project.directories.get(where, -1.0), last or -1.0)
        if last is not None:
            project.last_activity = max(project.last_activity or 0.0, last)
    return sorted(
        projects.values(),
        key=lambda each: (-(each.last_activity or -1.0), each.directory or "", each.hosts),
    )


def name_repository(remote: str) -> str:
    """Return a name of a repository that is the same for all forms of its address.

    Args:
        remote: such as ``git@host:owner/name.git``; credentials in it are left out.
    """
    remote = remote.strip()
    if remote.startswith(_LOCAL):
        remote = remote.removeprefix(_LOCAL[:-1])
    match = _URL.fullmatch(remote) or _SCP.fullmatch(remote)
    name = f"{match['host'].lower()}/{match['path'].lstrip('/')}" if match else remote
    return name.rstrip("/").removesuffix(".git")


def _named(workplace: Workplace) -> Workplace:
    if workplace.repository is None:
        return workplace
    return workplace._replace(repository=name_repository(workplace.repository) or None)


def _key(workplace: Workplace, repository: str | None, join: Join) -> tuple[object, ...]:
    if join == "directory":
        return (workplace.directory,)
    if join == "repository" and repository is not None:
        return ("repository", repository)
    return (workplace.owner, workplace.host, workplace.directory)
