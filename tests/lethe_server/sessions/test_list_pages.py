"""``GET /api/v1/sessions``: cursors, orders and titles."""

from __future__ import annotations

import base64
import itertools
import json
import random

import pytest

from lethe_core.wire import decode_line
from lethe_server.keys import STORE
from lethe_server.storage import SessionFilter, prepare_record
from lethe_server.storage.database import open_database
from lethe_server.storage.sessions import list_sessions

SORTS = ["last_activity", "started_at", "turns", "tokens"]


def make_sessions(seed=0, count=60):
    """Turns of sessions of which many agree in what they are sorted by, some without a time."""
    chance = random.Random(seed)
    events = []
    for number in range(count):
        place = {
            "tool": chance.choice(["claude-code", "codex"]),
            "host": ("desk", "laptop")[number % 2],
            "session_id": f"s{number // 2}",
        }
        for turn in range(chance.randint(1, 3)):
            event = {
                **place,
                "turn_id": f"t{turn}",
                "seq": turn,
                "role": "user",
                "content": "x",
                "timestamp": chance.choice([None, *range(5)]),
                "tokens_in": chance.randint(0, 3),
            }
            events.append(event)
    return events


@pytest.fixture
def store(archive):
    """Store events past HTTP."""

    async def fill(events, owner="alice"):
        records = [prepare_record(decode_line(json.dumps(event).encode())) for event in events]
        await archive.app[STORE].ingest(owner, records)

    return fill


async def pages(archive, between=None, **parameters):
    """All pages of a list, by their cursors."""
    found, cursor = [], {}
    for number in itertools.count():
        answer = await archive.get("/sessions", **parameters, **cursor)
        found.append(answer["sessions"])
        if answer["next_cursor"] is None:
            return found
        cursor = {"cursor": answer["next_cursor"]}
        if between:
            await between(number)
    return found


def name(session):
    """What names a session."""
    return session["tool"], session["host"], session["session_id"]


def weight(session, sort):
    """What a session is sorted by."""
    if sort == "tokens":
        return session["tokens_in"] + session["tokens_out"]
    return -1 if session[sort] is None else session[sort]


@pytest.mark.promise("Q09")
@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", [1, 7, 200])
async def test_q09_pages_hold_each_session_once_and_in_order(archive, store, sort, limit):
    """Whatever the order, equal ones and those without a time included."""
    await store(make_sessions())

    found = await pages(archive, sort=sort, limit=limit)

    sessions = list(itertools.chain.from_iterable(found))
    keys = [(weight(session, sort), *name(session)) for session in sessions]
    total = (await archive.get("/sessions"))["total"]
    assert keys == sorted(keys, reverse=True)
    assert len({name(session) for session in sessions}) == len(sessions) == total
    assert {len(page) for page in found[:-1]} <= {limit}


async def test_order_does_not_depend_on_arrival(archive, store):
    """The same sessions in another order of arrival give the same list."""
    events = make_sessions()
    await store(events)
    await store(events[::-1], owner="bob")

    for sort in SORTS:
        mine = await archive.get("/sessions", sort=sort)
        his = await archive.as_user("bob").get("/sessions", sort=sort)
        assert [name(each) for each in mine["sessions"]] == [name(each) for each in his["sessions"]]


@pytest.mark.promise("Q09")
async def test_q09_new_sessions_repeat_and_hide_nothing(archive, store):
    """What comes while somebody pages stands before the cursor and moves nothing."""
    await store(make_sessions())
    before = {name(each) for page in await pages(archive) for each in page}

    async def ingest(number):
        new = make_sessions(number, 1)[0]
        await store([new | {"session_id": f"new{number}", "timestamp": 1000.0 + number}])

    found = [name(each) for page in await pages(archive, ingest, limit=5) for each in page]

    assert set(found) == before
    assert len(found) == len(before)


async def test_words_of_the_title_narrow_the_list(archive, event):
    """All words must stand in the title, or in the preview where there is no title."""
    titles = ["Water the Roses", "Prune roses, RÖSTI and ÉCLAIRS", "100 % _done_"]
    await archive.send(
        *(
            event(number, session_id=f"s{number}", session_meta={"title": title})
            for number, title in enumerate(titles)
        ),
        event(9, session_id="s9", content="only roses here", metadata={"kind": "prompt"}),
    )

    async def found(q):
        answer = await archive.get("/sessions", q=q)
        assert answer["total"] == len(answer["sessions"])
        return {session["session_id"] for session in answer["sessions"]}

    assert await found("roses") == {"s0", "s1", "s9"}
    assert await found("ROSES the") == {"s0"}
    assert await found("rösti") == await found("rosti") == {"s1"}
    assert await found("eclairs") == {"s1"}
    assert await found("%") == await found("_done") == {"s2"}
    assert await found("lilies") == set()


@pytest.mark.promise("Q10", "A3", "A16")
async def test_q10_cursor_of_another_list_is_refused(archive, store):
    """Edited, of another user, filter or order, or none at all: 400, and always the same."""
    await store(make_sessions())
    await store(make_sessions(), owner="bob")
    cursor = (await archive.get("/sessions", limit=5))["next_cursor"]
    his = (await archive.as_user("bob").get("/sessions", limit=5))["next_cursor"]
    data = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    edited = []
    for place in range(0, len(data), 7):
        data[place] ^= 1
        edited.append(base64.urlsafe_b64encode(data).decode().rstrip("="))
        data[place] ^= 1
    wrong = [
        *({"cursor": each} for each in (*edited, his, "x", "é", "!", cursor + "AAAA", cursor[:-4])),
        {"cursor": cursor, "tool": "codex"},
        {"cursor": cursor, "sort": "turns"},
        {"cursor": cursor, "q": "x"},
    ]

    problems = [await archive.get("/sessions", status=400, **each) for each in wrong]

    assert {(each["code"], each["parameter"], each["detail"]) for each in problems} == {
        ("INVALID", "cursor", "cursor: does not belong to this request")
    }
    assert (await archive.get("/sessions", limit=9, cursor=cursor))["sessions"]


@pytest.mark.promise("Q10")
async def test_q10_cursor_of_a_search_is_refused(archive, store, event):
    """A cursor belongs to its subject."""
    await store([event(n, content="roses", session_id=f"s{n}") for n in range(4)])
    search = (await archive.get("/search", q="roses", limit=1))["next_cursor"]
    sessions = (await archive.get("/sessions", limit=1))["next_cursor"]

    assert (await archive.get("/sessions", 400, cursor=search))["parameter"] == "cursor"
    problem = await archive.get("/search", 400, q="roses", cursor=sessions)
    assert problem["parameter"] == "cursor"


@pytest.mark.promise("Q11", "A9")
@pytest.mark.parametrize(
    "parameters",
    [
        {"sort": "title"},
        {"sort": ""},
        {"q": ""},
        {"q": "x" * 1001},
        {"cursor": ""},
        {"cursor": "x" * 5000},
        {"offset": "1", "cursor": "x"},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
async def test_q11_wrong_parameter_is_refused_by_name(archive, parameters):
    """Wrong parameters are a 400 that names the parameter."""
    problem = await archive.get("/sessions", status=400, **parameters)

    assert problem["parameter"] == next(iter(parameters))


@pytest.mark.promise("A18")
async def test_a18_admin_pages_through_the_sessions_of_all(archive, store):
    """With ``owner=*`` equal names of several owners come once each."""
    await store(make_sessions())
    await store(make_sessions(), owner="bob")

    found = await pages(archive.as_user("root"), owner="*", limit=7)

    names = [(each["owner"], *name(each)) for page in found for each in page]
    assert len(names) == len(set(names)) == 2 * (await archive.get("/sessions"))["total"]


async def test_list_by_activity_sorts_nothing(archive, store):
    """A page is read from an index, beginning at its cursor."""
    await store(make_sessions())
    cursor = (await archive.get("/sessions", limit=5))["next_cursor"]
    database = open_database(archive.app[STORE].path, writer=False)
    asked = []
    database.connection().set_exec_trace(lambda _, sql, values: asked.append((sql, values)) is None)

    list_sessions(database.connection(), "alice", SessionFilter(limit=5, cursor=cursor))

    database.connection().set_exec_trace(None)
    sql, values = asked[-1]
    plan = [row[3] for row in database.connection().execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    database.close()
    assert plan == ["SEARCH s USING INDEX sessions_activity (owner=? AND <expr><?)"]
