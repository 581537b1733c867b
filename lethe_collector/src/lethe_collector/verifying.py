"""`verify`: reads the sources again and compares with what the server has.

Each source is read from its beginning to the cursor that the state holds, so that what has not
been read yet is no finding. Of each session the digest of its turns is compared; where it
differs, their hashes. What stands in the outbox or in the dead letters is not missing.

Cursors, outbox and dead letters are taken from one moment of the state: whatever a collector that
runs does meanwhile, what lay before a cursor then is on the server, or in one of the two. A source
that has changed so that its cursor is met nowhere proves nothing, and is left out.

A source of which turns are missing can be set back to its beginning: the collector reads and
sends it again, and the server knows what it has.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import zstandard

from lethe_collector.archived import SessionDigests
from lethe_collector.batches import read_key
from lethe_collector.deletions import mark_deleted
from lethe_collector.discovery import find_sources, roots_of
from lethe_collector.guests import as_guest
from lethe_collector.outbox import digest_of
from lethe_collector.source_table import SourceTable
from lethe_collector.transport import HttpTransport
from lethe_core.digests import digest_turns, hash_turn
from lethe_core.events import TurnEvent
from lethe_core.outcomes import FAILURES, describe_failure, until_failure

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lethe_collector.config import CollectorConfig
    from lethe_collector.database import Database
    from lethe_core.parser import Parser
    from lethe_core.plugins import ParserRegistry
    from lethe_core.sources import Source

_KNOWN: Final = """
SELECT tool, path, id, generation, cursor, read_size, read_mtime_ns FROM sources
WHERE cursor IS NOT NULL AND state <> 'gone'
"""


@dataclass(slots=True)
class Verification:
    """What was found.

    Args:
        sources: that were compared.
        turns: in them.
        missing: how many turns the server has not, by the row and the path of their source.
        unreadable: sources that could not be read, and places where none could be looked for, and
            why.
        changed: how many sources have changed since they were read; they are no finding.
        deleted: how many turns were marked that their sources have no more.
        thinned: how many sessions they belong to.
    """

    sources: int = 0
    turns: int = 0
    missing: dict[tuple[int, str], int] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    changed: int = 0
    deleted: int = 0
    thinned: int = 0


class _Known(NamedTuple):
    """What the state knows of a source."""

    id: int
    generation: int
    cursor: str
    read_size: int | None
    read_mtime_ns: int | None


class Verifier:
    """Compares sources with the archive.

    Args:
        database: the state.
        transport: leads to the server.
        host: the name of this machine.
    """

    def __init__(self, database: Database, transport: HttpTransport, host: str) -> None:
        self._database = database
        self._transport = transport
        self._host = host
        self._kept: defaultdict[str, set[str]] = defaultdict(set)
        self._known: defaultdict[str, dict[str, _Known]] = defaultdict(dict)
        self._look()
        self.found = Verification()

    def generations(self, tool: str) -> dict[str, int]:
        """Say how often each source of a tool was replaced, by path.

        Args:
            tool: whose sources.
        """
        return {path: known.generation for path, known in self._known[tool].items()}

    async def verify(self, parser: Parser, roots: list[Path]) -> None:
        """Compare all sources of a tool.

        Args:
            parser: reads them.
            roots: where they are.

        Raises:
            Unavailable: the server does not answer.
        """
        known = self._known[parser.tool]
        for root in roots:
            failures: list[BaseException] = []
            for source in until_failure(find_sources(parser, root), failures):
                if str(source.path) in known:
                    await self._compare(parser, source, known[str(source.path)])
            for error in failures:
                self.note_failure(str(root), error)

    def note_failure(self, place: str, error: BaseException) -> None:
        """Note that sources could not be looked for.

        Args:
            place: a root, or the tool if it names none.
            error: what the plugin raised.
        """
        self.found.unreadable[place] = describe_failure(error, "looking for sources")

    async def _compare(self, parser: Parser, source: Source, known: _Known) -> None:
        sessions: defaultdict[str, set[str]] = defaultdict(set)
        digests = SessionDigests(self._transport, parser.tool, self._host)
        is_as_read = (source.size, source.mtime_ns) == (known.read_size, known.read_mtime_ns)
        try:
            for record in parser.read(replace(source, generation=known.generation), None):
                for event in record.events:
                    if isinstance(event, TurnEvent):
                        sessions[event.session_id].add(hash_turn(event.turn_id))
                if record.cursor == known.cursor:
                    is_as_read = True
                    break
        except FAILURES as error:  # P9: whatever a plugin raises concerns this source alone
            self.found.unreadable[str(source.path)] = type(error).__name__
            return
        missing = 0
        for session_id, hashes in sessions.items():
            missing += await self._count_missing(digests, session_id, hashes)
        if missing and not is_as_read:
            self.found.changed += 1
            return
        self.found.sources += 1
        self.found.turns += sum(map(len, sessions.values()))
        if missing:
            self.found.missing[known.id, str(source.path)] = missing

    async def _count_missing(
        self, digests: SessionDigests, session_id: str, hashes: set[str]
    ) -> int:
        there = await digests.ask(session_id)
        if (there.turns, there.digest) == (len(hashes), digest_turns(hashes)):
            return 0
        if there.turns:
            there = await digests.ask(session_id, hashes=True)
        return len(hashes - set(there.hashes) - self._kept[session_id])

    def _look(self) -> None:
        """Take cursors, outbox and dead letters from one moment."""
        decompress = zstandard.ZstdDecompressor().decompress
        with self._database.snapshot() as connection:
            for tool, path, *rest in connection.execute(_KNOWN):
                self._known[tool][os.fsdecode(path)] = _Known(*rest)
            for body, digest in connection.execute("SELECT body, digest FROM outbox"):
                if digest_of(body) != digest:
                    continue  # damaged: the collector will have its sources read again
                for line in decompress(body).split(b"\n"):
                    key = read_key(line)
                    self._kept[key.session_id].add(hash_turn(key.turn_id))
            for session_id, turn_id in connection.execute(
                "SELECT session_id, turn_id FROM dead_letters"
            ):
                self._kept[session_id].add(hash_turn(turn_id))

    def repair(self) -> int:
        """Have each source of which turns are missing read again; tell how many there are."""
        ids = [source_id for source_id, _ in self.found.missing]
        SourceTable(self._database).set_back(ids)
        return len(ids)


def run_verification(
    config: CollectorConfig,
    registry: ParserRegistry,
    tool: str | None,
    *,
    repair: bool,
    mark: bool = False,
) -> tuple[Verification, int, bool]:
    """Compare, repair and mark if asked to.

    Args:
        config: of the collector.
        registry: the parsers.
        tool: only this one.
        repair: whether sources with missing turns are to be read again.
        mark: whether turns that their sources have no more are to be marked.

    Returns:
        What was found, how many sources are read again, and whether a collector runs that does so.

    Raises:
        UnknownTool: no plugin reads `tool`.
        Unavailable: the server does not answer, or the state cannot be used now.
    """
    parsers = [registry.get(tool)] if tool else list(registry)
    with as_guest(config.state_dir) as guest:
        verifier = asyncio.run(_run(config, guest.database, parsers, mark=mark))
        repaired = verifier.repair() if repair else 0
        return verifier.found, repaired, guest.collector_runs


async def _run(
    config: CollectorConfig, database: Database, parsers: Iterable[Parser], *, mark: bool
) -> Verifier:
    transport = HttpTransport(config.server_url, config.token_file)
    try:
        verifier = Verifier(database, transport, config.host)
        for parser in parsers:
            try:
                roots = roots_of(parser, config.sources.get(parser.tool))
            except FAILURES as error:
                verifier.note_failure(parser.tool, error)
                continue
            await verifier.verify(parser, roots)
            if mark:
                known = verifier.generations(parser.tool)
                marked = await mark_deleted(parser, roots, known, transport, config.host)
                verifier.found.deleted += marked.turns
                verifier.found.thinned += marked.sessions
                if marked.unreadable is not None:
                    path, reason = marked.unreadable
                    verifier.found.unreadable.setdefault(path, reason)
    finally:
        await transport.close()
    return verifier
