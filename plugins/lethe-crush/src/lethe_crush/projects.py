"""Which projects Crush knows: it keeps one database in each, and a list of them all.

``projects.json`` in Crush's own data directory holds ``{"path", "data_dir", ...}`` per project, as
a list or below ``"projects"``; ``data_dir`` may be relative to ``path``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

from lethe_core.beside import decode_beside
from lethe_core.limits import MIB

#: Where a project keeps its sessions unless it is told otherwise.
DATA_DIRECTORY: Final = ".crush"

_MOST_BYTES: Final = 4 * MIB


class Project(NamedTuple):
    """A project: the directory that is worked in, and the one that holds its database."""

    path: Path
    data: Path


def global_directory() -> Path:
    """Name the directory that holds ``projects.json``."""
    if name := os.environ.get("CRUSH_GLOBAL_DATA"):
        return Path(name).absolute()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        return Path(local).absolute() / "crush"
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data).absolute() if data else Path.home() / ".local" / "share") / "crush"


def known_projects() -> list[Project]:
    """Read the list of projects; empty if there is none that can be read."""
    listed: Any = decode_beside(global_directory() / "projects.json", object, _MOST_BYTES)
    if isinstance(listed, dict):
        listed = listed.get("projects")
    projects = []
    for entry in listed if isinstance(listed, list) else []:
        match entry:
            case {"path": str(path), **rest} if Path(path).is_absolute():
                data = rest.get("data_dir")
                data = data if isinstance(data, str) and data else DATA_DIRECTORY
                projects.append(Project(Path(path), Path(os.path.normpath(Path(path, data)))))
    return projects


def working_directory(database: Path) -> str | None:
    """Name the directory that the sessions of a database were held in.

    Args:
        database: its file.
    """
    data = database.parent
    for project in known_projects():
        if project.data == data:
            return str(project.path)
    return str(data.parent) if data.name == DATA_DIRECTORY else None
