"""The files of opencode up to 1.1: one a session, one a message and one a part.

``storage/session/PROJECT/SESSION.json``, ``storage/message/SESSION/MESSAGE.json`` and
``storage/part/MESSAGE/PART.json``, each rewritten whole whenever it changes. Before 0.6 they were
``info/SESSION.json``, ``message/SESSION/MESSAGE.json`` and ``part/SESSION/MESSAGE/PART.json`` in
``project/DIRECTORY/storage/session``. A source is the file of a session together with those of its
messages and parts. Later versions import the files and leave them; the turns they give are the
same.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lethe_core import Piece, Place, SnapshotParser, Source
from lethe_core.mapping import clean_session_id, count, text, unix_time
from lethe_core.sources import find_files
from lethe_opencode import parts
from lethe_opencode.places import Tool
from lethe_opencode.sessions import session_meta
from lethe_opencode.turns import Turns, progress
from lethe_opencode.undone import reverted, reverted_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lethe_core import Event, SessionEvent

_SUFFIX: Final = ".json"
#: Holds the files of sessions before 0.6, where the folder of a project is later.
_OLD_FOLDER: Final = "info"

#: A name that leads nowhere but into a folder.
_PLAIN_NAME: Final = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,200}")

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class TreeParser(Tool, SnapshotParser):
    """Reads the files of a session."""

    def accepts(self, path: Path) -> bool:
        """Take the files of sessions alone."""
        return path.suffix == _SUFFIX and path.parent.parent.name == "session"

    def discover(self, root: Path) -> Iterable[Source]:
        """Find the sessions below a root; size and time count messages and parts in."""
        if root.is_file():
            yield _with_messages(Source.from_stat(root, root))
            return
        with os.scandir(root):
            pass  # an unreadable root is an error; what lies below it is left out
        storage = root if root.name == "storage" else root / "storage"
        folder = storage / "session"
        if folder.is_dir():
            for source in find_files(folder, self.accepts):
                yield _with_messages(replace(source, root=root))
        for path in sorted(root.glob(f"project/*/storage/session/{_OLD_FOLDER}/*{_SUFFIX}")):
            with contextlib.suppress(OSError):  # it vanished
                yield _with_messages(Source.from_stat(path, root))

    def pieces(self, source: Source) -> Iterator[Piece]:
        """Give the session's messages in the order of their ids, then the session."""
        session = self.load(source.path, _decode)
        if session is None:
            return
        if isinstance(session, Piece):
            yield session
            return
        own_name = source.path.stem
        session_id = clean_session_id(text(session.get("id")) or own_name)
        messages, parts_root = _folders(source.path, _folder_name(session, own_name))
        directory = text(session.get("directory"))
        undone_from = reverted_message(session.get("revert"))
        undone: int | None = None
        ties: Counter[int] = Counter()
        for path, message in self._load_all(messages):
            if isinstance(message, Piece):
                yield message._replace(session_id=session_id)
                continue
            directory = directory or _directory(message)
            folder = parts_root / _folder_name(message, path.stem)
            own = [part for _, part in self._load_all(folder)]
            whole = {"message": message, "parts": [one for one in own if isinstance(one, dict)]}
            created = _created(message)
            if undone_from and message.get("id") == undone_from:
                undone = created
            yield Piece(msgspec.json.encode(whole), session_id, context=ties[created])
            ties[created] += 1
            yield from (
                one._replace(session_id=session_id) for one in own if isinstance(one, Piece)
            )
        known = session | {"directory": directory}
        yield Piece(msgspec.json.encode({"session": known, "undone": undone}), session_id)

    def map_piece(self, piece: dict[str, Any], place: Place) -> Iterable[Event] | str:
        """Map the session to what is known of it, and a message to its turns."""
        if session := piece.get("session"):
            return [_session_event(session, place, piece["undone"])]
        message = piece["message"]
        turns = Turns(
            parser=self,
            session_id=place.session_id,
            message_id=text(message.get("id")) or place.hashed_id(),
            created=_created(message),
            changed=place.revision,
            progress=progress(message, piece["parts"]),
            tie=place.context or 0,
        )
        return parts.map_message(turns, message, piece["parts"]) or turns.made

    def _load_all(self, folder: Path) -> Iterator[tuple[Path, dict[str, Any] | Piece]]:
        """Load the files of a folder in the order of their names; a damaged one is a `Piece`."""
        for path in _files(folder):
            value = self.load(path, _decode)
            if value is not None:
                yield path, value


def _session_event(session: dict[str, Any], place: Place, undone: int | None) -> SessionEvent:
    time = session.get("time")
    time = time if isinstance(time, dict) else {}
    columns = session | {
        "parent_id": session.get("parentID"),
        "time_archived": time.get("archived"),
    }
    event = place.session(
        session_meta(columns, str(place.source.path)), unix_time(time.get("updated"))
    )
    event.seq = count(time.get("updated"))
    event.session_meta.metadata |= reverted(undone, count(time.get("updated")))
    return event


def _folders(session: Path, name: str) -> tuple[Path, Path]:
    """Name the folder of a session's messages, and the one of the folders of their parts.

    Args:
        session: its file.
        name: of the session.
    """
    if session.parent.name == _OLD_FOLDER:
        beside = session.parents[1]
        return beside / "message" / name, beside / "part" / name
    storage = session.parents[2]
    return storage / "message" / name, storage / "part"


def _folder_name(value: dict[str, Any], stem: str) -> str:
    """Name the folder of what belongs to a session or a message.

    It is named by the id, as the file is. An id that is no plain name, which would lead out of
    the store, is not followed.

    Args:
        value: the session or the message.
        stem: the name of its file, without the suffix.
    """
    name = text(value.get("id"))
    return name if _PLAIN_NAME.fullmatch(name) else stem


def _directory(message: dict[str, Any]) -> str:
    """Say where an answer was made; sessions before 0.6 do not tell."""
    path = message.get("path")
    return text(path.get("cwd")) if isinstance(path, dict) else ""


def _created(message: dict[str, Any]) -> int:
    time = message.get("time")
    return count(time.get("created")) if isinstance(time, dict) else 0


def _files(folder: Path) -> list[Path]:
    """List the JSON files of a folder that may be missing."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == _SUFFIX)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _with_messages(source: Source) -> Source:
    """Count the files of messages and parts into the size and the time of a session's source."""
    messages, parts_root = _folders(source.path, source.path.stem)
    size, modified = source.size, source.mtime_ns
    for message in _files(messages):
        for path in (message, *_files(parts_root / message.stem)):
            with contextlib.suppress(OSError):
                status = path.stat()
                size, modified = size + status.st_size, max(modified, status.st_mtime_ns)
    return replace(source, size=size, mtime_ns=modified)
