"""A search that would take too long."""

from __future__ import annotations

import asyncio
import random

import pytest

from lethe_server.search import handler, prefixes

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


@pytest.mark.promise("Q08", "A5")
async def test_q08_a_beginning_that_stands_for_too_much_is_not_begun(
    searches, archive, fill, event, monkeypatch
):
    """However a prefix is asked for, what would take too long is 503 at once; words are not."""
    monkeypatch.setattr(prefixes, "MAX_POSTINGS", 20)
    many = " ".join(f"prefix{number}" for number in range(21))
    call = {"role": "tool", "content": "", "tool_calls": [{"id": "c", "output": many}]}
    await fill(
        event(1, content=f"{many} getPrefix tulips premise"),
        event(2, content="tulips presto", session_id="s2"),
        event(3, **call),
    )

    async def code(q, path="/search", **parameters):
        answer = await archive.client.get(
            f"/api/v1{path}",
            params={"q": q, **parameters},
            headers={"Remote-User": archive.user},
        )
        return answer.status, (await answer.json()).get("code")

    refused = (503, "QUERY_TIMEOUT")
    assert refused == await code("pref")
    assert refused == await code("getPref")
    assert refused == await code("pref", order="time")
    assert refused == await code("tulips NOT pref*", syntax="fts5")
    assert refused == await code("NEAR(tulips pref*)", syntax="fts5")
    assert refused == await code("pref", path="/sessions/claude-code/laptop/s2/find")
    assert refused == await code("prefi", include_tool_outputs="true")
    assert ["turn-1"] == await searches.found("prefix7 ")
    assert ["turn-1"] == await searches.found("premi")
    assert {"turn-1", "turn-2"} == set(await searches.found("tuli"))
