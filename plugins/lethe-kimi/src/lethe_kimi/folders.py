"""What stands beside a wire: the titles, folders and origins that Kimi keeps in small files.

These files are rewritten whole. They are read anew for each read of a wire; what has changed is
told with the next line of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from lethe_core import SessionMeta
from lethe_core.beside import decode_beside
from lethe_core.mapping import clean_session_id, text

if TYPE_CHECKING:
    from pathlib import Path

    from lethe_core import Event, Line
    from lethe_core.events import TitleSource

_LONGEST_TITLE: Final = 500


@dataclass(frozen=True, slots=True)
class Folder:
    """What is known of a session from beside its wire.

    Args:
        title: its title, if there is one.
        title_source: where the title comes from.
        working_dir: where the session was held.
        parent: the session it came from.
        relation: how it came from it.
        metadata: what has no field.
    """

    title: str = ""
    title_source: TitleSource = "generated"
    working_dir: str = ""
    parent: str = ""
    relation: Literal["subagent", "fork"] = "subagent"
    metadata: dict[str, Any] = field(default_factory=dict)


def tell_folder(line: Line, *, first: bool) -> list[Event]:
    """Tell what is known of a session with its first line, and what has changed later.

    Args:
        line: a line of the wire; its context is the `Folder`.
        first: whether the line is the first of the wire.
    """
    folder: Folder = line.context
    title = folder.title[:_LONGEST_TITLE]
    fresh = title and title != line.state.get("title")
    if fresh:
        line.state["title"] = title
    if not first and not fresh:
        return []
    meta = SessionMeta(
        title=title or None,
        title_source=folder.title_source if title else None,
    )
    if first:
        meta.source_file = str(line.source.path)
        meta.working_dir = folder.working_dir or None
        meta.parent_session_id = folder.parent or None
        meta.relation = folder.relation if folder.parent else None
        meta.metadata = dict(folder.metadata)
    return [line.session(meta)]


def read_cli_folder(wire: Path) -> Folder:
    """Read what stands beside a wire of Kimi CLI.

    Args:
        wire: ``SHARE/sessions/HASH/SESSION/wire.jsonl``, or of a subagent below it.
    """
    session, agent = name_cli(wire)
    if agent:
        return Folder(parent=session)
    state = _read_object(wire.with_name("state.json"))
    generated = state.get("title_generated") is True
    return Folder(
        title=text(state.get("custom_title")).strip(),
        title_source="generated" if generated else "prompt",
        working_dir=_working_dir(wire),
    )


def read_code_folder(wire: Path) -> Folder:
    """Read what stands beside a wire of Kimi Code.

    Args:
        wire: ``HOME/sessions/FOLDER/SESSION/agents/AGENT/wire.jsonl``.
    """
    session, agent = name_code(wire)
    if not session:
        return Folder()
    state = _read_object(wire.parents[2] / "state.json")
    if agent:
        agents = state.get("agents")
        entry = agents.get(agent) if isinstance(agents, dict) else None
        known = entry if isinstance(entry, dict) else {}
        above = text(known.get("parentAgentId"))
        parent = session if above in ("", "main", agent) else _join(session, above)
        kind = text(known.get("type"))
        return Folder(
            parent=parent,
            working_dir=text(state.get("workDir")),
            metadata={"agent_kind": kind} if kind else {},
        )
    origin = text(state.get("forkedFrom"))
    parent = clean_session_id(origin) if origin else ""
    return Folder(
        title=text(state.get("title")).strip(),
        title_source="custom" if state.get("isCustomTitle") is True else "generated",
        working_dir=text(state.get("workDir")),
        parent="" if parent == session else parent,
        relation="fork",
    )


def name_cli(wire: Path) -> tuple[str, str]:
    """Tell the session and the subagent of a wire of Kimi CLI; the agent may be empty."""
    if len(wire.parts) > 3 and wire.parts[-3] == "subagents":  # noqa: PLR2004 - SESSION/subagents/
        return clean_session_id(wire.parts[-4]), clean_session_id(wire.parts[-2])
    return clean_session_id(_own_name(wire)), ""


def name_code(wire: Path) -> tuple[str, str]:
    """Tell the session and the subagent of a wire of Kimi Code; both are empty elsewhere."""
    if len(wire.parts) > 3 and wire.parts[-3] == "agents":  # noqa: PLR2004 - SESSION/agents/
        agent = wire.parts[-2]
        return clean_session_id(wire.parts[-4]), "" if agent == "main" else agent
    return "", ""


def session_name(wire: Path, session: str, agent: str) -> str:
    """Name the session of a wire, from what `name_cli` or `name_code` told.

    Args:
        wire: its path, for a wire that lies elsewhere.
        session: the session.
        agent: its subagent, if it is one.
    """
    if not session:
        return clean_session_id(_own_name(wire))
    return _join(session, agent) if agent else session


def _own_name(wire: Path) -> str:
    return wire.parent.name if wire.name == "wire.jsonl" else wire.name.removesuffix(".jsonl")


def _join(session: str, agent: str) -> str:
    return clean_session_id(f"{session}.{agent}")


def _working_dir(wire: Path) -> str:
    """Find the folder whose hash names the folder of a session, in the list of all of them."""
    if len(wire.parents) < 4:  # noqa: PLR2004 - SHARE/sessions/HASH/SESSION
        return ""
    name = wire.parents[1].name
    known = _read_object(wire.parents[3] / "kimi.json").get("work_dirs")
    for entry in known if isinstance(known, list) else []:
        path = text(entry.get("path")) if isinstance(entry, dict) else ""
        digest = hashlib.md5(path.encode("utf-8", "surrogatepass"), usedforsecurity=False)
        if path and name.endswith(digest.hexdigest()):
            return path
    return ""


def _read_object(path: Path) -> dict[str, Any]:
    """Read a small file with an object; what cannot be read is an empty one."""
    return decode_beside(path, dict[str, Any]) or {}
