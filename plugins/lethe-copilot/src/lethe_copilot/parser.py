"""The parser of Copilot CLI: where sessions lie, and what each is called."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from lethe_copilot.events import map_event
from lethe_copilot.happening import Happening
from lethe_core import JsonlParser, SessionMeta
from lethe_core.beside import read_beside
from lethe_core.limits import KIB
from lethe_core.mapping import clean_session_id, skip_word

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lethe_core import Event, Line, Source

_EVENTS: Final = "events.jsonl"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.jsonl", re.IGNORECASE)
_NAME = re.compile(r"^name:(.+)$", re.MULTILINE)
_NO_NAME: Final = frozenset({"", "null", "~", "|", "|-", ">", ">-"})
_MAX_WORKSPACE_BYTES: Final = 64 * KIB
_LONGEST_TITLE: Final = 500


class CopilotParser(JsonlParser):
    """Reads the sessions of GitHub Copilot CLI."""

    tool: ClassVar[str] = "copilot"
    label: ClassVar[str] = "Copilot CLI"
    version: ClassVar[int] = 2

    def default_roots(self) -> Iterable[Path]:
        """Name the folder of all sessions."""
        home = os.environ.get("COPILOT_HOME") or "~/.copilot"
        return [Path(home).expanduser().absolute() / "session-state"]

    def accepts(self, path: Path) -> bool:
        """Take the events of a session, in its folder or, before, in a file named by its id."""
        return path.name == _EVENTS or _UUID.fullmatch(path.name) is not None

    def session_id(self, source: Source) -> str:
        """Name the session by its folder, or by its file where it has none."""
        path = source.path
        name = path.parent.name if path.name == _EVENTS else path.name.removesuffix(self.suffix)
        return clean_session_id(name)

    def open_context(self, source: Source) -> str:
        """Read the name of the session from the file beside its events."""
        return _read_name(source.path) if source.path.name == _EVENTS else ""

    def resume_command(self, session_id: str, working_dir: str | None) -> str | None:
        """Give the command that resumes a session; a subagent's cannot be resumed."""
        del working_dir
        return None if "." in session_id else f"copilot --resume {session_id}"

    def map_record(self, record: dict[str, Any], line: Line) -> Iterable[Event] | str:
        """Map one line. See `JsonlParser.map_record`."""
        data = record.get("data")
        if isinstance(data, dict):
            mapped = map_event(Happening.of(record, data, line))
        else:
            mapped = skip_word("record", record.get("type"))
        title = line.context
        if not title or line.state.get("title") == title:
            return mapped
        line.state["title"] = title
        named = line.session(SessionMeta(title=title, title_source="generated"))
        return [named, *([] if isinstance(mapped, str) else mapped)]


def _read_name(events: Path) -> str:
    """Read the plain ``name:`` of ``workspace.yaml``; nothing if there is none.

    The file is rewritten whole. It is read with each read of the events, and a name that changed
    is told with the next event.
    """
    written = read_beside(events.with_name("workspace.yaml"), _MAX_WORKSPACE_BYTES)
    found = _NAME.search(written.decode("utf-8", "replace"))
    name = found[1].strip(" \t") if found else ""
    if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1]
    return "" if name in _NO_NAME else name[:_LONGEST_TITLE]
