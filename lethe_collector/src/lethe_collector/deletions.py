"""`verify --mark-deleted`: turns that the archive has and their sources have no more.

Tools delete messages without a trace. What the archive has of a session that is still there, and
no source of its tool has, was deleted: it stays, and is marked (`lethe_core.removals`).

A collector that runs meanwhile sends new turns. So the sources are read again after the server
was asked: what it had then and they have not is missing, whatever came since. If any source of a
tool cannot be read, nothing is said of that tool. A session that is in no source any more is left
as it is: whether it was deleted, or its folder is merely not looked at, nobody can tell.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from lethe_collector.answers import Ack, classify
from lethe_collector.archived import SessionDigests
from lethe_collector.discovery import find_sources
from lethe_core.digests import digest_turns, hash_turn
from lethe_core.errors import Unavailable
from lethe_core.events import SessionEvent, SessionMeta, TurnEvent
from lethe_core.outcomes import FAILURES, describe_failure
from lethe_core.removals import MISSING, removals
from lethe_core.wire import encode_event

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lethe_collector.archived import ArchivedSession
    from lethe_collector.transport import HttpTransport
    from lethe_core.parser import Parser

_MOST_LINES: Final = 200

_Sessions = defaultdict[str, set[str]]


class _Unreadable(Exception):
    """A source that cannot be read, or a place that cannot be looked at, by its path, and why."""


class Deletions(NamedTuple):
    """What was marked.

    Args:
        turns: that are missing in their sources.
        sessions: that they belong to.
        unreadable: because of which source or place nothing was marked, and why not.
    """

    turns: int = 0
    sessions: int = 0
    unreadable: tuple[str, str] | None = None


async def mark_deleted(
    parser: Parser,
    roots: list[Path],
    generations: Mapping[str, int],
    transport: HttpTransport,
    host: str,
) -> Deletions:
    """Mark what the sources of a tool have no more.

    Args:
        parser: reads them.
        roots: where they are.
        generations: of sources that were replaced, by path.
        transport: leads to the server.
        host: the name of this machine.

    Raises:
        Unavailable: the server does not answer.
    """
    try:
        return await _mark_all(parser, roots, generations, transport, host)
    except _Unreadable as error:
        path, reason = error.args
        return Deletions(unreadable=(path, reason))


async def _mark_all(
    parser: Parser,
    roots: list[Path],
    generations: Mapping[str, int],
    transport: HttpTransport,
    host: str,
) -> Deletions:
    archived: dict[str, ArchivedSession] = {}
    digests = SessionDigests(transport, parser.tool, host)
    for session_id, hashes in _read_all(parser, roots, generations).items():
        there = await digests.ask(session_id)
        if there.marked or (there.turns and (there.turns, there.digest) != _digest(hashes)):
            archived[session_id] = await digests.ask(session_id, hashes=True)
    if not archived:
        return Deletions()
    present = _read_all(parser, roots, generations)
    marks, turns, sessions = [], 0, 0
    for session_id, there in archived.items():
        missing = set(there.hashes) - present[session_id]
        if missing or there.marked:
            marks.append(_mark(parser, host, session_id, there, missing))
            turns, sessions = turns + len(missing), sessions + bool(missing)
    for start in range(0, len(marks), _MOST_LINES):
        lines = marks[start : start + _MOST_LINES]
        verdict = classify(await transport.post(lines), len(lines))
        if not isinstance(verdict, Ack) or verdict.refusals:
            raise Unavailable("the server did not take the marks", hint="see `status`")
    return Deletions(turns, sessions)


def _read_all(parser: Parser, roots: list[Path], generations: Mapping[str, int]) -> _Sessions:
    """Read all sources of a tool to their ends: the hashes of their turns, by session."""
    sessions: _Sessions = defaultdict(set)
    for root in roots:
        try:
            sources = list(find_sources(parser, root))
        except FAILURES as error:
            reason = describe_failure(error, "looking for sources")
            raise _Unreadable(str(root), reason) from error
        for source in sources:
            generation = generations.get(str(source.path), 0)
            try:
                for record in parser.read(replace(source, generation=generation), None):
                    for event in record.events:
                        if isinstance(event, TurnEvent):
                            sessions[event.session_id].add(hash_turn(event.turn_id))
            except FAILURES as error:
                raise _Unreadable(str(source.path), type(error).__name__) from error
    return sessions


def _digest(hashes: set[str]) -> tuple[int, str]:
    return len(hashes), digest_turns(hashes)


def _mark(
    parser: Parser, host: str, session_id: str, there: ArchivedSession, missing: set[str]
) -> bytes:
    """Word which turns are missing; neighbours in the archive are one place."""
    turns = sorted(zip(there.places, there.hashes, strict=True))
    places = []
    for is_missing, group in groupby(turns, key=lambda turn: turn[1] in missing):
        seqs = [seq for seq, _ in group]
        if is_missing:
            places.append((seqs[0], seqs[-1] + 1))
    event = SessionEvent(
        tool=parser.tool,
        session_id=session_id,
        seq=int(time.time() * 1000),  # the statement that was made last counts
        session_meta=SessionMeta(metadata=removals(MISSING, places, "deleted")),
        parser_version=parser.version,
        host=host,
    )
    return encode_event(event)
