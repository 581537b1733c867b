"""What must be reached, and what is the goal: ratios to the reference, or figures of lethe."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple


class Target(NamedTuple):
    """A limit of one quantity.

    Args:
        quantity: as the benchmarks name it.
        measure: whether its ratio to the reference or lethe's own figure is limited.
        must: the limit that a release keeps.
        goal: the limit that is wished for.
        least: whether the limits are from below.
    """

    quantity: str
    measure: Literal["ratio", "ours"]
    must: float
    goal: float
    least: bool = False


#: All are limits from above, but the last one.
TARGETS: Final = (
    Target("backfill CPU", "ratio", 1 / 3, 1 / 4.2),
    Target("backfill wall", "ratio", 1 / 3, 1 / 4.5),
    Target("append to found, p50", "ours", 250, 50),
    Target("append to found, p95", "ours", 500, 120),
    Target("search, all, CPU", "ratio", 1 / 5, 1 / 10),
    Target("search, all, p50", "ratio", 1 / 3, 1 / 5),
    Target("search, all, p95", "ratio", 1 / 5, 1 / 10),
    Target("search, all, to messages, CPU", "ratio", 1 / 3, 1 / 5),
    Target("search, all, to messages, p50", "ratio", 1 / 2.5, 1 / 4),
    Target("search, all, to messages, p95", "ratio", 1 / 1.5, 1 / 3),
    Target("list of 50, CPU", "ratio", 1 / 8, 1 / 20),
    Target("list of 50, p50", "ratio", 1 / 5, 1 / 12),
    Target("session CPU per KB of answer", "ratio", 1 / 3, 1 / 5),
    Target("session, p50", "ratio", 1 / 2, 1 / 3.5),
    Target("database bytes per source byte", "ours", 0.45, 0.33),
    Target("daemon idle memory", "ours", 60, 40),
    Target("collector peak in backfill", "ours", 110, 70),
    Target("server memory after all", "ours", 90, 65),
    Target("server peak in backfill", "ours", 200, 130),
    Target("daemon idle CPU", "ours", 0.3, 0.1),
    Target("server idle CPU", "ours", 0.05, 0.02),
    Target("status CPU, to a bare Python", "ratio", 4, 2.3),
    Target("start wall", "ratio", 1 / 2, 1 / 4),
    Target("rescan CPU", "ratio", 1 / 4, 1 / 6),
    Target("first view, loaded", "ours", 150, 120),
    Target("key to hits, p50", "ours", 100, 60),
    Target("50k turns, drawn", "ours", 1000, 400),
    Target("50k turns, far link, drawn", "ours", 1000, 500),
    Target("50k turns, frame down, p99", "ours", 34, 17),
    Target("50k turns, frame up, p99", "ours", 34, 17),
    Target("trivial requests per CPU second, to bare", "ratio", 0.75, 0.9, least=True),
)
