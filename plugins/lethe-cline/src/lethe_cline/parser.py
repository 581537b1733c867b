"""The parsers for Cline and its relatives Roo Code and Kilo Code.

A *task* is a folder: the history for the model in ``api_conversation_history.json``, the display
in ``ui_messages.json``. Each is a source; both are of one session. Newer versions of Cline hold
*sessions*: ``<id>.messages.json`` with ``<id>.json`` beside it. All are rewritten whole.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from lethe_cline.history import map_message
from lethe_cline.requests import map_request
from lethe_cline.task import Task, session_meta, task_meta
from lethe_core import Piece, SnapshotParser
from lethe_core.mapping import clean_session_id, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lethe_cline.task import Form
    from lethe_core import Event, Place, Source

_HISTORY: Final = "api_conversation_history.json"
_DISPLAY: Final = "ui_messages.json"
_SESSION: Final = ".messages.json"
#: Where VS Code and its relatives keep what extensions store.
_EDITORS: Final = ("Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf", "Trae")
#: By platform, the variable that names the place of settings, and the place without it.
_SETTINGS: Final = {
    "darwin": ("", "Library/Application Support"),
    "win32": ("APPDATA", "AppData/Roaming"),
}
_OTHER_SETTINGS: Final = ("XDG_CONFIG_HOME", ".config")
_SUBAGENTS: Final = ("subagent", "teammate")
_MODEL = re.compile(rb"<model>([^<>\\\n]{1,200})</model>")
_SERVERS: Final = (".vscode-server", ".vscode-server-insiders", ".cursor-server")


class Session(msgspec.Struct, rename="camel"):
    """The messages of a session."""

    messages: list[msgspec.Raw]
    session_id: Any = None
    agent: Any = None


_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_session = msgspec.json.Decoder(Session).decode


class _TaskParser(SnapshotParser):
    """Reads tasks; what differs between the tools are names and places."""

    version: ClassVar[int] = 2
    extension: ClassVar[str]

    def default_roots(self) -> Iterable[Path]:
        """Name the extension's storage in each editor of the family, here and on a server."""
        home = Path.home()
        variable, usual = _SETTINGS.get(sys.platform, _OTHER_SETTINGS)
        settings = Path(os.environ.get(variable) or home / usual).absolute()
        storages = [settings / editor / "User" for editor in _EDITORS]
        storages += [home / server / "data" / "User" for server in _SERVERS]
        return [storage / "globalStorage" / self.extension for storage in storages]

    def accepts(self, path: Path) -> bool:
        """Take the files with messages alone."""
        return path.name in (_HISTORY, _DISPLAY) or path.name.endswith(_SESSION)

    def session_id(self, source: Source) -> str:
        """Name the session: a task by its folder, a session by its file."""
        name = source.path.name
        task = name in (_HISTORY, _DISPLAY)
        return clean_session_id(source.path.parent.name if task else name.removesuffix(_SESSION))

    def pieces(self, source: Source) -> Iterator[Piece]:
        """Give the messages of a file."""
        path = source.path
        if path.name.endswith(_SESSION):
            yield from self._session(source)
            return
        messages = self.load(path, _decode_list)
        if isinstance(messages, Piece):
            yield messages
            return
        form: Form = "requests" if path.name == _DISPLAY else "history"
        task = Task(form, task_meta(path), self.tool)
        for message in messages or []:
            if model := self.prompted_model(bytes(message)):
                task = replace(task, model=model)
            yield Piece(message, context=task)

    def map_piece(self, piece: Any, place: Place) -> Iterable[Event] | str:
        """Map one message."""
        task: Task = place.context
        return map_request(piece, place) if task.form == "requests" else map_message(piece, place)

    def prompted_model(self, message: bytes) -> str | None:
        """Name the model that a prompt says will answer it, if the tool writes that."""
        del message
        return None

    def _session(self, source: Source) -> Iterator[Piece]:
        session = self.load(source.path, _decode_session)
        if isinstance(session, Piece):
            yield session
            return
        if session is None:
            return
        name = text(session.session_id) or self.session_id(source)
        root = None
        if session.agent in _SUBAGENTS:
            root = source.path.parent.name
            name = f"{root}.{self.session_id(source)}"
        name = clean_session_id(name)
        task = Task("session", session_meta(source.path, name, root), self.tool)
        for message in session.messages:
            yield Piece(message, session_id=name, context=task)


class ClineParser(_TaskParser):
    """Reads the tasks and sessions of Cline."""

    tool: ClassVar[str] = "cline"
    label: ClassVar[str] = "Cline"
    extension: ClassVar[str] = "saoudrizwan.claude-dev"

    def default_roots(self) -> Iterable[Path]:
        """Name the extension's storages, and the place of the command line."""
        home = os.environ.get("CLINE_DIR") or Path.home() / ".cline"
        data = Path(os.environ.get("CLINE_DATA_DIR") or Path(home, "data"))
        roots = [*super().default_roots(), data.absolute()]
        if sessions := os.environ.get("CLINE_SESSION_DATA_DIR"):
            roots.append(Path(sessions).absolute())
        return roots


class _RooFamilyParser(_TaskParser):
    """Reads the tasks of Roo Code and of what came of it."""

    def prompted_model(self, message: bytes) -> str | None:
        """Find the model in the surroundings that are added to a prompt, at its end."""
        start = message.rfind(b"<environment_details>")
        match = _MODEL.search(message, start) if start >= 0 else None
        return match[1].decode("utf-8", "replace") if match else None


class RooParser(_RooFamilyParser):
    """Reads the tasks of Roo Code."""

    tool: ClassVar[str] = "roo"
    label: ClassVar[str] = "Roo Code"
    extension: ClassVar[str] = "rooveterinaryinc.roo-cline"

    def default_roots(self) -> Iterable[Path]:
        """Name the extension's storages, and the place of the command line."""
        return [*super().default_roots(), Path.home() / ".vscode-mock" / "global-storage"]


class KiloParser(_RooFamilyParser):
    """Reads the tasks of Kilo Code, as it wrote them until it became a relative of opencode."""

    tool: ClassVar[str] = "kilo-code"
    label: ClassVar[str] = "Kilo Code"
    extension: ClassVar[str] = "kilocode.kilo-code"
