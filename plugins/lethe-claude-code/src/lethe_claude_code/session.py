"""What a transcript says of its session as a whole, from its name and beside its lines."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lethe_claude_code import places
from lethe_core import SessionMeta
from lethe_core.beside import decode_beside
from lethe_core.limits import KIB
from lethe_core.mapping import clean_session_id

if TYPE_CHECKING:
    from pathlib import Path

    from lethe_claude_code.records import Entry
    from lethe_core import Relation, Source

_MAX_DESCRIPTION_BYTES: Final = 64 * KIB
_MAX_TITLE: Final = 120
_MOST_DESCRIPTIONS: Final = 64
#: A helper that is given the whole conversation to compact it, and so repeats it.
_COMPACTION: Final = "agent-acompact-"


class AgentDescription(msgspec.Struct, rename="camel"):
    """``agent-<id>.meta.json``, which stands beside a subagent's transcript."""

    agent_type: str | None = None
    description: str | None = None
    tool_use_id: str | None = None
    parent_agent_id: str | None = None
    model: str | None = None
    worktree_path: str | None = None
    workflow_phase: str | None = None


class Transcript:
    """A transcript file, as far as its name and its neighbours tell.

    Args:
        source: the file.
        session_id: how its session is called.
    """

    def __init__(self, source: Source, session_id: str) -> None:
        stem = source.path.stem
        self.path: Path = source.path
        self.session_id = session_id
        self.is_agent = places.is_agent(stem)
        self.is_named = self.is_agent or places.is_session_uuid(stem)
        self._source_file = os.fsencode(source.path).decode("utf-8", "replace")
        self._agent = _read_description(source.path) if self.is_agent else AgentDescription()
        self._known: dict[tuple[Any, ...], SessionMeta] = {}

    def describe(self, entry: Entry) -> SessionMeta:
        """Say what a record of the conversation tells of its session.

        Equal statements are one object, since nearly all records of a session say the same.
        """
        fork = entry.forked_from.sessionId if entry.forked_from else ""
        key = (
            entry.cwd,
            entry.git_branch,
            entry.version,
            entry.session_id,
            fork,
            entry.entrypoint,
            entry.team_name,
            entry.agent_name,
        )
        meta = self._known.get(key)
        if meta is None:
            if len(self._known) >= _MOST_DESCRIPTIONS:
                self._known.clear()
            meta = self._known[key] = self._make(entry, fork)
        return meta

    def foreign_session(self, entry: Entry) -> str:
        """Give the session that a record names, if that is neither this one nor its parent."""
        return "" if self.is_agent or entry.session_id == self.session_id else entry.session_id

    def _make(self, entry: Entry, fork: str) -> SessionMeta:
        parent, relation = self._parent(entry, fork)
        description = self._agent.description
        return SessionMeta(
            source_file=self._source_file,
            working_dir=entry.cwd or None,
            git_branch=entry.git_branch or None,
            title=make_title(description) if description else None,
            title_source="generated" if description else None,
            parent_session_id=parent,
            relation=relation,
            metadata=self._attributes(entry),
        )

    def _parent(self, entry: Entry, fork: str) -> tuple[str | None, Relation | None]:
        """Tell where the session came from.

        The records of a renamed file name the session that the file once was, which is no
        parent; and one record with ``agentId`` does not make a renamed file an agent's.
        """
        named = entry.session_id
        relation: Relation = "continuation"
        if not self.is_named:
            return None, None
        if self.is_agent:
            relation = "subagent"
        elif fork:
            named, relation = fork, "fork"
        parent = clean_session_id(named) if named else ""
        if not parent or parent == self.session_id:
            return None, None
        return parent, relation

    def _attributes(self, entry: Entry) -> dict[str, Any]:
        agent = self._agent
        kind = "compaction" if self.path.name.startswith(_COMPACTION) else agent.agent_type
        attributes = {
            "version": entry.version,
            "entrypoint": entry.entrypoint,
            "team": entry.team_name,
            "agent_name": entry.agent_name,
            "session_id": None if self.is_named else entry.session_id,
            "agent_type": kind,
            "description": agent.description,
            "tool_use_id": agent.tool_use_id,
            "parent_agent_id": agent.parent_agent_id,
            "model": agent.model,
            "worktree_path": agent.worktree_path,
            "workflow_phase": agent.workflow_phase,
        }
        return {key: value for key, value in attributes.items() if value}


def make_title(text: str) -> str:
    """Make a title of a text: its first line with words, of bounded length."""
    line = next(filter(None, map(str.strip, text.splitlines())), "")
    return line if len(line) <= _MAX_TITLE else f"{line[: _MAX_TITLE - 1].rstrip()}…"


def _read_description(path: Path) -> AgentDescription:
    """Read what is known of a subagent; older versions of Claude Code wrote nothing."""
    place = path.with_suffix(".meta.json")
    try:
        is_plain = stat.S_ISREG(place.lstat().st_mode)  # no link that leads elsewhere
    except OSError:
        is_plain = False
    found = decode_beside(place, AgentDescription, _MAX_DESCRIPTION_BYTES) if is_plain else None
    return found or AgentDescription()
