"""The parser for goose: one SQLite database with `sessions`, `messages` and, lately, a ledger.

Messages are inserted when they are complete. When a conversation is compacted or edited, all of its
messages are deleted and inserted again, with their old ids and times and with new, higher numbers.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from lethe_core import Feed, Row, SqliteParser
from lethe_goose.ledger import map_ledger
from lethe_goose.messages import Message, places_of
from lethe_goose.sessions import map_session

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lethe_core import Event

_OVERLAP_SECONDS: Final = 5
_TOTALS: Final = (
    "accumulated_input_tokens",
    "accumulated_output_tokens",
    "accumulated_cache_read_tokens",
    "accumulated_cache_write_tokens",
    "accumulated_cost",
)
_SESSION: Final = ("created_at", "updated_at", "working_dir")
_SESSION_MORE: Final = (
    *("name", "description", "user_set_name", "session_type", "provider_name"),
    *("model_config_json", "goose_mode", "archived_at", "parent_session_id"),
    *_TOTALS,
)
_LEDGER: Final = ("session_id", "created_timestamp", "input_tokens", "output_tokens")
_LEDGER_MORE: Final = ("model", "cache_read_tokens", "cache_write_tokens", "cost", "is_compaction")


class GooseParser(SqliteParser):
    """Reads the database of goose."""

    tool: ClassVar[str] = "goose"
    label: ClassVar[str] = "goose"
    version: ClassVar[int] = 2
    names: ClassVar[tuple[str, ...]] = ("sessions.db", "sessions/sessions.db")

    def default_roots(self) -> Iterable[Path]:
        """Name the data directories: those of this platform, or the one of `$GOOSE_PATH_ROOT`."""
        if root := os.environ.get("GOOSE_PATH_ROOT"):
            return [Path(root).absolute() / "data"]
        home = Path.home()
        if sys.platform == "win32":
            settings = os.environ.get("APPDATA") or home / "AppData" / "Roaming"
            return [Path(settings).absolute() / "Block" / "goose" / "data"]
        base = os.environ.get("XDG_DATA_HOME") or home / ".local" / "share"
        roots = [Path(base).absolute() / "goose"]
        if sys.platform == "darwin":
            roots.append(home / "Library" / "Application Support" / "Block.goose")
        return roots

    def resume_command(self, session_id: str, working_dir: str | None) -> str | None:
        """Give the command that resumes a session."""
        command = f"goose session --resume --session-id {shlex.quote(session_id)}"
        return f"cd {shlex.quote(working_dir)} && {command}" if working_dir else command

    def feeds(self, schema: Mapping[str, frozenset[str]]) -> Sequence[Feed]:
        """Watch sessions, messages and the ledger."""
        if not {"sessions", "messages"} <= schema.keys():
            return []
        feeds = [
            Feed(
                table="sessions",
                changed="strftime('%s', updated_at)",
                columns=_SESSION,
                optional=_SESSION_MORE,
                overlap=_OVERLAP_SECONDS,
            ),
            Feed(
                table="messages",
                changed="id",  # never used again, and a new one whenever a row is written anew
                columns=("session_id", "role", "content_json", "created_timestamp"),
                optional=("message_id", "metadata_json"),
            ),
        ]
        if set(_LEDGER) <= schema.get("usage_ledger", frozenset()):
            feeds.append(
                Feed(
                    table="usage_ledger",
                    changed="rowid",  # rows are added at the end, and stay as they are
                    columns=_LEDGER,
                    optional=_LEDGER_MORE,
                    key="session_id",
                )
            )
        return feeds

    def map_row(self, row: Row) -> Iterable[Event] | str:
        """Map a session to what is known of it, and a message to the turns of its parts."""
        match row.feed.table:
            case "sessions":
                return map_session(row)
            case "usage_ledger":
                return map_ledger(row)
        return Message(row).turns()

    def places(self, row: Row) -> range:
        """Give the places of a message. See `SqliteParser.places`."""
        return places_of(row) if row.feed.table == "messages" else super().places(row)
