"""Dead letters: events that are refused for good, and why.

Nothing that was read disappears silently (P3): what can never be archived is written here, with
the event itself as long as there is room, so that it can be sent again once the cause is mended.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import zstandard

from lethe_collector.batches import LineKey, Refusal, read_key
from lethe_core.limits import MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lethe_collector.database import Database

#: How many bytes of refused events are kept; of what is refused beyond it, only the place is.
MAX_DEAD_LETTER_BYTES: Final = 8 * MIB
_TEXT_LENGTH: Final = 300
_INTEGER_MASK: Final = 2**63 - 1


class DeadLetters:
    """The table of dead letters.

    Args:
        database: where it stands.
        clock: Unix seconds, for what people read.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def bury(self, source_id: int, generation: int, refusals: Sequence[Refusal]) -> None:
        """Write down what is refused of one source.

        An event that is refused again, because it was read again, stays one dead letter.

        Args:
            source_id: row of the source.
            generation: of the source when it was read.
            refusals: the events.
        """
        if not refusals:
            return
        with self._database.transaction() as connection:
            kept = connection.execute(
                "SELECT coalesce(sum(length(line)), 0) FROM dead_letters"
            ).fetchone()[0]
            for refusal in refusals:
                line = zstandard.ZstdCompressor(level=3).compress(refusal.line)
                fits = bool(refusal.line) and kept + len(line) <= MAX_DEAD_LETTER_BYTES
                kept += len(line) if fits else 0
                connection.execute(
                    "INSERT INTO dead_letters (source_id, generation, seq, session_id, turn_id,"
                    " code, reason, bytes, line, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (source_id, generation, session_id, turn_id, seq) DO UPDATE"
                    " SET code = excluded.code, reason = excluded.reason, at = excluded.at",
                    (
                        source_id,
                        generation,
                        refusal.key.seq & _INTEGER_MASK,
                        _storable(refusal.key.session_id),
                        _storable(refusal.key.turn_id),
                        refusal.code,
                        _storable(refusal.reason),
                        len(refusal.line),
                        line if fits else None,
                        self._clock(),
                    ),
                )


def refuse_line(line: bytes, code: str, reason: str) -> Refusal:
    """Make the refusal of an encoded event.

    Args:
        line: the event as it was sent.
        code: stable word of the server.
        reason: for people, without content.
    """
    try:
        key = read_key(line)
    except (ValueError, RecursionError):
        key = LineKey()
    return Refusal(code=code, reason=reason, key=key, line=line)


def _storable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()[:_TEXT_LENGTH]
