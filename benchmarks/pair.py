"""Lethe and its peer over the same transcripts, measured in turn."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.measuring import usage_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.deployment import Deployment
    from benchmarks.peer import Peer


@dataclass(slots=True)
class Pair:
    """What is measured.

    Args:
        lethe: its server and collector.
        peer: agentsview; `None` if lethe is measured alone.
    """

    lethe: Deployment
    peer: Peer | None


@dataclass(slots=True)
class Answers:
    """What a series of requests took.

    Args:
        times: milliseconds of each.
        cpu: milliseconds of the server, in all.
        size: bytes of all answers.
    """

    times: list[float]
    cpu: float
    size: int


def ask_in_turn(
    askers: Sequence[tuple[int, Callable[[str], bytes], Sequence[str]]],
) -> Iterator[Answers]:
    """Ask several servers, one request of each in turn.

    Args:
        askers: process of a server, what gets a path from it, and the paths; all of the same
            number.

    Returns:
        What each took, in the order of `askers`.
    """
    before = [usage_of(pid).cpu for pid, _, _ in askers]
    answers = [Answers([], 0.0, 0) for _ in askers]
    for paths in zip(*(paths for _, _, paths in askers), strict=True):
        for (_, get, _), path, answer in zip(askers, paths, answers, strict=True):
            begun = time.perf_counter()
            answer.size += len(get(path))
            answer.times.append((time.perf_counter() - begun) * 1000)
    for (pid, _, _), answer, cpu in zip(askers, answers, before, strict=True):
        answer.cpu = (usage_of(pid).cpu - cpu) * 1000
    return iter(answers)
