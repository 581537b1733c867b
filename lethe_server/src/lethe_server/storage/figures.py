"""The figures of a session, kept exact while turns come, change and move.

Nothing is aggregated when sessions are listed (measured: 250 times dearer). What is a sum moves by
differences; what is an extreme (first and last activity, the first prompt) moves when a turn
improves it, and is looked up again only when the turn that it came from no longer holds it. Sums
of shared usage are the business of `lethe_server.storage.usages`.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from lethe_server.storage.activity import FIGURES
from lethe_server.storage.dictionaries import unpacker_of
from lethe_server.storage.metas import Registers, fold_text
from lethe_server.storage.records import NO_TOKENS, SessionKey, Tokens, is_prompt

if TYPE_CHECKING:
    import apsw

#: Longest preview of a session, in characters.
MAX_PREVIEW: Final = 200

_COUNTS: Final = (
    "turns",
    "prompts",
    "user_turns",
    "assistant_turns",
    "tool_turns",
    "system_turns",
    "tool_calls",
    "unmapped",
)
#: What a turn of each role adds to the counts of roles.
_OF_ROLE: Final = {
    "user": (1, 0, 0, 0),
    "assistant": (0, 1, 0, 0),
    "tool": (0, 0, 1, 0),
    "system": (0, 0, 0, 1),
}

_FIND: Final = """
    SELECT id, started_at, last_activity, preview, unmapped, state FROM sessions
    WHERE owner = ? AND tool = ? AND host = ? AND session_id = ?
"""
_CREATE: Final = """
    INSERT INTO sessions (owner, tool, host, session_id, state) VALUES (?, ?, ?, ?, ?)
    RETURNING id
"""
_ADD_TOKENS: Final = (
    "UPDATE sessions SET "  # noqa: S608 - made of the constants above alone
    + ", ".join(f"{name} = {name} + ?" for name in FIGURES)
    + " WHERE owner = ? AND id = ?"
)
_SAVE: Final = (
    "UPDATE sessions SET "  # noqa: S608 - made of the constants above alone
    + ", ".join(f"{name} = {name} + ?" for name in (*_COUNTS, *FIGURES))
    + """, started_at = ?, last_activity = ?, title = ?, preview = ?, working_dir = ?,
    git_branch = ?, parent_session_id = ?, relation = ?, source_file = ?, metadata = ?, state = ?
    WHERE owner = ? AND id = ?"""
)
_FIND_ACTIVITY: Final = """
    SELECT min(timestamp), max(timestamp) FROM turns WHERE owner = ? AND session = ?
"""
_FIND_PREVIEW: Final = """
    SELECT seq, turn_id, content, payload FROM turns
    WHERE owner = ? AND session = ? AND role = 'user'
        AND (kind IS NULL OR kind IN ('prompt', 'queued_prompt'))
    ORDER BY seq, turn_id LIMIT 1
"""


class TurnFacts(NamedTuple):
    """What of a turn counts in its session.

    Args:
        seq: its place.
        turn_id: its name.
        role: who speaks.
        kind: what sort of turn.
        timestamp: Unix seconds.
        model: that answered.
        calls: of tools.
        tokens: its own; none if they belong to a shared usage.
    """

    seq: int
    turn_id: str
    role: str
    kind: str | None
    timestamp: float | None
    model: str | None
    calls: int
    tokens: Tokens

    def counts(self) -> tuple[int, ...]:
        """Return what the turn adds to each of the counts of its session."""
        return (
            1,
            is_prompt(self.role, self.kind),
            *_OF_ROLE[self.role],
            self.calls,
            self.kind == "unmapped",
        )


class SessionState(msgspec.Struct):
    """What must be known to go on with the figures of a session; stored as JSON.

    Args:
        registers: what events said of the session.
        models: how many turns each model answered.
        first_prompt: place and name of the turn that the preview is of.
    """

    registers: Registers = msgspec.field(default_factory=Registers)
    models: dict[str, int] = {}
    first_prompt: tuple[int, str] | None = None


_decode_state = msgspec.json.Decoder(SessionState).decode


class SessionFigures:
    """The figures of one session while one request is stored.

    Args:
        connection: in a transaction.
        owner: whose session.
        key: its name; it is made if there is none.

    Attributes:
        id: of the session.
        state: see `SessionState`; set `changed` with it.
        changed: whether there is anything to save.
        unmapped: turns that stand for what could not be mapped, before this request.
    """

    def __init__(self, connection: apsw.Connection, owner: int, key: SessionKey) -> None:
        self._connection = connection
        self._owner = owner
        row = connection.execute(_FIND, (owner, *key)).fetchone()
        self.state = SessionState()
        self.changed = row is None
        self._started: float | None = None
        self._last: float | None = None
        self._preview: str | None = None
        self.unmapped = 0
        if row is None:
            values = (owner, *key, msgspec.json.encode(self.state))
            self.id: int = connection.execute(_CREATE, values).get
        else:
            self.id, self._started, self._last, self._preview, self.unmapped, state = row
            self.state = _decode_state(state)
        self._counts = [0] * len(_COUNTS)
        self._tokens = NO_TOKENS
        self._lost_activity = False
        self._lost_preview = False

    def add(self, facts: TurnFacts, content: str | None) -> None:
        """Count a turn.

        Args:
            facts: of the turn.
            content: its text; `None` if it is not at hand.
        """
        self.changed = True
        self._counts = list(map(operator.add, self._counts, facts.counts()))
        if facts.tokens is not NO_TOKENS:
            self._tokens = self._tokens.plus(facts.tokens)
        if facts.model is not None:
            self.state.models[facts.model] = self.state.models.get(facts.model, 0) + 1
        if facts.timestamp is not None:
            stamp = facts.timestamp
            self._started = stamp if self._started is None else min(self._started, stamp)
            self._last = stamp if self._last is None else max(self._last, stamp)
        if is_prompt(facts.role, facts.kind):
            place = (facts.seq, facts.turn_id)
            first = self.state.first_prompt
            if first is None or place <= first:
                self.state.first_prompt = place
                self._preview = fold_text(content or "", MAX_PREVIEW)
                self._lost_preview |= content is None

    def replace(self, old: TurnFacts, new: TurnFacts, content: str | None) -> None:
        """Count a turn in the place of what it was before.

        Args:
            old: what was counted.
            new: what counts now.
            content: its text; `None` if it is what it was.
        """
        was_first = self.state.first_prompt == (old.seq, old.turn_id)
        stays = is_prompt(new.role, new.kind) and new.seq <= old.seq and content is not None
        self._take_off(old, new.timestamp)
        self._lost_preview |= was_first and not stays
        self.add(new, content)

    def remove(self, facts: TurnFacts) -> None:
        """Take a turn off that is no longer there."""
        self.changed = True
        self._lost_preview |= self.state.first_prompt == (facts.seq, facts.turn_id)
        self._take_off(facts, None)

    def _take_off(self, old: TurnFacts, timestamp: float | None) -> None:
        """Take off what was counted of a turn.

        Args:
            old: what was counted.
            timestamp: of what counts in its place; `None` if nothing does.
        """
        self._counts = list(map(operator.sub, self._counts, old.counts()))
        self._tokens = self._tokens.minus(old.tokens)
        if old.model is not None:
            left = self.state.models[old.model] - 1
            if left:
                self.state.models[old.model] = left
            else:
                del self.state.models[old.model]
        self._lost_activity |= self._holds_activity(old.timestamp, timestamp)
        if self.state.first_prompt == (old.seq, old.turn_id):
            self.state.first_prompt = None

    def add_shared_tokens(self, tokens: Tokens) -> None:
        """Count tokens of a shared usage, or take them off."""
        self.changed = True
        self._tokens = self._tokens.plus(tokens)

    def save(self) -> None:
        """Write what has changed; the turns are written already."""
        if not self.changed:
            return
        where = (self._owner, self.id)
        if self._lost_activity:
            found: Any = self._connection.execute(_FIND_ACTIVITY, where).fetchone()
            self._started, self._last = found
        if self._lost_preview:
            self._find_preview()
        registers = self.state.registers
        self._connection.execute(
            _SAVE,
            (
                *self._counts,
                *self._tokens,
                self._started,
                self._last,
                registers.get("title"),
                self._preview,
                registers.get("working_dir"),
                registers.get("git_branch"),
                registers.get("parent_session_id"),
                registers.get("relation"),
                registers.get("source_file"),
                registers.metadata_json() if registers.metadata else None,
                msgspec.json.encode(self.state),
                *where,
            ),
        )

    def _holds_activity(self, old: float | None, new: float | None) -> bool:
        """Tell whether the first or last activity may be lost with a turn's old timestamp."""
        if old is None:
            return False
        if new is None:
            return old in (self._started, self._last)
        return (old == self._started and new > old) or (old == self._last and new < old)

    def _find_preview(self) -> None:
        row = self._connection.execute(_FIND_PREVIEW, (self._owner, self.id)).fetchone()
        self.state.first_prompt, self._preview = None, None
        if row is not None:
            seq, turn_id, *packed = row
            self.state.first_prompt = (seq, turn_id)
            text = unpacker_of(self._connection).unpack(*packed).content
            self._preview = fold_text(text, MAX_PREVIEW)


def add_tokens(connection: apsw.Connection, owner: int, changes: dict[int, Tokens]) -> None:
    """Move the sums of sessions that are not at hand otherwise.

    Args:
        connection: in a transaction.
        owner: of all of them.
        changes: what to add, by the session's id.
    """
    connection.executemany(
        _ADD_TOKENS, [(*tokens, owner, session) for session, tokens in changes.items()]
    )
