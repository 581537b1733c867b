"""`verify`: reads the sources again and compares with what the server has.

Each source is read from its beginning to the cursor that the state holds, so that what has not
been read yet is no finding. Of each session the digest of its turns is compared; where it
differs, their hashes. What stands in the outbox or in the dead letters is not missing.

A source of which turns are missing can be set back to its beginning: the collector reads and
sends it again, and the server knows what it has.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import msgspec
import zstandard

from lethe_collector.batches import read_key
from lethe_collector.database import Database
from lethe_collector.source_table import SourceTable
from lethe_collector.statefile import StateLock
from lethe_collector.transport import HttpTransport, NotSent
from lethe_core.digests import digest_turns, hash_turn
from lethe_core.errors import SourceReplaced, Unavailable
from lethe_core.events import TurnEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lethe_collector.config import CollectorConfig
    from lethe_core.parser import Parser
    from lethe_core.plugins import ParserRegistry
    from lethe_core.sources import Source

_OK: Final = 200
_NOT_FOUND: Final = 404


class _Digest(msgspec.Struct):
    turns: int
    digest: str
    hashes: list[str] = []


_decode_digest = msgspec.json.Decoder(_Digest).decode


@dataclass(slots=True)
class Verification:
    """What was found.

    Args:
        sources: that were compared.
        turns: in them.
        missing: how many turns the server has not, by the row and the path of their source.
        unreadable: sources that could not be read, and why.
    """

    sources: int = 0
    turns: int = 0
    missing: dict[tuple[int, str], int] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)


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
        self._kept = self._find_kept()
        self.found = Verification()

    async def verify(self, parser: Parser, roots: list[Path]) -> None:
        """Compare all sources of a tool.

        Args:
            parser: reads them.
            roots: where they are.

        Raises:
            Unavailable: the server does not answer.
        """
        rows = self._database.query(
            "SELECT path, id, generation, cursor FROM sources WHERE tool = ? AND cursor NOT NULL",
            (parser.tool,),
        )
        known = {os.fsdecode(path): rest for path, *rest in rows}
        for source in _discover(parser, roots):
            if str(source.path) in known:
                source_id, generation, cursor = known[str(source.path)]
                await self._compare(
                    parser, replace(source, generation=generation), source_id, cursor
                )

    async def _compare(self, parser: Parser, source: Source, source_id: int, cursor: str) -> None:
        sessions: defaultdict[str, set[str]] = defaultdict(set)
        try:
            for record in parser.read(source, None):
                for event in record.events:
                    if isinstance(event, TurnEvent):
                        sessions[event.session_id].add(hash_turn(event.turn_id))
                if record.cursor == cursor:
                    break
        except (OSError, SourceReplaced) as error:
            self.found.unreadable[str(source.path)] = type(error).__name__
            return
        self.found.sources += 1
        self.found.turns += sum(map(len, sessions.values()))
        missing = 0
        for session_id, hashes in sessions.items():
            missing += await self._count_missing(parser.tool, session_id, hashes)
        if missing:
            self.found.missing[source_id, str(source.path)] = missing

    async def _count_missing(self, tool: str, session_id: str, hashes: set[str]) -> int:
        path = f"/api/v1/sessions/{tool}/{self._host}/{session_id}/digest"
        there = await self._ask(path)
        if (there.turns, there.digest) == (len(hashes), digest_turns(hashes)):
            return 0
        if there.turns:
            there = await self._ask(f"{path}?hashes=1")
        return len(hashes - set(there.hashes) - self._kept[session_id])

    async def _ask(self, path: str) -> _Digest:
        try:
            answer = await self._transport.get(path)
        except NotSent as error:
            raise Unavailable(f"the server does not answer: {error.message}") from error
        if answer.status == _NOT_FOUND:
            return _Digest(0, "")
        if answer.status != _OK:
            raise Unavailable(f"the server answers {answer.status}", hint="see `status`")
        return _decode_digest(answer.body)

    def _find_kept(self) -> defaultdict[str, set[str]]:
        """Return the hashes of what waits or was refused, by session."""
        kept: defaultdict[str, set[str]] = defaultdict(set)
        decompress = zstandard.ZstdDecompressor().decompress
        for (body,) in self._database.query("SELECT body FROM outbox"):
            for line in decompress(body).split(b"\n"):
                key = read_key(line)
                kept[key.session_id].add(hash_turn(key.turn_id))
        for session_id, turn_id in self._database.query(
            "SELECT session_id, turn_id FROM dead_letters"
        ):
            kept[session_id].add(hash_turn(turn_id))
        return kept

    def repair(self) -> int:
        """Have each source of which turns are missing read again; tell how many there are."""
        ids = [source_id for source_id, _ in self.found.missing]
        SourceTable(self._database).set_back(ids)
        return len(ids)


def _discover(parser: Parser, roots: list[Path]) -> Iterator[Source]:
    for root in roots:
        with suppress(FileNotFoundError, NotADirectoryError):
            yield from parser.discover(root)


def run_verification(
    config: CollectorConfig, registry: ParserRegistry, tool: str | None, *, repair: bool
) -> tuple[Verification, int]:
    """Compare, and repair if asked to.

    Args:
        config: of the collector.
        registry: the parsers.
        tool: only this one.
        repair: whether sources with missing turns are to be read again.

    Returns:
        What was found, and how many sources will be read again.

    Raises:
        StateInUse: a daemon runs.
        UnknownTool: no plugin reads `tool`.
        Unavailable: the server does not answer.
    """
    parsers = [registry.get(tool)] if tool else list(registry)
    lock = StateLock.acquire(config.state_dir)
    try:
        with closing(Database(config.state_dir)) as database:
            return asyncio.run(_run(config, database, parsers, repair=repair))
    finally:
        lock.release()


async def _run(
    config: CollectorConfig, database: Database, parsers: Iterable[Parser], *, repair: bool
) -> tuple[Verification, int]:
    transport = HttpTransport(config.server_url, config.token_file)
    try:
        verifier = Verifier(database, transport, config.host)
        for parser in parsers:
            roots = config.sources.get(parser.tool)
            await verifier.verify(parser, list(parser.default_roots()) if roots is None else roots)
    finally:
        await transport.close()
    return verifier.found, verifier.repair() if repair else 0
