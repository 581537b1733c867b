"""The shared ground of lethe: events, wire, parser contract and plugin loading.

A parser plugin needs `Parser` (or one of its base classes), the event types and `hookimpl`; all
of them are exported here. `lethe_core` does no network and knows neither server nor collector.
"""

from __future__ import annotations

from lethe_core.events import (
    Event,
    Relation,
    Role,
    SessionEvent,
    SessionMeta,
    TitleSource,
    ToolCall,
    TurnEvent,
    Usage,
)
from lethe_core.feeds import Feed
from lethe_core.hookspecs import hookimpl
from lethe_core.jsonl import JsonlParser, Line
from lethe_core.origins import Origin
from lethe_core.parser import API_VERSION, Parser
from lethe_core.pieces import Piece, Place
from lethe_core.rows import Row
from lethe_core.snapshots import SnapshotParser
from lethe_core.sources import Cursor, Identity, Record, Source
from lethe_core.sqlite import SqliteParser

__all__ = [
    "API_VERSION",
    "Cursor",
    "Event",
    "Feed",
    "Identity",
    "JsonlParser",
    "Line",
    "Origin",
    "Parser",
    "Piece",
    "Place",
    "Record",
    "Relation",
    "Role",
    "Row",
    "SessionEvent",
    "SessionMeta",
    "SnapshotParser",
    "Source",
    "SqliteParser",
    "TitleSource",
    "ToolCall",
    "TurnEvent",
    "Usage",
    "hookimpl",
]

__version__ = "0.1.0"
