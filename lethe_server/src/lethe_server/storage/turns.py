"""Storing of turns: what is written, and what moves with it.

Which copy of a turn stays, and where it stands, is decided in `lethe_server.storage.copies`. What
stands for a part that could not be mapped goes when a greater parser version has mapped it.

The statements here are the hot path: plain `executemany`, no triggers, no savepoints (measured:
the query builder costs five times as much).
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from lethe_core.events import ROLES
from lethe_server.storage.activity import ActivityLedger
from lethe_server.storage.arrivals import note_arrivals
from lethe_server.storage.changes import SessionChange, note_changes
from lethe_server.storage.copies import PendingTurn
from lethe_server.storage.figures import SessionFigures, add_tokens
from lethe_server.storage.metas import outermost
from lethe_server.storage.owners import ensure_owner
from lethe_server.storage.places import find_places
from lethe_server.storage.records import NO_TOKENS, Tokens, TurnRecord
from lethe_server.storage.search_index import (
    IndexedTurn,
    facets_of,
    index_turns,
    remove_places,
)
from lethe_server.storage.stand_ins import (
    UNMAPPED,
    Occupant,
    StandIn,
    find_stand_ins,
    is_taken,
    replaced,
)
from lethe_server.storage.usages import UsageLedger

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from lethe_server.storage.records import Record, SessionKey

_FIND: Final = """
    SELECT t.turn_id, t.id, t.seq, t.seq_version, t.revision, t.parser_version, t.digest,
        t.role, t.kind, t.timestamp, t.model, t.calls, u.key, t.tokens_in, t.tokens_out,
        t.cache_read, t.cache_write, t.reasoning, t.cost_nano
    FROM turns AS t LEFT JOIN usage AS u ON u.owner = t.owner AND u.id = t.usage
    WHERE t.owner = ? AND t.session = ? AND t.turn_id IN (SELECT value FROM json_each(?))
"""
_INSERT: Final = """
    INSERT INTO turns
        (seq, seq_version, revision, parser_version, digest, role, kind, timestamp, model, calls,
        usage, tokens_in, tokens_out, cache_read, cache_write, reasoning, cost_nano, content,
        payload, owner, session, turn_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_REPLACE: Final = """
    UPDATE turns SET
        seq = ?, seq_version = ?, revision = ?, parser_version = ?, digest = ?, role = ?, kind = ?,
        timestamp = ?, model = ?, calls = ?, usage = ?, tokens_in = ?, tokens_out = ?,
        cache_read = ?, cache_write = ?, reasoning = ?, cost_nano = ?, content = ?, payload = ?
    WHERE owner = ? AND session = ? AND turn_id = ?
"""
_MOVE: Final = """
    UPDATE turns SET seq = ?, seq_version = ?, revision = ?, parser_version = ?, tokens_in = ?,
        tokens_out = ?, cache_read = ?, cache_write = ?, reasoning = ?, cost_nano = ?
    WHERE owner = ? AND id = ?
"""
_DELETE: Final = "DELETE FROM turns WHERE owner = ? AND id = ?"


class StoreOutcome(NamedTuple):
    """What became of the turns of a request.

    Args:
        inserted: turns that are new.
        replaced: turns of which a better copy came.
        unchanged: copies that were there already, or were worse.
        conflicts: copies of the same revision that differ from the one that stays.
    """

    inserted: int = 0
    replaced: int = 0
    unchanged: int = 0
    conflicts: int = 0


class _Session:
    """The turns of one session while a request is stored."""

    def __init__(
        self, connection: apsw.Connection, owner: int, key: SessionKey, records: Sequence[Record]
    ) -> None:
        self._connection = connection
        self._owner = owner
        self.tool = key.tool
        self._host = key.host
        self.figures = SessionFigures(connection, owner, key)
        self.conflicts = 0
        self.indexed: list[IndexedTurn] = []
        turns = [record for record in records if isinstance(record, TurnRecord)]
        self.turns = self._load({record.turn_id for record in turns})
        for record in turns:
            turn = self.turns.get(record.turn_id)
            if turn is None:
                self.turns[record.turn_id] = PendingTurn.from_record(record)
            else:
                self.conflicts += turn.fold(record)
        registers = self.figures.state.registers
        for meta, seq, version in outermost(records):
            self.figures.changed |= registers.merge(meta, seq=seq, version=version)
        self.dropped = [turn.stored for turn in self._take_stand_ins() if turn.stored]

    def _load(self, turn_ids: set[str]) -> dict[str, PendingTurn]:
        if not turn_ids:
            return {}
        rows = self._connection.execute(
            _FIND, (self._owner, self.figures.id, json.dumps(list(turn_ids)))
        )
        return {row[0]: PendingTurn.from_row(row) for row in rows}

    def _take_stand_ins(self) -> list[PendingTurn]:
        """Take out the stand-ins whose places turns of a greater parser version have."""
        came = {
            name: StandIn(name, turn.seq, turn.record.places, turn.seq_version)
            for name, turn in self.turns.items()
            if turn.record is not None and turn.record.places
        }
        occupants = [
            Occupant(turn.seq, turn.seq_version)
            for turn in self.turns.values()
            if turn.kind != UNMAPPED
        ]
        where = (self._connection, self._owner, self.figures.id)
        gone = replaced(came.values(), occupants)
        gone |= {name for name, one in came.items() if name not in gone and is_taken(*where, one)}
        if self.figures.unmapped and occupants:
            newest = max(occupant.version for occupant in occupants)
            there = [one for one in find_stand_ins(*where, newest) if one.turn_id not in came]
            gone |= replaced(there, occupants)
        self.turns |= self._load(gone - self.turns.keys())
        return [self.turns.pop(name) for name in gone]

    def claim_usage(self, ledger: UsageLedger) -> None:
        """Tell the ledger which replies the turns that change carry, and carried before."""
        for turn in self.turns.values():
            if turn.record is None and not turn.moved:
                continue
            stored = turn.stored
            if turn.usage_key is not None:
                ledger.claim(turn.usage_key, self.figures.id, turn.tokens)
            if stored is not None and stored.usage_key is not None:
                same = stored.usage_key == turn.usage_key
                if not (same and turn.tokens.covers(stored.tokens)):
                    ledger.release(stored.usage_key)

    def write(self, ledger: UsageLedger, activity: ActivityLedger) -> StoreOutcome:
        """Write the turns that change, and count them."""
        inserted: list[tuple[object, ...]] = []
        replaced: list[tuple[object, ...]] = []
        moved: list[tuple[object, ...]] = []
        for turn in self.turns.values():
            stored, record = turn.stored, turn.record
            if record is None and not turn.moved:
                if stored is not None and turn.raised:
                    moved.append(turn.place_row(self._owner, stored.id))
                    self.figures.changed |= turn.is_told_anew
                continue
            facts = turn.facts()
            activity.add(self.figures.id, facts)
            if stored is not None:
                activity.remove(self.figures.id, stored.facts)
            if record is not None:
                row = turn.content_row(record, ledger.id_of(turn.usage_key))
                row += (self._owner, self.figures.id, record.turn_id)
                if stored is None:
                    inserted.append(row)
                    self.figures.add(facts, record.content)
                else:
                    replaced.append(row)
                    self.figures.replace(stored.facts, facts, record.content)
            else:
                assert stored is not None
                moved.append(turn.place_row(self._owner, stored.id))
                self.figures.replace(stored.facts, facts, None)
        for old in self.dropped:
            activity.remove(self.figures.id, old.facts)
            self.figures.remove(old.facts)
        self._drop_places()
        self._connection.executemany(_DELETE, [(self._owner, old.id) for old in self.dropped])
        self._connection.executemany(_INSERT, inserted)
        self._note_indexed(self._connection.last_insert_rowid() - len(inserted) + 1)
        self._connection.executemany(_REPLACE, replaced)
        self._connection.executemany(_MOVE, moved)
        return StoreOutcome(len(inserted), len(replaced), 0, self.conflicts)

    def _drop_places(self) -> None:
        """Take what is dropped out of the index: an earlier copy of it may have been mapped."""
        if self.dropped:
            found = find_places(self._connection, self._owner, [old.id for old in self.dropped])
            remove_places(self._connection, self._owner, found.values())

    def change(self) -> SessionChange | None:
        """Return what changed, once all is counted; `None` if nothing did."""
        if not self.figures.changed:
            return None
        changed = [turn.seq for turn in self.turns.values() if turn.is_told_anew]
        changed += [old.seq for old in self.dropped]
        return SessionChange(
            self.figures.id, min(changed, default=None), max(changed, default=None)
        )

    def _note_indexed(self, first: int) -> None:
        """Note what the search index must hold of the turns that change.

        Args:
            first: the number of the first turn that was inserted: SQLite counts them up.
        """
        facets = {role: facets_of(self.figures.id, self.tool, self._host, role) for role in ROLES}
        for turn in self.turns.values():
            record = turn.record
            if record is None:
                continue
            is_new = turn.stored is None
            if turn.stored is None:
                number, first = first, first + 1
            else:
                number = turn.stored.id
            self.indexed.append(
                IndexedTurn(
                    turn=number,
                    session=self.figures.id,
                    facets=facets[record.role],
                    timestamp=record.timestamp,
                    content=record.terms,
                    outputs=record.output_terms,
                    is_new=is_new,
                )
            )


def store_records(
    connection: apsw.Connection, owner: str, records: Sequence[Record]
) -> StoreOutcome:
    """Store what came in one request.

    Args:
        connection: in a transaction.
        owner: whose archive.
        records: in any order.
    """
    number = ensure_owner(connection, owner)
    grouped: dict[SessionKey, list[Record]] = {}
    for record in records:
        grouped.setdefault(record.session, []).append(record)
    sessions = [_Session(connection, number, key, group) for key, group in grouped.items()]
    ledgers: dict[str, UsageLedger] = {}
    for session in sessions:
        ledger = ledgers.setdefault(session.tool, UsageLedger(connection, number, session.tool))
        session.claim_usage(ledger)
    for ledger in ledgers.values():
        ledger.open()
    activity = ActivityLedger(connection, number)
    outcomes = [session.write(ledgers[session.tool], activity) for session in sessions]
    at_hand = {session.figures.id: session.figures for session in sessions}
    others: dict[int, Tokens] = {}
    for ledger in ledgers.values():
        for session_id, tokens in ledger.settle(activity).items():
            if session_id in at_hand:
                at_hand[session_id].add_shared_tokens(tokens)
            else:
                others[session_id] = others.get(session_id, NO_TOKENS).plus(tokens)
    add_tokens(connection, number, others)
    activity.save()
    for session in sessions:
        session.figures.save()
    fresh = (
        record
        for (_, group), outcome in zip(grouped.items(), outcomes, strict=True)
        if outcome.inserted or outcome.replaced
        for record in group
    )
    note_arrivals(connection, number, fresh, time.time())
    changes = [change for session in sessions if (change := session.change()) is not None]
    note_changes(connection, number, [*changes, *map(SessionChange, others)])
    index_turns(connection, number, [turn for session in sessions for turn in session.indexed])
    inserted, replaced, _, conflicts = map(sum, zip(StoreOutcome(), *outcomes, strict=True))
    copies = sum(isinstance(record, TurnRecord) for record in records)
    return StoreOutcome(inserted, replaced, copies - inserted - replaced, conflicts)
