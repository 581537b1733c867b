"""Storage: the only rooms that know which database it is.

Others see `Store` and the types that it takes and gives.
"""

from __future__ import annotations

from lethe_server.storage.arrivals import HostRow, ToolRow, find_hosts, find_tools
from lethe_server.storage.changes import BEGINNING, ChangedSession, ChangePage, Place, Places
from lethe_server.storage.payloads import Packer
from lethe_server.storage.readers import Connection
from lethe_server.storage.records import Record, SessionKey, Tokens, prepare_record
from lethe_server.storage.sessions import (
    SORTS,
    SessionFilter,
    SessionRow,
    find_named,
)
from lethe_server.storage.statistics import ActivityFilter, Figures, read_places
from lethe_server.storage.store import Store
from lethe_server.storage.tokenbook import TokenBook
from lethe_server.storage.tokens import TokenRow
from lethe_server.storage.turnpages import TurnPlace, TurnRow, TurnSlice, read_turns
from lethe_server.storage.turns import StoreOutcome
from lethe_server.storage.turnstarts import SESSION_START, TurnStart, TurnStarts

__all__ = [
    "BEGINNING",
    "SESSION_START",
    "SORTS",
    "ActivityFilter",
    "ChangePage",
    "ChangedSession",
    "Connection",
    "Figures",
    "HostRow",
    "Packer",
    "Place",
    "Places",
    "Record",
    "SessionFilter",
    "SessionKey",
    "SessionRow",
    "Store",
    "StoreOutcome",
    "TokenBook",
    "TokenRow",
    "Tokens",
    "ToolRow",
    "TurnPlace",
    "TurnRow",
    "TurnSlice",
    "TurnStart",
    "TurnStarts",
    "find_hosts",
    "find_named",
    "find_tools",
    "prepare_record",
    "read_places",
    "read_turns",
]
