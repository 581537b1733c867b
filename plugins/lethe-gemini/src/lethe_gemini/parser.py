"""The parser for Gemini CLI: chats in one JSON document, and in JSON lines since 0.40.

When an old chat is resumed, Gemini CLI copies it into a new file of JSON lines and leaves the
document: one session in two sources. Their turns have the same ids, and what the lines say has a
higher revision than what the document says.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from lethe_core import (
    Cursor,
    Identity,
    JsonlParser,
    Line,
    Parser,
    Piece,
    Place,
    Record,
    SessionMeta,
    SnapshotParser,
    Source,
    TurnEvent,
)
from lethe_core.decoding import DECODING_ERRORS
from lethe_core.limits import MAX_LINE_BYTES
from lethe_core.mapping import clean_session_id, text
from lethe_core.removals import removal
from lethe_core.sources import find_files, open_source
from lethe_gemini.messages import Mapper, Revisions
from lethe_gemini.projects import chats_directory, working_directory
from lethe_gemini.records import Document, Update
from lethe_gemini.records import Record as ChatRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lethe_core import Event

_LINES: Final = ".jsonl"
_DOCUMENT: Final = ".json"
_PREFIX: Final = "session-"
_HEAD_BYTES: Final = 64 * 1024
#: Revisions of lines begin above all times in milliseconds, those of documents.
_LINE_REVISION_SHIFT: Final = 42
_MAX_GENERATION: Final = 2**11 - 2  # later ones have the revisions of this one: there are 53 bits
_SIDE_PREFIXES: Final = ("checkpoint-", "logs.")


class _Tool:
    """What the parsers of both forms have in common."""

    tool: ClassVar[str] = "gemini"
    label: ClassVar[str] = "Gemini CLI"
    version: ClassVar[int] = 4

    def default_roots(self) -> Iterable[Path]:
        """Name ``.gemini/tmp`` below ``$GEMINI_CLI_HOME`` or the home directory."""
        home = Path(os.environ.get("GEMINI_CLI_HOME") or Path.home())
        return [home.absolute() / ".gemini" / "tmp"]


class _Lines(_Tool, JsonlParser):
    """Chats of JSON lines."""

    record_type = ChatRecord

    def session_id(self, source: Source) -> str:
        """Read the session's id from the first line; the file's name has but a part of it."""
        with os.fdopen(open_source(source.path), "rb") as file:
            head = file.readline(_HEAD_BYTES)
        try:
            name = msgspec.json.decode(head, type=ChatRecord).session_id
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            name = None
        return _session_name(source.path, text(name) or source.path.name.removesuffix(_LINES))

    def open_context(self, source: Source) -> SessionMeta:
        """Find out what each turn says of its session."""
        return _meta(source)

    def map_record(self, record: ChatRecord, line: Line) -> Iterable[Event] | str:
        """Map one line."""
        generation = min(line.source.generation, _MAX_GENERATION)
        own = ((generation + 1) << _LINE_REVISION_SHIFT) + line.start
        mapper = Mapper(line, Revisions(own, line.start), line.context)
        if record.rewind_to is not None:
            return [_map_rewind(text(record.rewind_to), mapper, line)]
        if record.id is not None:
            return mapper.map_message(record)
        if record.update is not None:
            return _map_update(record.update, line)
        if record.session_id is not None:
            return [line.session(_conversation(record, line.context))]
        return "unknown record"


class _Documents(_Tool, SnapshotParser):
    """Chats in one document."""

    document_type = Document
    piece_type = ChatRecord

    def split(self, document: Document, source: Source) -> Iterator[Piece]:
        """Give the messages, then what is known of the conversation."""
        own = text(document.session_id) or source.path.name.removesuffix(_DOCUMENT)
        name = _session_name(source.path, own)
        meta = _meta(source)
        for message in document.messages:
            yield Piece(message, session_id=name, context=meta)
        known = {
            "sessionId": name,
            "kind": document.kind,
            "directories": document.directories,
            "summary": document.summary,
        }
        yield Piece(msgspec.json.encode(known), session_id=name, context=meta)

    def map_piece(self, piece: ChatRecord, place: Place) -> Iterable[Event] | str:
        """Map one message, or what is known of the conversation."""
        if piece.session_id is not None and piece.type is None:
            return [place.session(_conversation(piece, place.context))]
        mapper = Mapper(place, Revisions(place.revision, 0), place.context)
        return mapper.map_message(piece)


class GeminiParser(_Tool, Parser):
    """Reads the chats of Gemini CLI."""

    def __init__(self) -> None:
        self._lines = _Lines()
        self._documents = _Documents()

    def discover(self, root: Path) -> Iterable[Source]:
        """Find the chats: what lies in a ``chats`` directory, or is named like a chat."""
        return find_files(root, _is_chat)

    def identify(self, source: Source) -> Identity:
        """Tell what recognises a chat."""
        return self._reader(source).identify(source)

    def read(self, source: Source, cursor: Cursor | None) -> Iterator[Record]:
        """Read a chat. See `Parser.read`."""
        return self._reader(source).read(source, cursor)

    def resume_command(self, session_id: str, working_dir: str | None) -> str | None:
        """Give the command that resumes a session; a subagent's cannot be resumed by itself."""
        del working_dir
        return None if "." in session_id else f"gemini --resume {session_id}"

    def _reader(self, source: Source) -> Parser:
        return self._lines if source.path.name.endswith(_LINES) else self._documents


def _is_chat(path: Path) -> bool:
    if path.suffix not in (_LINES, _DOCUMENT) or path.name.startswith(_SIDE_PREFIXES):
        return False
    return path.name.startswith(_PREFIX) or chats_directory(path) is not None


def _parent(path: Path) -> str | None:
    """Name the parent of a subagent: its chat lies in a directory that is named so."""
    chats = chats_directory(path)
    return path.parent.name if chats is not None and path.parent != chats else None


def _session_name(path: Path, own: str) -> str:
    """Name a session: by its own id, for a subagent with its parent's before it."""
    parent = _parent(path)
    return clean_session_id(f"{parent}.{own}" if parent else own)


def _meta(source: Source) -> SessionMeta:
    """Say of a session what its file's place tells."""
    parent = _parent(source.path)
    return SessionMeta(
        source_file=str(source.path),
        working_dir=working_directory(source.path),
        parent_session_id=clean_session_id(parent) if parent else None,
        relation="subagent" if parent else None,
    )


def _conversation(record: ChatRecord, known: SessionMeta) -> SessionMeta:
    """Add what the metadata of a conversation tells."""
    directories = _directories(record.directories)
    title = text(record.summary)
    return msgspec.structs.replace(
        known,
        working_dir=known.working_dir or next(iter(directories), None),
        title=title or None,
        title_source="summary" if title else None,
        metadata={"directories": directories} if directories else {},
    )


def _map_rewind(message_id: str, mapper: Mapper, line: Line) -> TurnEvent:
    """Map a ``$rewindTo``: that message and all after it are no more; all, if it is unknown."""
    turn = mapper.rewind(message_id)
    offset = _find_message(line, message_id)
    if offset is not None:
        start = line.seq - line.start + offset
        undone = removal(str(start), start, line.seq, "reverted")
        turn.session_meta = msgspec.structs.replace(line.context, metadata=undone)
    return turn


def _find_message(line: Line, message_id: str) -> int | None:
    """Give the offset of the first line of a message; `None` if it only stands in a list."""
    wanted = message_id.encode()
    offset, found = 0, 0
    with os.fdopen(open_source(line.source.path), "rb") as file:
        while offset < line.start and (raw := file.readline(MAX_LINE_BYTES)):
            if wanted in raw:
                try:
                    record = msgspec.json.decode(raw, type=ChatRecord)
                except DECODING_ERRORS:
                    record = ChatRecord()  # told as unmapped by the one who reads it
                if record.id == message_id:
                    return offset
                found += record.update is not None
            offset += len(raw)
    return None if found else 0


def _map_update(update: Update, line: Line) -> Iterable[Event] | str:
    """Map a ``$set``: a list of all messages, a summary, directories."""
    events: list[Event] = []
    if isinstance(update.messages, list):
        # What a message said of itself, in a line of its own, is better than a copy of it.
        mapper = Mapper(line, Revisions(line.start, line.start), line.context)
        for message in msgspec.convert(update.messages, list[ChatRecord]):
            events += mapper.map_message(message)
    directories = _directories(update.directories)
    title = text(update.summary)
    if title or directories:
        meta = SessionMeta(
            title=title or None,
            title_source="summary" if title else None,
            metadata={"directories": directories} if directories else {},
        )
        events.append(line.session(meta))
    return events or "$set"


def _directories(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
