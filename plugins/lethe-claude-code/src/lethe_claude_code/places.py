"""Where transcripts lie, which files are transcripts, and what their sessions are called.

    <config>/projects/<slug>/<session uuid>.jsonl                       a session
    <config>/projects/<slug>/<session uuid>/subagents/agent-<id>.jsonl  a subagent's session
    <config>/projects/<slug>/agent-<id>.jsonl                           the same, Claude Code 2.0
    <config>/projects/<slug>/<session uuid>/tool-results/<id>.txt       a large tool output

Everything here looks at names alone. Names are not held to a stricter form than needed: a
transcript that somebody renamed, copied or exported is still one, and losing it would be worse
than archiving a file too many.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lethe_core.mapping import clean_session_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lethe_core import Source

_VARIABLE: Final = "CLAUDE_CONFIG_DIR"
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_AGENT: Final = "agent-"
_NOT_TRANSCRIPTS: Final = frozenset({"journal.jsonl", "history.jsonl"})
_SET_ASIDE: Final = (".orphaned", ".superseded")
_FOREIGN_DIRECTORIES: Final = frozenset(
    {
        "file-history",
        "memory",
        "plans",
        "shell-snapshots",
        "tasks",
        "todos",
        "tool-results",
    }
)
_DAY: Final = 86400.0
#: ``cleanupPeriodDays`` where the settings do not say it.
_KEPT_DAYS: Final = 30.0
_SETTINGS: Final = ("settings.json", "settings.local.json")
_DIGEST_BYTES: Final = 4
_NAME_LENGTH: Final = 180


def default_roots() -> Iterator[Path]:
    """Name the places where Claude Code keeps its transcripts on this machine.

    ``CLAUDE_CONFIG_DIR`` stands for itself, as it does for Claude Code. Where it has no
    ``projects`` it is taken for a collection of transcripts.
    """
    if configured := os.environ.get(_VARIABLE):
        directory = Path(configured).expanduser().absolute()
        projects = directory / "projects"
        yield projects if projects.is_dir() else directory
        return
    home = Path.home()
    yield home / ".claude" / "projects"
    other = home / ".config" / "claude" / "projects"
    if other.is_dir():
        yield other


def is_transcript(path: Path, root: Path) -> bool:
    """Say by its place whether a JSONL file, which stands below a root, is a transcript."""
    if path.name in _NOT_TRANSCRIPTS or any(mark in path.name for mark in _SET_ASIDE):
        return False
    directories = path.parts[len(root.parts) : -1]
    if not _FOREIGN_DIRECTORIES.isdisjoint(directories):
        return False
    if "workflows" not in directories:
        return True
    return "subagents" in directories[: directories.index("workflows")]


def is_session_uuid(name: str) -> bool:
    """Say whether a name is one that Claude Code gives to a session of its own."""
    return _UUID.fullmatch(name) is not None


def is_agent(name: str) -> bool:
    """Say whether a name is one that Claude Code gives to a subagent's file."""
    return name.startswith(_AGENT)


def agent_session(agent_id: str) -> str:
    """Name the session of a subagent."""
    return clean_session_id(f"{_AGENT}{agent_id}")


def session_id(source: Source) -> str:
    """Name the session of a file.

    What Claude Code named is called as it calls it. Other names come from people, who may well
    use ``session.jsonl`` in two folders, so that the way from the root belongs to the name; what
    cannot stand in a session id is told apart by a digest.
    """
    stem = source.path.stem
    if is_session_uuid(stem) or is_agent(stem) or source.path == source.root:
        return clean_session_id(stem)
    parts = source.path.relative_to(source.root).with_suffix("").parts
    name = clean_session_id(".".join(parts))
    if name.split(".") == list(parts):
        return name
    digest = hashlib.blake2b(os.fsencode("/".join(parts)), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{name[:_NAME_LENGTH]}-{digest}"


def results_directory(path: Path, parent: str) -> Path:
    """Name the directory with the large tool outputs of a transcript.

    Args:
        path: the transcript.
        parent: the session that a subagent belongs to, as its records call it.
    """
    for directory in path.parents:
        if directory.name == "subagents":
            return directory.parent / "tool-results"
    owner = parent if is_agent(path.stem) and is_session_uuid(parent) else path.stem
    return path.parent / owner / "tool-results"


def deletes_after(root: Path) -> float:
    """Tell after how many seconds transcripts are deleted, by the settings beside ``projects``.

    The shortest time counts that some settings name; what cannot be read says nothing.
    """
    named = []
    for name in _SETTINGS:
        try:
            settings = json.loads((root.parent / name).read_bytes())
            named.append(float(settings["cleanupPeriodDays"]))
        except (OSError, ValueError, TypeError, KeyError, RecursionError, OverflowError):
            continue
    return max(1.0, min(named, default=_KEPT_DAYS)) * _DAY
