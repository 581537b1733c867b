"""The parser of pi and oh-my-pi: where sessions lie, whose they are, and their heads."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from lethe_core import Identity, JsonlParser, SessionMeta
from lethe_core.mapping import clean_session_id, text, unix_time
from lethe_core.sources import open_source
from lethe_pi.entries import map_entry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lethe_core import Event, Line, Relation, Source

#: ``2025-12-01T10-00-00-000Z_<id>``: a session's file, or the folder of its subagents.
_STAMPED = re.compile(r"\d{4}-\d\d-\d\dT[\d-]+Z?_(?P<id>[^/]+)")
_TITLE_SLOT_BYTES: Final = 4096
_TITLE_RECORD: Final = b'{"type":"title"'
_LONGEST_NAME: Final = 200


class PiParser(JsonlParser):
    """Reads the sessions of pi and of oh-my-pi, which share a format."""

    tool: ClassVar[str] = "pi"
    label: ClassVar[str] = "pi"
    version: ClassVar[int] = 2

    def default_roots(self) -> Iterable[Path]:
        """Name the folders of pi and of oh-my-pi."""
        homes = [os.environ.get("PI_CODING_AGENT_DIR") or "~/.pi/agent", "~/.omp/agent"]
        return [Path(home).expanduser().absolute() / "sessions" for home in homes]

    def accepts(self, path: Path) -> bool:
        """Take stamped files, and those in the folder of a stamped one: its subagents."""
        return any(map(_STAMPED.match, path.parts[-3:]))

    def session_id(self, source: Source) -> str:
        """Name the session by the id in its file's name; a subagent's follows its parent's."""
        return _session_of(source.path)[0]

    def identify(self, source: Source) -> Identity:
        """Recognise a file whose first line is rewritten in place by what is not rewritten."""
        identity = Identity.of_file(source.path)
        if _read_title(source.path) is None:
            return identity
        return Identity.of_file(source.path, head_size=0)

    def open_context(self, source: Source) -> str | None:
        """Read the title that oh-my-pi keeps in the first line."""
        return _read_title(source.path)

    def resume_command(self, session_id: str, working_dir: str | None) -> str | None:
        """Give the command that resumes a session; a subagent's cannot be resumed."""
        del working_dir
        return None if "." in session_id else f"pi --session {session_id}"

    def map_record(self, record: dict[str, Any], line: Line) -> Iterable[Event] | str:
        """Map one line. See `JsonlParser.map_record`."""
        match record.get("type"):
            case "title":
                mapped: list[Event] | str = "entry title"
            case "session":
                mapped = _map_head(record, line)
            case _:
                mapped = map_entry(record, line)
        title = line.context
        if not title or line.state.get("title") == title:
            return mapped
        line.state["title"] = title
        meta = SessionMeta(title=title, title_source="generated")
        return [line.session(meta), *([] if isinstance(mapped, str) else mapped)]


def _map_head(record: dict[str, Any], line: Line) -> list[Event]:
    """Map the head of a session: where it was held, and what it was forked from."""
    if model := text(record.get("modelId")):
        line.state["model"] = model[:_LONGEST_NAME]
    _, parent = _session_of(line.source.path)
    relation: Relation = "subagent" if parent else "fork"
    origin = text(record.get("parentSession")) or text(record.get("branchedFrom"))
    if not parent and origin:
        parent = _session_of(PurePath(origin.replace("\\", "/")))[0]
    if parent == line.session_id:
        parent = ""
    title = text(record.get("title")).strip()
    version = record.get("version")
    meta = SessionMeta(
        source_file=str(line.source.path),
        working_dir=text(record.get("cwd")) or None,
        title=title or None,
        title_source="generated" if title else None,
        parent_session_id=parent or None,
        relation=relation if parent else None,
        metadata={"format_version": version} if isinstance(version, int) else {},
    )
    return [line.session(meta, unix_time(record.get("timestamp")))]


def _session_of(path: PurePath) -> tuple[str, str]:
    """Tell the session of a path, and the parent if it lies in the folder of a session."""
    name = path.name.removesuffix(".jsonl")
    if found := _STAMPED.fullmatch(name):
        return clean_session_id(found["id"]), ""
    for depth, folder in enumerate(path.parts[-3:-1]):
        if found := _STAMPED.fullmatch(folder):
            below = path.parts[-3:-1][depth + 1 :]
            parent = clean_session_id(found["id"])
            return clean_session_id(".".join([parent, *below, name])), parent
    return clean_session_id(name), ""


def _read_title(path: Path) -> str | None:
    """Read the title in the first line of a file; `None` if there is no such line."""
    with os.fdopen(open_source(path), "rb") as file:
        head, newline, _ = file.read(_TITLE_SLOT_BYTES).partition(b"\n")
    if not newline or not head.startswith(_TITLE_RECORD):
        return None
    try:
        title = msgspec.json.decode(head, type=dict[str, Any]).get("title")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return text(title).strip()[:_LONGEST_NAME]
