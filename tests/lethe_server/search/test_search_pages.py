"""Pages: no turn twice, none missing, and no cursor where it does not belong."""

from __future__ import annotations

import base64
import itertools

import pytest

from lethe_server.search import surveys


def _texts(event, count, start=1):
    """Turns that all have the word, so often that they rank differently."""
    return [
        event(number, content="rose " * (1 + number % 3) + "thorn " * (number % 7))
        for number in range(start, start + count)
    ]


@pytest.mark.promise("Q09", "P6")
@pytest.mark.parametrize("order", ["rank", "time"])
async def test_q09_pages_of_a_growing_archive_miss_and_repeat_nothing(
    searches, archive, event, order
):
    """Turns that are stored between two pages move none of the others."""
    await archive.send(*_texts(event, 40))
    whole = await searches.found("rose", order=order, limit=200)
    numbers = itertools.count(1000, 20)

    async def grow():
        await archive.send(*_texts(event, 20, next(numbers)))

    paged = await searches.pages("rose", grow, order=order, limit=7)

    assert paged == whole


@pytest.mark.promise("Q09", "P6")
@pytest.mark.parametrize("order", ["rank", "time"])
async def test_q09_pages_while_older_turns_arrive(searches, archive, event, order):
    """What was there stays in its order; what arrives late may come in between, once."""
    await archive.send(*_texts(event, 40, 100))
    whole = await searches.found("rose", order=order, limit=200)
    numbers = itertools.count(1, 5)

    async def grow():
        await archive.send(*_texts(event, 5, next(numbers)))

    paged = await searches.pages("rose", grow, order=order, limit=7)

    assert len(paged) == len(set(paged))
    assert [name for name in paged if name in whole] == whole


@pytest.mark.promise("Q09", "P6")
async def test_q09_pages_while_turns_are_replaced(searches, archive, event):
    """A turn that is replaced keeps its place."""
    await archive.send(*_texts(event, 30))
    whole = await searches.found("rose", order="time", limit=200)
    revisions = itertools.count(1)

    async def replace():
        revision = next(revisions)
        await archive.send(
            *(event(n, content=f"rose, mended {revision}", revision=revision) for n in range(1, 31))
        )

    paged = await searches.pages("rose", replace, order="time", limit=7)

    assert paged == whole


@pytest.mark.promise("Q09")
async def test_q09_pages_of_a_common_word_stay_within_the_newest_hits(
    searches, archive, event, monkeypatch
):
    """The window of the first page holds for the later ones."""
    monkeypatch.setattr(surveys, "CANDIDATES", 25)
    await archive.send(*_texts(event, 60))
    first = await searches.answer("rose", limit=25)
    whole = [result["turn_id"] for result in first["results"]]
    numbers = itertools.count(1000, 10)

    async def grow():
        await archive.send(*_texts(event, 10, next(numbers)))

    paged = await searches.pages("rose", grow, limit=4)

    assert (first["ranking"], first["next_cursor"]) == ("recent", None)
    assert paged == whole
    assert set(whole) == {f"turn-{number}" for number in range(36, 61)}


@pytest.mark.parametrize(
    "words", ["rose ", "ros", "rose pink ", "rose pin", '"rose pink"', "rose_pink"]
)
@pytest.mark.parametrize("few", [5, 500])
async def test_all_words_are_ranked_and_paged_alike(
    searches, archive, event, monkeypatch, *, words, few
):
    """However hits are found, all are ranked if they are few, else the newest; pages hold each."""
    monkeypatch.setattr(surveys, "_FEW", few)
    turns = [
        event(n, content="rose pink, " * (1 + n % 3) + "thorn " * (n % 7)) for n in range(1, 41)
    ]
    longer = [event(n, content="rosebud pinks rose pinky") for n in (50, 51)]
    await archive.send(*turns, *longer)
    exact = await searches.found(words, limit=200)
    monkeypatch.setattr(surveys, "NEWEST", 10)

    assert 40 <= len(exact) <= 42
    assert exact == await searches.found(words, limit=200)
    assert exact == await searches.pages(words, limit=7)
    monkeypatch.setattr(surveys, "CANDIDATES", 25)
    recent = await searches.answer(words, limit=200)
    newest = [result["turn_id"] for result in recent["results"]]
    assert ("recent", {"value": 25, "relation": "gte"}) == (recent["ranking"], recent["total"])
    assert {f"turn-{number}" for number in range(33, 41)} <= set(newest)
    assert 10 <= len(newest) <= 12
    assert newest == await searches.pages(words, limit=3)


async def test_what_lies_before_the_span_stays_out_of_the_newest(
    searches, archive, event, monkeypatch
):
    """Where hits are many in all and few in each table, the span that is asked for still counts."""
    monkeypatch.setattr(surveys, "CANDIDATES", 10)
    await archive.send(*_texts(event, 8, 100), event(1, content="rose rose rose"))
    for number in range(200, 206):
        call = {"name": "Bash", "output": "roses"}
        await archive.send(event(number, content="", tool_calls=[call]))

    answer = await searches.answer("rose", since="1700000050", include_tool_outputs="true")

    assert answer["ranking"] == "recent"
    assert "turn-1" not in [result["turn_id"] for result in answer["results"]]


async def test_a_turn_that_got_shorter_comes_once_among_everybodys(searches, archive, event):
    """The last turn of a page keeps its moment, whatever its length is by the next page."""
    await archive.send(event(1, content="rose"), event(2, content="rose " * 50))
    everybodys = type(searches)(archive.as_user("root"))

    async def shorten():
        await archive.send(event(2, content="rose", revision=1))

    paged = await everybodys.pages("rose", shorten, owner="*", order="time", limit=1)

    assert paged == ["turn-2", "turn-1"]


async def test_turns_of_the_same_moment_are_paged_apart(searches, archive, event):
    """Many turns of one moment, and turns without any, have a place each."""
    await archive.send(
        *(event(n, content="rose", timestamp=1_700_000_000.5) for n in range(1, 100)),
        *(event(n, content="rose", timestamp=...) for n in range(100, 120)),
    )

    paged = await searches.pages("rose", order="time", limit=50)

    assert sorted(paged) == sorted(f"turn-{number}" for number in range(1, 120))
    assert paged[-20:] == [f"turn-{number}" for number in range(119, 99, -1)]


async def _cursor(searches, archive, event, **parameters) -> str:
    await archive.send(*_texts(event, 5))
    return (await searches.answer("rose", limit=2, **parameters))["next_cursor"]


@pytest.mark.promise("Q10", "A3")
async def test_q10_edited_cursor_is_refused(searches, archive, event):
    """A cursor in which any byte was changed is a 400."""
    cursor = await _cursor(searches, archive, event)
    data = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))

    for index in range(len(data)):
        edited = data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :]
        text = base64.urlsafe_b64encode(edited).decode().rstrip("=")
        problem = await searches.answer("rose", status=400, limit=2, cursor=text)
        assert (problem["code"], problem["parameter"]) == ("INVALID", "cursor")


@pytest.mark.promise("Q10", "A3", "A5")
@pytest.mark.parametrize("cursor", ["x", "=", "é", "AAAA" * 30, "A" * 4097, "A" * 7000])
async def test_q10_what_is_no_cursor_is_refused(searches, cursor):
    """Rubbish of any length is a 400."""
    problem = await searches.answer("rose", status=400, cursor=cursor)

    assert (problem["code"], problem["parameter"]) == ("INVALID", "cursor")


@pytest.mark.promise("Q10", "A3")
@pytest.mark.parametrize(
    "other",
    [
        {"q": "rose thorn"},
        {"tool": "codex"},
        {"role": "user"},
        {"order": "time"},
        {"until": "1900000000"},
        {"include_tool_outputs": "true"},
        {"tz": "Europe/Berlin"},
        {"syntax": "fts5"},
    ],
    ids=str,
)
async def test_q10_cursor_of_another_search_is_refused(searches, archive, event, other):
    """A cursor belongs to its words, filters and order."""
    cursor = await _cursor(searches, archive, event)

    problem = await archive.get("/search", 400, **{"q": "rose", "cursor": cursor} | other)

    assert (problem["code"], problem["parameter"]) == ("INVALID", "cursor")


@pytest.mark.promise("A16", "Q10", "A3")
async def test_a16_cursor_of_another_owner_is_refused_like_rubbish(searches, archive, event):
    """Nobody can tell somebody else's cursor from one that never was."""
    cursor = await _cursor(searches, archive, event)
    bob = archive.as_user("bob")

    stolen = await bob.get("/search", 400, q="rose", limit=2, cursor=cursor)
    rubbish = await bob.get("/search", 400, q="rose", limit=2, cursor="rubbish")

    assert stolen | {"request_id": ""} == rubbish | {"request_id": ""}


async def test_limit_may_change_between_pages(searches, archive, event):
    """A cursor says where a page ended, not how long the next one is."""
    cursor = await _cursor(searches, archive, event)
    whole = await searches.found("rose", limit=200)

    assert await searches.found("rose", limit=200, cursor=cursor) == whole[2:]
