"""What is stored of one line of the wire, prepared before the writer sees it.

All that costs time and needs no database (digest, compression, counting) happens here, in the
thread that decodes the request; the one writer thread only compares and inserts.
"""

from __future__ import annotations

import hashlib
import operator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from lethe_core.wire import IncomingTurn
from lethe_server.search.terms import NO_TERMS, Terms, index_terms
from lethe_server.storage.payloads import Packed, Packer, join_outputs
from lethe_server.storage.stand_ins import UNMAPPED, count_places

if TYPE_CHECKING:
    from lethe_core.wire import DecodedLine, IncomingMeta, IncomingSession, IncomingToolCall

#: Numbers beyond these are no counts of tokens and no prices; they are cut so that sums over
#: millions of turns fit into 64 bits.
MAX_TOKENS: Final = 2**40
MAX_COST_USD: Final = 1e6
#: Prices are stored as whole billionths of a dollar: sums do not depend on the order of arrival.
NANO: Final = 10**9

_PROMPT_KINDS: Final = frozenset({None, "prompt", "queued_prompt"})
_MAX_KIND: Final = 64


class Tokens(NamedTuple):
    """The numbers of a usage; `cost` in billionths of a dollar."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    cost: int = 0

    @property
    def cost_usd(self) -> float | None:
        """The price that tools reported, if any did."""
        return self.cost / NANO or None

    def maximum(self, other: Tokens) -> Tokens:
        """Return the greater number of each field."""
        if self == other:
            return self
        return Tokens(*map(max, self, other))

    def plus(self, other: Tokens) -> Tokens:
        """Return the sum of each field."""
        return Tokens(*map(operator.add, self, other))

    def minus(self, other: Tokens) -> Tokens:
        """Return the difference of each field."""
        return Tokens(*map(operator.sub, self, other))

    def covers(self, other: Tokens) -> bool:
        """Tell whether no field of `other` is greater."""
        return all(map(operator.ge, self, other))


#: Of what used none.
NO_TOKENS: Final = Tokens()


class SessionKey(NamedTuple):
    """Names a session within its owner."""

    tool: str
    host: str
    session_id: str


class TurnRecord(NamedTuple):
    """A turn as it is stored.

    Args:
        session: its session.
        turn_id: unique within the session.
        seq: its place.
        revision: of the turn.
        parser_version: of the mapping.
        digest: of all that makes two copies the same, as a signed 64-bit integer.
        role: who speaks.
        kind: `metadata.kind`, if it is a short text.
        timestamp: Unix seconds.
        model: that answered.
        calls: how many calls of tools it makes (results are none).
        usage_key: of the API reply that `tokens` belong to; `None` if they are the turn's own.
        tokens: what this copy says was used.
        content: the text.
        packed: what is stored of the text, the calls and the metadata.
        meta: what it says of its session.
        terms: what is indexed of the text.
        output_terms: what is indexed of the outputs of tools.
        places: how many places it has if it is a stand-in; else 0.
    """

    session: SessionKey
    turn_id: str
    seq: int
    revision: int
    parser_version: int
    digest: int
    role: str
    kind: str | None
    timestamp: float | None
    model: str | None
    calls: int
    usage_key: str | None
    tokens: Tokens
    content: str
    packed: Packed
    meta: IncomingMeta | None
    terms: Terms = NO_TERMS
    output_terms: Terms = NO_TERMS
    places: int = 0

    @property
    def is_prompt(self) -> bool:
        """Whether a person typed it."""
        return is_prompt(self.role, self.kind)


class SessionRecord(NamedTuple):
    """What is said of a session without a turn."""

    session: SessionKey
    seq: int
    parser_version: int
    meta: IncomingMeta


Record = TurnRecord | SessionRecord


def is_prompt(role: str, kind: str | None) -> bool:
    """Tell whether a person typed a turn.

    Args:
        role: of the turn.
        kind: of the turn; parsers that tell no kinds have prompts alone as `user` turns.
    """
    return role == "user" and kind in _PROMPT_KINDS


def prepare_record(line: DecodedLine, packer: Packer | None = None) -> Record:
    """Turn a decoded line into what is stored.

    Args:
        line: from `lethe_core.wire.decode_line`.
        packer: of the owner; one without a dictionary if there is none.
    """
    event = line.event
    key = SessionKey(event.tool, event.host, event.session_id)
    if not isinstance(event, IncomingTurn):
        return _session_record(key, event)
    tool_calls, metadata = bytes(event.tool_calls), bytes(event.metadata)
    if metadata == b"{}":
        metadata = b""
    if tool_calls == b"[]":
        tool_calls = b""
    kind = _kind_of(line.metadata)
    terms = output_terms = NO_TERMS
    if kind != UNMAPPED:
        terms = index_terms(event.content)
        output_terms = index_terms(join_outputs(call.output for call in line.calls))
    return TurnRecord(
        session=key,
        turn_id=event.turn_id,
        seq=event.seq,
        revision=event.revision,
        parser_version=event.parser_version,
        digest=_digest(event, tool_calls, metadata),
        role=event.role,
        kind=kind,
        timestamp=event.timestamp,
        model=event.model,
        calls=_count_calls(event.role, line.calls),
        usage_key=event.usage.key if event.usage else None,
        tokens=_tokens_of(event),
        content=event.content,
        packed=(packer or Packer()).pack(event.content, tool_calls, metadata),
        meta=event.session_meta,
        terms=terms,
        output_terms=output_terms,
        places=0 if event.usage else count_places(event.turn_id, kind, metadata),
    )


def _session_record(key: SessionKey, event: IncomingSession) -> SessionRecord:
    return SessionRecord(key, event.seq, event.parser_version, event.session_meta)


def _tokens_of(turn: IncomingTurn) -> Tokens:
    cost = round(min(turn.cost_usd, MAX_COST_USD) * NANO) if turn.cost_usd else 0
    usage = turn.usage
    if usage is None:
        if not (turn.tokens_in or turn.tokens_out or cost):
            return NO_TOKENS
        return Tokens(
            min(turn.tokens_in or 0, MAX_TOKENS), min(turn.tokens_out or 0, MAX_TOKENS), cost=cost
        )
    return Tokens(
        min(usage.input, MAX_TOKENS),
        min(usage.output, MAX_TOKENS),
        min(usage.cache_read, MAX_TOKENS),
        min(usage.cache_write, MAX_TOKENS),
        min(usage.reasoning, MAX_TOKENS),
        cost,
    )


def _kind_of(metadata: dict[str, Any]) -> str | None:
    kind = metadata.get("kind")
    return kind if isinstance(kind, str) and 0 < len(kind) <= _MAX_KIND else None


def _count_calls(role: str, calls: list[IncomingToolCall]) -> int:
    """Count calls: a turn of a tool holds results, unless it holds the arguments as well."""
    if role != "tool":
        return len(calls)
    return sum(call.input is not None for call in calls)


def _digest(turn: IncomingTurn, tool_calls: bytes, metadata: bytes) -> int:
    parts = [msgspec.json.encode((turn.role, turn.timestamp, turn.model))]
    for part in (turn.content.encode(), tool_calls, metadata):
        parts += (len(part).to_bytes(8, "big"), part)
    digest = hashlib.blake2b(b"".join(parts), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
