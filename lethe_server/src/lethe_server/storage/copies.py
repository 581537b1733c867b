"""Copies of a turn: which one stays, and where the turn stands.

The rules, per owner, tool, host, session and turn (P4, P5, P6):

* the copy of the greatest revision stays; of one revision that of the greatest parser version;
  of equal ones the first (a differing second one is counted as a conflict; of its tokens the
  greater stay);
* the place of a turn is the smallest `seq` of its copies of the greatest parser version: a
  record that was repeated by compaction keeps its first place.

A better copy that says the same (all is sent again after an upgrade, or when a collector lost its
state) only raises what it is compared by: text, payload and index stay. Of that, answers tell the
revision, so that a change of it is one of the session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lethe_server.storage.figures import TurnFacts
from lethe_server.storage.records import NO_TOKENS, Tokens

if TYPE_CHECKING:
    from lethe_server.storage.records import TurnRecord


class StoredTurn(NamedTuple):
    """A turn as it stands in the database.

    Args:
        id: its number.
        seq: its place.
        seq_version: of the parser that put it there.
        rank: revision and parser version.
        tokens: what its copy says was used.
        usage_key: of the API reply that the tokens belong to.
        facts: what of it counts in its session.
    """

    id: int
    seq: int
    seq_version: int
    rank: tuple[int, int]
    tokens: Tokens
    usage_key: str | None
    facts: TurnFacts


class PendingTurn:
    """One turn while a request is stored: the best copy so far and its place."""

    __slots__ = ("digest", "rank", "record", "seq", "seq_version", "stored", "tokens", "usage_key")

    def __init__(
        self, stored: StoredTurn | None, rank: tuple[int, int], digest: int, seq: tuple[int, int]
    ) -> None:
        self.stored = stored
        self.rank = rank
        self.digest = digest
        self.seq, self.seq_version = seq
        self.record: TurnRecord | None = None
        self.tokens = stored.tokens if stored else NO_TOKENS
        self.usage_key = stored.usage_key if stored else None

    @classmethod
    def from_record(cls, record: TurnRecord) -> PendingTurn:
        """Begin with a copy of a turn that is not stored."""
        version = record.parser_version
        turn = cls(None, (record.revision, version), record.digest, (record.seq, version))
        turn.record, turn.tokens, turn.usage_key = record, record.tokens, record.usage_key
        return turn

    @classmethod
    def from_row(cls, row: tuple[Any, ...]) -> PendingTurn:
        """Begin with a turn as `turns` reads it."""
        turn_id, number, seq, seq_version, revision, parser_version, digest, *rest = row
        role, kind, timestamp, model, calls, usage_key, *numbers = rest
        tokens = Tokens(*numbers)
        own = tokens if usage_key is None else NO_TOKENS
        facts = TurnFacts(seq, turn_id, role, kind, timestamp, model, calls, own)
        rank = (revision, parser_version)
        stored = StoredTurn(number, seq, seq_version, rank, tokens, usage_key, facts)
        return cls(stored, rank, digest, (seq, seq_version))

    @property
    def moved(self) -> bool:
        """Whether the stored copy stays, at another place or with greater tokens."""
        kept = self._kept
        return kept is not None and (self.seq, self.tokens) != (kept.seq, kept.tokens)

    @property
    def raised(self) -> bool:
        """Whether the stored copy stays, and what it is compared by has grown."""
        kept = self._kept
        return kept is not None and (self.seq_version, self.rank) != (kept.seq_version, kept.rank)

    @property
    def _kept(self) -> StoredTurn | None:
        """The stored copy, if it stays."""
        return self.stored if self.record is None else None

    @property
    def is_told_anew(self) -> bool:
        """Whether an answer tells something else of it than before."""
        stored = self.stored
        return (
            self.record is not None
            or self.moved
            or (stored is not None and self.rank[0] != stored.rank[0])
        )

    def fold(self, record: TurnRecord) -> bool:
        """Take in a copy.

        Returns:
            Whether it is a conflict.
        """
        if record.parser_version > self.seq_version:
            self.seq, self.seq_version = record.seq, record.parser_version
        elif record.parser_version == self.seq_version:
            self.seq = min(self.seq, record.seq)
        rank = (record.revision, record.parser_version)
        if rank > self.rank:
            self.rank = rank
            if not self._says_the_same(record):
                self.digest, self.record = record.digest, record
                self.tokens, self.usage_key = record.tokens, record.usage_key
        elif rank == self.rank:
            if record.usage_key == self.usage_key:
                self.tokens = self.tokens.maximum(record.tokens)
            return record.digest != self.digest
        return False

    def _says_the_same(self, record: TurnRecord) -> bool:
        """Tell whether a copy differs in nothing; of stand-ins the version counts as well."""
        mine = (self.digest, self.tokens, self.usage_key)
        return mine == (record.digest, record.tokens, record.usage_key) and not record.places

    @property
    def kind(self) -> str | None:
        """What sort of turn it is."""
        if self.record is not None:
            return self.record.kind
        return self.stored.facts.kind if self.stored else None

    def place_row(self, owner: int, number: int) -> tuple[object, ...]:
        """Return the values of what is written of a copy that stays, as `turns` writes them."""
        return (self.seq, self.seq_version, *self.rank, *self.tokens, owner, number)

    def facts(self) -> TurnFacts:
        """Return what counts of the turn as it is now."""
        tokens = self.tokens if self.usage_key is None else NO_TOKENS
        record = self.record
        if record is None:
            assert self.stored is not None
            return self.stored.facts._replace(seq=self.seq, tokens=tokens)
        return TurnFacts(
            self.seq,
            record.turn_id,
            record.role,
            record.kind,
            record.timestamp,
            record.model,
            record.calls,
            tokens,
        )

    def content_row(self, record: TurnRecord, usage: int | None) -> tuple[object, ...]:
        """Return the values of all that is written of a copy, as `turns` writes them.

        Args:
            record: the copy.
            usage: the API reply that it carries, by number.
        """
        return (
            self.seq,
            self.seq_version,
            *self.rank,
            record.digest,
            record.role,
            record.kind,
            record.timestamp,
            record.model,
            record.calls,
            usage,
            *self.tokens,
            *record.packed,
        )
