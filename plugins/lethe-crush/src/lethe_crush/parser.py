"""The parser for Crush: one SQLite database a project, with the tables `sessions` and `messages`.

A message is one row that is updated while the model writes; its parts are a JSON list. The database
of opencode as it was written in Go, from which Crush came, has the same tables with fewer columns.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, ClassVar, Final

from lethe_core import Feed, Row, SessionMeta, SqliteParser
from lethe_core.mapping import clean_session_id, text, unix_time
from lethe_crush.messages import Message, places_of
from lethe_crush.projects import global_directory, known_projects, working_directory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lethe_core import Event, SessionEvent

#: Times are seconds, whatever the tables say; some tools that write the same tables use
#: milliseconds.
_SECONDS: Final = "CASE WHEN updated_at > 100000000000 THEN updated_at / 1000 ELSE updated_at END"
_OVERLAP_SECONDS: Final = 10
#: Sessions in which a model makes up a title for another one.
_TITLE_SESSION: Final = "title-"
#: Titles of sessions that have none yet.
_NO_TITLES: Final = frozenset({"", "New Session", "Untitled Session"})
#: What a session is worth knowing of, beside its title.
_TOTALS: Final = ("cost", "prompt_tokens", "completion_tokens", "message_count")
_HAS_SUMMARIES: Final = (
    "SELECT 1 FROM pragma_table_info('sessions') WHERE name = 'summary_message_id'"
)


class CrushParser(SqliteParser):
    """Reads the databases of Crush."""

    tool: ClassVar[str] = "crush"
    label: ClassVar[str] = "Crush"
    version: ClassVar[int] = 3
    names: ClassVar[tuple[str, ...]] = ("crush.db", ".crush/crush.db")

    def default_roots(self) -> Iterable[Path]:
        """Name the data directories of all projects that Crush knows, and its own."""
        return [*dict.fromkeys(project.data for project in known_projects()), global_directory()]

    def resume_command(self, session_id: str, working_dir: str | None) -> str | None:
        """Give the command that opens the project; Crush lists its sessions there."""
        del session_id
        return f"crush --cwd {shlex.quote(working_dir)}" if working_dir else None

    def feeds(self, schema: Mapping[str, frozenset[str]]) -> Sequence[Feed]:
        """Watch sessions and messages."""
        if not {"sessions", "messages"} <= schema.keys():
            return []
        return [
            Feed(
                table="sessions",
                changed=_SECONDS,
                columns=("parent_session_id", "title", "created_at", "updated_at"),
                optional=("summary_message_id", *_TOTALS),
                overlap=_OVERLAP_SECONDS,
            ),
            Feed(
                table="messages",
                changed=_SECONDS,
                columns=("session_id", "role", "parts", "model", "created_at", "updated_at"),
                optional=("finished_at", "provider", "is_summary_message"),
                overlap=_OVERLAP_SECONDS,
            ),
        ]

    def map_row(self, row: Row) -> Iterable[Event] | str:
        """Map a session to what is known of it, and a message to the turns of its parts."""
        session = row["id"] if row.feed.table == "sessions" else row["session_id"]
        if session.startswith(_TITLE_SESSION):
            return "session for a title"
        if row.feed.table == "sessions":
            return self._session(row)
        return Message(row, is_summary=_is_summary(row)).turns()

    def places(self, row: Row) -> range:
        """Give the places of a message. See `SqliteParser.places`."""
        return places_of(row) if row.feed.table == "messages" else super().places(row)

    def _session(self, row: Row) -> Iterator[SessionEvent]:
        meta = SessionMeta(
            source_file=str(row.source.path),
            working_dir=working_directory(row.source.path),
            metadata={name: row[name] for name in _TOTALS if row[name]},
        )
        if (title := text(row["title"]).strip()) not in _NO_TITLES:
            meta.title, meta.title_source = title, "generated"
        if parent := text(row["parent_session_id"]):
            meta.parent_session_id, meta.relation = clean_session_id(parent), "subagent"
        yield row.session(
            clean_session_id(row["id"]),
            meta,
            seq=row.changed,
            timestamp=unix_time(row["updated_at"]),
        )


def _is_summary(row: Row) -> bool:
    """Say whether a message sums up what stands before it."""
    if row["is_summary_message"] is not None:
        return bool(row["is_summary_message"])
    if not row.query(_HAS_SUMMARIES):
        return False  # the first versions summed nothing up
    found = row.query("SELECT 1 FROM sessions WHERE summary_message_id = ?", row["id"])
    return bool(found)
