"""A search that would take too long."""

from __future__ import annotations

import asyncio
import random

import pytest

from lethe_server.search import handler

TURNS, WORDS, BATCH = 6_000, 60, 2_000


@pytest.mark.slow
@pytest.mark.promise("Q08", "A5")
async def test_q08_the_worst_prefix_is_broken_off_and_ingest_goes_on(
    archive, searches, fill, event, monkeypatch
):
    """Prefixes of words that all differ, in every reader: 503 each, and ingest is answered.

    The budget is as much smaller than the real one as the archive is. SQLite looks at the clock
    between the steps of its machine as it always does.
    """
    monkeypatch.setattr(handler, "SEARCH_SECONDS", 0.01)
    chance = random.Random(8)
    for first in range(0, TURNS, BATCH):
        await fill(
            *(
                event(
                    number,
                    session_id=f"s{number // 200}",
                    content=" ".join(f"pre{chance.randrange(10**6):06}" for _ in range(WORDS)),
                )
                for number in range(first, first + BATCH)
            )
        )

    worst = [asyncio.create_task(searches.answer("pre", status=503)) for _ in range(8)]
    sent = await archive.send(event(1, session_id="meanwhile", content="tulips"))
    problems = await asyncio.gather(*worst)

    assert 1 == sent["accepted"]
    assert {"QUERY_TIMEOUT"} == {problem["code"] for problem in problems}
    monkeypatch.undo()
    assert ["turn-1"] == await searches.found("tulips")
