"""What is known of a task beside its messages: title, directory, parent, model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from lethe_core import Relation, SessionMeta
from lethe_core.beside import decode_beside
from lethe_core.limits import MIB
from lethe_core.mapping import clean_session_id, text

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES: Final = 8 * MIB
_MAX_TITLE: Final = 120

Form = Literal["history", "requests", "session"]


@dataclass(frozen=True, slots=True)
class Task:
    """What `SnapshotParser.map_piece` needs beside a message.

    Args:
        form: which file the message is from.
        meta: what each turn says of its session.
        tool: whose it is.
        model: that answers, as the prompt says it (Roo Code).
    """

    form: Form
    meta: SessionMeta
    tool: str
    model: str | None = None


def task_meta(path: Path) -> SessionMeta:
    """Say what is known of a task.

    Roo Code keeps a ``history_item.json`` in each task's folder, Cline one list of all tasks in
    ``state/taskHistory.json``.

    Args:
        path: a file of the task.
    """
    item = decode_beside(path.with_name("history_item.json"), dict[str, Any], _MOST_BYTES)
    if item is None:
        history = path.parent.parent.parent / "state" / "taskHistory.json"
        items = decode_beside(history, list[Any], _MOST_BYTES) or []
        same = (one for one in items if isinstance(one, dict) and one.get("id") == path.parent.name)
        item = next(same, {})
    parent, relation = _named(item.get("parentTaskId"), path.parent.name, "subagent")
    directory = item.get("cwdOnTaskInitialization") or item.get("workspace") or item.get("cwd")
    return SessionMeta(
        source_file=str(path),
        working_dir=text(directory) or None,
        parent_session_id=parent,
        relation=relation,
    )


def session_meta(path: Path, session_id: str, root: str | None) -> SessionMeta:
    """Say what is known of a session of the new form, from the file beside its messages.

    Args:
        path: its messages.
        session_id: its name.
        root: the session that a subagent belongs to.
    """
    known = _object(path.with_name(f"{path.name.removesuffix('.messages.json')}.json"))
    details = known.get("metadata")
    details = details if isinstance(details, dict) else {}
    fork = details.get("fork")
    origin = fork.get("forkedFromSessionId") if isinstance(fork, dict) else None
    parent, relation = _named(origin, session_id, "fork")
    if root:
        parent, relation = _named(root, session_id, "subagent")
    title = make_title(text(details.get("title")))
    directory = known.get("cwd")
    if root and not directory:
        directory = _object(path.with_name(f"{root}.json")).get("cwd")
    return SessionMeta(
        source_file=str(path),
        working_dir=text(directory) or None,
        title=title or None,
        title_source="generated" if title else None,
        parent_session_id=parent,
        relation=relation,
    )


def make_title(words: str) -> str:
    """Make a title of a text: its first line with words, of bounded length."""
    line = next((line for line in words.splitlines() if line.strip()), "").strip()
    return line if len(line) <= _MAX_TITLE else f"{line[: _MAX_TITLE - 1]}…"


def _named(value: Any, own: str, relation: Relation) -> tuple[str | None, Relation | None]:
    """Name a parent, unless there is none or it is the session itself."""
    name = clean_session_id(value) if isinstance(value, str) and value else ""
    return (name, relation) if name and name != own else (None, None)


def _object(path: Path) -> dict[str, Any]:
    """Decode a file beside the messages; an empty object if it is missing, damaged or too large."""
    return decode_beside(path, dict[str, Any], _MOST_BYTES) or {}
