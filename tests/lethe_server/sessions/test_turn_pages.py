"""Pages of a session's turns that begin elsewhere than behind the page before them."""

from __future__ import annotations

import pytest

PATH = "/sessions/claude-code/laptop/s1"
TURNS = 25


@pytest.fixture
async def told(archive, event):
    """A session whose turns share each `seq` with another; the ids in their order."""
    events = [event(number, seq=10 * (number // 2)) for number in range(TURNS)]
    await archive.send(*events)
    return [turn["turn_id"] for turn in (await archive.get(PATH))["turns"]]


def ids(page):
    """The turns of a page."""
    return [turn["turn_id"] for turn in page["turns"]]


async def test_the_whole_says_where_it_stands(archive, told):
    """A page that holds all begins with the first turn, and none comes before or behind."""
    page = await archive.get(PATH)

    assert (TURNS, 0, None, None) == (
        len(told),
        page["offset"],
        page["previous"],
        page["next"],
    )


@pytest.mark.parametrize("size", [1, 2, 3, 7, 5000])
async def test_pages_lead_backwards(archive, told, size):
    """Following `previous` from the end gives every turn once, in reverse pages."""
    found, before = [], 10 * TURNS
    for _ in range(TURNS + 1):
        page = await archive.get(PATH, before=before, turns=size)
        found = ids(page) + found
        before = page["previous"]
        if before is None:
            break

    assert found == told
    assert page["offset"] == 0


@pytest.mark.parametrize("size", [1, 2, 3, 7, 24, 5000])
async def test_a_page_around_a_turn_holds_it(archive, told, size):
    """Wherever the turn stands, it is in the page, and `offset` says which turns these are."""
    for turn_id in told:
        page = await archive.get(PATH, around=turn_id, turns=size)
        found = ids(page)

        assert turn_id in found
        assert found == told[page["offset"] : page["offset"] + len(found)]
        assert (page["previous"] is None) == (page["offset"] == 0)
        assert (page["next"] is None) == (page["offset"] + len(found) == TURNS)


async def test_what_was_said_before_a_turn_comes_with_it(archive, told):
    """Half of a page around a turn stands before it."""
    page = await archive.get(PATH, around=told[12], turns=8)

    assert ids(page) == told[8:16]


async def test_a_page_begins_with_a_number(archive, told):
    """`offset` begins with the turn of that number, or with the first of its `seq`."""
    for number in range(TURNS):
        page = await archive.get(PATH, offset=number, turns=4)

        assert page["offset"] == number - number % 2
        assert ids(page) == told[page["offset"] :][:4]


async def test_neighbours_fit_together(archive, told):
    """`previous` and `next` of a page in the middle lead to what lies around it."""
    page = await archive.get(PATH, around=told[12], turns=6)
    earlier = await archive.get(PATH, before=page["previous"], turns=5000)
    later = await archive.get(PATH, after=page["next"], turns=5000)

    assert ids(earlier) + ids(page) + ids(later) == told
    assert (earlier["next"], later["previous"]) == (
        earlier["turns"][-1]["seq"],
        later["turns"][0]["seq"],
    )


@pytest.mark.parametrize("place", [{"before": 0}, {"offset": TURNS}, {"after": 10 * TURNS}])
async def test_a_page_may_be_empty(archive, told, place):
    """Where no turn is left, there is nothing before and nothing behind."""
    page = await archive.get(PATH, **place)

    assert ([], None, None) == (page["turns"], page["previous"], page["next"])
    assert told


async def test_a_page_around_a_turn_is_bounded_in_bytes(archive, event):
    """Large turns before the one that is asked for are left out, never that one."""
    for number in range(8):
        await archive.send(event(number, content="x" * 3_000_000))

    page = await archive.get(PATH, around="turn-6", turns=8)

    assert ids(page) == ["turn-4", "turn-5", "turn-6"]
    assert (page["offset"], page["next"]) == (4, 60)


@pytest.mark.promise("A3")
async def test_a_turn_of_another_session_is_not_there(archive, event):
    """A turn is looked for in the session that the path names, and in no other."""
    await archive.send(event(1), event(2, session_id="s2"))

    problem = await archive.get(PATH, status=404, around="turn-2")

    assert problem["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"after": 1, "before": 2}, "before"),
        ({"around": "turn-1", "offset": 0}, "offset"),
        ({"before": -1}, "before"),
        ({"offset": "x"}, "offset"),
        ({"around": ""}, "around"),
    ],
)
async def test_a_wrong_place_is_refused(archive, told, parameters, named):
    """One place at most, and each within its bounds; the problem names the parameter."""
    problem = await archive.get(PATH, status=400, **parameters)

    assert told
    assert ("INVALID", named) == (problem["code"], problem["parameter"])
