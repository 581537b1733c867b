"""Digests of sets of turns, so that two ends can compare what they have without listing it.

The digest of a set is the exclusive or of the hashes of its members: it depends on no order, and
64 bits are enough to tell sets apart that differ by accident.
"""

from __future__ import annotations

import functools
import hashlib
import operator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_BYTES: Final = 8


def hash_turn(turn_id: str) -> str:
    """Return the hash of a turn, in hexadecimal.

    Args:
        turn_id: of the turn.
    """
    return hashlib.blake2b(turn_id.encode(), digest_size=_BYTES).hexdigest()


def digest_turns(hashes: Iterable[str]) -> str:
    """Return the digest of a set of turns, in hexadecimal.

    Args:
        hashes: of its members, each once.
    """
    numbers = (int(one, 16) for one in hashes)
    return f"{functools.reduce(operator.xor, numbers, 0):0{2 * _BYTES}x}"
