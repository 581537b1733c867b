"""Storage: the only room that knows which database it is; search knows the syntax of its index.

Most rooms need what stands here: `Store`, and what it is asked with and answers. A subject that is
stored on its own, such as saved searches or tokens, asks the module of that name.
"""

from __future__ import annotations

from lethe_server.storage.arrivals import HostRow, ToolRow, find_hosts, find_tools
from lethe_server.storage.changes import ChangedSession, ChangePage, Place, Places
from lethe_server.storage.payloads import Packer
from lethe_server.storage.readers import Connection
from lethe_server.storage.records import Record, SessionKey, Tokens, prepare_record
from lethe_server.storage.sessions import (
    SORTS,
    SessionFilter,
    SessionRow,
    find_named,
)
from lethe_server.storage.statistics import ActivityFilter, Figures, read_workplaces
from lethe_server.storage.store import Store
from lethe_server.storage.tokenbook import TokenBook
from lethe_server.storage.tokens import TokenRow
from lethe_server.storage.turnpages import TurnPlace, TurnRow, TurnSlice, read_turns
from lethe_server.storage.turnstarts import SESSION_START, TurnStart, TurnStarts

__all__ = [
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
    "read_turns",
    "read_workplaces",
]
