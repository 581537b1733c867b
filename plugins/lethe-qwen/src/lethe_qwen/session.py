"""What a line says of its session, and where the session came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from lethe_core import SessionMeta
from lethe_core.beside import decode_beside
from lethe_core.limits import KIB
from lethe_core.mapping import clean_session_id, text
from lethe_qwen.records import AgentMeta, Record

if TYPE_CHECKING:
    from pathlib import Path

    from lethe_core import Source

AGENT_PREFIX: Final = "agent-"
_SUBAGENTS: Final = "subagents"
_META_BYTES: Final = 64 * KIB
_MAX_TITLE: Final = 120


def session_name(path: Path) -> str:
    """Name the session of a chat: its file's name, for a subagent with its parent before it.

    Ids of subagents are short words, and unique in their parent's session alone.
    """
    name = path.name.removesuffix(".jsonl")
    if is_subagent(path):
        name = f"{path.parent.name}.{name}"
    return clean_session_id(name)


def is_subagent(path: Path) -> bool:
    """Say whether a chat is that of a subagent: ``subagents/<parent>/agent-<id>.jsonl``."""
    return path.name.startswith(AGENT_PREFIX) and path.parent.parent.name == _SUBAGENTS


def known_before(source: Source) -> SessionMeta:
    """Say of a session what its file's place, and the file beside it, tell."""
    if not is_subagent(source.path):
        return SessionMeta(source_file=str(source.path))
    beside = source.path.with_suffix(".meta.json")
    agent = decode_beside(beside, AgentMeta, _META_BYTES) or AgentMeta()
    title = make_title(text(agent.description))
    named = {
        "agent_type": text(agent.agent_type),
        "tool_use_id": text(agent.tool_use_id),
        "parent_agent_id": text(agent.parent_agent_id),
    }
    return SessionMeta(
        source_file=str(source.path),
        parent_session_id=clean_session_id(source.path.parent.name),
        relation="subagent",
        title=title or None,
        title_source="generated" if title else None,
        metadata={name: value for name, value in named.items() if value},
    )


def meta_of(record: Record, known: SessionMeta, session_id: str) -> SessionMeta:
    """Say what one line tells of its session."""
    parent, relation = known.parent_session_id, known.relation
    if isinstance(record.forked_from, dict):
        origin = text(record.forked_from.get("sessionId"))
        if origin and (name := clean_session_id(origin)) != session_id:
            parent, relation = name, "fork"
    metadata = known.metadata
    if version := text(record.version):
        metadata = {**metadata, "version": version}
    return msgspec.structs.replace(
        known,
        working_dir=text(record.cwd) or None,
        git_branch=text(record.git_branch) or None,
        parent_session_id=parent,
        relation=relation,
        metadata=metadata,
    )


def make_title(words: str) -> str:
    """Make a title of a text: its first line with words, of bounded length."""
    line = next((line for line in words.splitlines() if line.strip()), "").strip()
    return line if len(line) <= _MAX_TITLE else f"{line[: _MAX_TITLE - 1]}…"
