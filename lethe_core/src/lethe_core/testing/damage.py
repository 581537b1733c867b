"""Damage as disks, crashes and bugs do it, the same for the same seed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Lines that are no records, or records that no tool writes.
GARBAGE: Final = (
    b"",
    b"\x00" * 4096,
    b"\xff\xfe\xfd",
    b"null",
    b"[]",
    b'"text"',
    b"-0.0",
    b"NaN",
    b"{",
    b'{"type":',
    b'{"a":1}{"a":1}',
    b"{}",
    b'{"type":null,"message":null,"timestamp":null}',
    b'{"type":"user","message":[],"timestamp":1e400,"uuid":{}}',
    b'{"type":"\\ud83d","message":{"content":[[[]]],"role":0}}',
    b'{"type":"assistant","message":{"content":"\\u0000","usage":{"input_tokens":-1}}}',
    b'{"n":9223372036854775808,"d":' + b"7" * 5000 + b"}",
    b"[" * 100_000,
)


def damaged_copies(data: bytes, *, count: int, seed: int = 1) -> Iterator[bytes]:
    """Give damaged copies of some bytes, different from each other and the same for a seed.

    Args:
        data: the whole content of a source; if empty, there are no copies.
        count: how many copies.
        seed: of the random numbers.
    """
    chance = random.Random(seed)  # noqa: S311 - repeatable damage, no secret
    for number in range(count if data else 0):
        copy = bytearray(data)
        match number % 4:
            case 0:  # bits fall over
                for _ in range(1 + len(copy) // 500):
                    copy[chance.randrange(len(copy))] ^= 1 << chance.randrange(8)
            case 1:  # a part is missing
                start = chance.randrange(len(copy))
                del copy[start : start + chance.randrange(1, 200)]
            case 2:  # a part was written twice
                start = chance.randrange(len(copy))
                copy[start:start] = copy[start : start + chance.randrange(1, 200)]
            case _:  # a block was never written
                start = chance.randrange(len(copy))
                copy[start : start + 64] = bytes(len(copy[start : start + 64]))
        yield bytes(copy)
