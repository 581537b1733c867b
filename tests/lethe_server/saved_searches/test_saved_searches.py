"""``/api/v1/saved-searches``."""

from __future__ import annotations

import asyncio
import json

import pytest

from lethe_server.storage import saved_searches

PATH = "/api/v1/saved-searches"
FIELDS = ["id", "name", "q", "filters", "created_at", "changed_at"]


class Saved:
    """The saved searches of one user.

    Args:
        archive: a client of the server.
        user: who asks.
    """

    def __init__(self, archive, user="alice") -> None:
        self.client = archive.client
        self.headers = {"Remote-User": user}

    async def ask(self, method, path="", status=200, body=None, **parameters):
        """Send a request and return the answer, which must have the status."""
        answer = await self.client.request(
            method, PATH + path, json=body, params=parameters, headers=self.headers
        )
        assert answer.status == status, await answer.text()
        return None if status == 204 else await answer.json(content_type=None)

    async def save(self, name="roses", q="roses", status=201, **filters):
        """Save a search."""
        return await self.ask("POST", "", status, {"name": name, "q": q, "filters": filters})

    async def names(self):
        """The names of all."""
        return [each["name"] for each in (await self.ask("GET"))["saved_searches"]]


@pytest.fixture
def saved(archive):
    """Saved searches of alice."""
    return Saved(archive)


async def test_search_is_saved_read_changed_and_deleted(saved):
    """What was sent is answered; a change touches nothing else; what is deleted is gone."""
    created = await saved.save("  My\n roses ", "red roses", tool="codex", since=1000)

    assert list(created) == FIELDS
    assert created["name"] == "My roses"
    assert created["filters"] == {"since": "1000", "tool": "codex"}
    assert await saved.ask("GET", f"/{created['id']}") == created
    assert (await saved.ask("GET"))["saved_searches"] == [created]

    changed = await saved.ask("PATCH", f"/{created['id']}", body={"name": "tulips"})
    assert changed == created | {"name": "tulips", "changed_at": changed["changed_at"]}
    assert changed["changed_at"] >= created["changed_at"]
    changed = await saved.ask("PATCH", f"/{created['id']}", body={"filters": {}, "q": "x"})
    assert (changed["q"], changed["filters"], changed["name"]) == ("x", {}, "tulips")
    assert await saved.ask("GET", f"/{created['id']}") == changed

    await saved.ask("DELETE", f"/{created['id']}", 204)
    assert (await saved.ask("GET", f"/{created['id']}", 404))["code"] == "NOT_FOUND"
    assert (await saved.ask("DELETE", f"/{created['id']}", 404))["code"] == "NOT_FOUND"
    assert await saved.names() == []


async def test_answer_of_a_new_one_tells_where_it_is(archive, saved):
    """The status is 201, and `Location` leads to it."""
    answer = await archive.client.post(
        PATH, json={"name": "x", "q": "x"}, headers={"Remote-User": "alice"}
    )

    assert answer.status == 201
    assert answer.headers["Location"] == f"{PATH}/{(await answer.json())['id']}"


async def test_names_are_unique_for_their_owner(archive, saved):
    """A second one of the same name is a 409, however it is written; of another owner it is not."""
    await saved.save("Caf\u00e9 roses")
    other = await saved.save("tulips")

    problem = await saved.save("Cafe\u0301  roses", status=409)
    assert problem["code"] == "CONFLICT"
    body = {"name": "Caf\u00e9 roses"}
    assert (await saved.ask("PATCH", f"/{other['id']}", 409, body))["code"] == "CONFLICT"
    await saved.ask("PATCH", f"/{other['id']}", body={"name": "tulips", "q": "red"})
    await Saved(archive, "bob").save("Caf\u00e9 roses")

    assert await saved.names() == ["Café roses", "tulips"]


async def test_one_of_two_at_the_same_time_gets_the_name(archive, saved):
    """Names stay unique when several come at once."""
    body = {"name": "roses", "q": "roses"}
    answers = await asyncio.gather(
        *(archive.client.post(PATH, json=body, headers=saved.headers) for _ in range(8))
    )

    assert sorted(answer.status for answer in answers) == [201] + [409] * 7


async def test_run_finds_what_the_search_finds(archive, saved, event):
    """A run is the search with its words and filters, page by page."""
    await archive.send(
        *(event(n, content=f"roses {n}", role="assistant") for n in range(5)),
        event(9, content="roses"),
    )
    search = await saved.save(q="roses", role="assistant", order="time", include_tool_outputs=True)

    found = await saved.ask("GET", f"/{search['id']}/run", limit=2)
    direct = await archive.get(
        "/search", q="roses", role="assistant", order="time", include_tool_outputs="true", limit=2
    )
    assert found | {"took_ms": 0} == direct | {"took_ms": 0}

    names = [each["turn_id"] for each in found["results"]]
    while found["next_cursor"]:
        cursor = found["next_cursor"]
        found = await saved.ask("GET", f"/{search['id']}/run", limit=2, cursor=cursor)
        names += [each["turn_id"] for each in found["results"]]
    assert names == [f"turn-{n}" for n in (4, 3, 2, 1, 0)]


@pytest.mark.promise("Q11", "A9")
@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"q": "x"}, "name"),
        ({"name": "x"}, "q"),
        ({"name": "", "q": "x"}, "name"),
        ({"name": " \n", "q": "x"}, "name"),
        ({"name": "x" * 101, "q": "x"}, "name"),
        ({"name": "x\u202ey", "q": "x"}, "name"),
        ({"name": 5, "q": "x"}, "name"),
        ({"name": "x", "q": ["x"]}, "q"),
        ({"name": "x", "q": ""}, "q"),
        ({"name": "x", "q": "x" * 513}, "q"),
        ({"name": "x", "q": "before:soon"}, "q"),
        ({"name": "x", "q": "(", "filters": {"syntax": "fts5"}}, "q"),
        ({"name": "x", "q": "x", "filters": {"colour": "red"}}, "filters"),
        ({"name": "x", "q": "x", "filters": {"limit": 5}}, "filters"),
        ({"name": "x", "q": "x", "filters": {"cursor": "x"}}, "filters"),
        ({"name": "x", "q": "x", "filters": {"owner": "bob"}}, "filters"),
        ({"name": "x", "q": "x", "filters": {"tool": ["x"]}}, "filters"),
        ({"name": "x", "q": "x", "filters": "tool"}, "filters"),
        ({"name": "x", "q": "x", "filters": {"role": "robot"}}, "role"),
        ({"name": "x", "q": "x", "filters": {"tz": "../etc"}}, "tz"),
        ({"name": "x", "q": "x", "filters": {"since": "2026-02", "until": 5}}, "since"),
        ({"name": "x", "q": "x", "owner": "bob"}, "owner"),
        ({"name": "x", "q": "x", "id": "mine"}, "id"),
    ],
    ids=str,
)
async def test_q11_wrong_body_is_refused_by_name(saved, body, parameter):
    """What could not be run is not saved: 400, and the field is named."""
    problem = await saved.ask("POST", "", 400, body)

    assert (problem["code"], problem["parameter"]) == ("INVALID", parameter)
    assert await saved.names() == []


@pytest.mark.promise("A9", "A5", "A8")
@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b"null", {}, 400),
        (b'{"name": "x", "q": ' + b"1" * 5000 + b"}", {}, 400),
        (b"[" * 100_000, {}, 413),
        (b'{"name": "\xff", "q": "x"}', {}, 400),
        (b'{"name": "\\ud83d", "q": "x"}', {}, 400),
        (b'{"name": "x", "q": "' + b"x" * 70_000 + b'"}', {}, 413),
        (b'{"name": "x", "q": "x"}', {"Content-Type": "text/plain"}, 415),
        (b'{"name": "x", "q": "x"}', {"Content-Encoding": "gzip"}, 415),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_broken_body_is_refused(archive, body, headers, status):
    """Whatever is sent, the answer is a problem and nothing is saved."""
    given = {"Remote-User": "alice", "Content-Type": "application/json"} | headers
    answer = await archive.client.post(PATH, data=body, headers=given)

    assert answer.status == status
    assert answer.content_type == "application/problem+json"


@pytest.mark.promise("Q11")
async def test_q11_unknown_parameter_is_refused(saved):
    """Each route knows its parameters."""
    identity = (await saved.save())["id"]

    for method, path in (("GET", ""), ("GET", f"/{identity}"), ("DELETE", f"/{identity}")):
        assert (await saved.ask(method, path, 400, x="1"))["parameter"] == "x"
    assert (await saved.ask("GET", f"/{identity}/run", 400, q="x"))["parameter"] == "q"
    assert (await saved.ask("GET", f"/{identity}/run", 400, limit="0"))["parameter"] == "limit"
    assert (await saved.ask("GET", f"/{identity}/run", 400, cursor="x"))["parameter"] == "cursor"


async def test_there_are_not_endlessly_many(saved, monkeypatch):
    """Beyond the bound, another one is a 409 that says so."""
    monkeypatch.setattr(saved_searches, "MAX_SAVED", 2)
    await saved.save("a")
    await saved.save("b")

    problem = await saved.save("c", status=409)

    assert (problem["code"], problem["hint"]) == ("CONFLICT", "delete one first")


@pytest.mark.promise("A16", "A3")
async def test_a16_search_of_another_owner_is_not_there(archive, saved):
    """Reading, changing, deleting and running it are the same 404 as of one that nobody has."""
    identity = (await Saved(archive, "bob").save())["id"]

    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "mine"}),
        ("DELETE", "", None),
        ("GET", "/run", None),
    ):
        theirs = await saved.ask(method, f"/{identity}{path}", 404, body)
        nobodys = await saved.ask(method, f"/nothing{path}", 404, body)
        assert theirs | {"request_id": ""} == nobodys | {"request_id": ""}

    assert await saved.names() == []
    assert await Saved(archive, "bob").names() == ["roses"]


@pytest.mark.promise("A14", "A3")
@pytest.mark.parametrize("owner", ["alice", "bob", "*", ""])
async def test_a14_owner_is_for_admins_who_read(archive, saved, owner):
    """For all but admins it is a 403; admins read with it, and change nothing of others."""
    identity = (await saved.save())["id"]

    for method, path in (("GET", ""), ("GET", f"/{identity}"), ("GET", f"/{identity}/run")):
        assert (await saved.ask(method, path, 403, owner=owner))["code"] == "FORBIDDEN"
    if owner in ("alice", "bob"):
        problem = await Saved(archive, "root").ask("DELETE", f"/{identity}", 400, owner=owner)
        assert problem["parameter"] == "owner"
        found = await Saved(archive, "root").ask("GET", "", owner=owner)
        assert len(found["saved_searches"]) == (owner == "alice")


@pytest.mark.promise("A15", "A3")
async def test_a15_run_finds_turns_of_who_runs(archive, saved, event):
    """A search of the same words finds each owner's own turns."""
    await archive.send(event(1, content="roses"))
    bob = Saved(archive, "bob")
    await archive.as_user("bob").send(event(2, content="roses"))

    found = [await each.ask("GET", f"/{(await each.save())['id']}/run") for each in (saved, bob)]

    assert [[hit["turn_id"] for hit in answer["results"]] for answer in found] == [
        ["turn-1"],
        ["turn-2"],
    ]


@pytest.mark.promise("W01", "A6")
async def test_w01_name_is_answered_as_it_is(archive, saved):
    """Names are text in JSON, whatever they hold."""
    name = "<img src=x onerror=alert(1)> \"'&"

    created = await saved.save(name)
    text = json.dumps(await saved.ask("GET"))

    assert created["name"] == name
    assert json.loads(text)["saved_searches"][0]["name"] == name
