"""Owners: what one finds, counts and ranks says nothing of the others."""

from __future__ import annotations

import pytest


def _answered(answer):
    """All that an answer tells but the time that it took."""
    return {name: value for name, value in answer.items() if name != "took_ms"}


@pytest.mark.promise("A17", "A3")
async def test_a17_no_figure_moves_when_another_owner_stores(searches, archive, event):
    """Hits, order, ranks, totals and cursors stay while somebody else stores thousands."""
    texts = ["rose", "rose rose thorn", "thorn and rose and tulip", "tulip", "rosebud"]
    calls = [{"id": "c", "output": "rose in an output"}]
    await archive.send(*(event(n, content=text) for n, text in enumerate(texts)))
    await archive.send(event(20, role="tool", content="", tool_calls=calls))
    asked = [
        ("rose", {}),
        ("rose thorn", {}),
        ("rose OR tulip", {"syntax": "fts5"}),
        ("rose", {"include_tool_outputs": "true", "limit": 2}),
        ("ros", {"order": "time"}),
    ]
    before = [_answered(await searches.answer(q, **given)) for q, given in asked]

    bob = archive.as_user("bob")
    for start in range(0, 2000, 400):
        await bob.send(
            *(
                event(start + n, content="rose tulip " * (n % 9), session_id=f"s{n % 7}")
                for n in range(400)
            )
        )

    assert [_answered(await searches.answer(q, **given)) for q, given in asked] == before
    assert before[0]["total"]["value"] == 4


@pytest.mark.promise("A3")
async def test_same_names_of_two_owners_are_apart(searches, archive, event):
    """Two owners with the same tool, host, session and turn find each their own."""
    bob = archive.as_user("bob")
    await archive.send(event(1, content="alice writes of roses"))
    await bob.send(event(1, content="bob writes of tulips"))

    assert await searches.found("roses") == ["turn-1"]
    assert await searches.found("tulips") == []
    assert (await bob.get("/search", q="roses"))["results"] == []


@pytest.mark.promise("A14", "A3")
@pytest.mark.parametrize("owner", ["alice", "bob", "*", "", "ALICE"])
async def test_a14_owner_is_for_admins(archive, owner):
    """Whoever is no admin may not name an owner, not even himself."""
    problem = await archive.get("/search", 403, q="roses", owner=owner)

    assert problem["code"] == "FORBIDDEN"


async def test_admin_searches_one_or_all(archive, event):
    """An admin searches the turns of a named owner, or of all and is told whose they are."""
    await archive.send(event(1, content="roses"))
    await archive.as_user("bob").send(event(2, content="roses"))
    root = archive.as_user("root")

    of_bob = await root.get("/search", q="roses", owner="bob")
    of_all = await root.get("/search", q="roses", owner="*", limit=1)
    rest = await root.get("/search", q="roses", owner="*", cursor=of_all["next_cursor"])
    own = await root.get("/search", q="roses")

    assert [result["turn_id"] for result in of_bob["results"]] == ["turn-2"]
    assert of_all["total"]["value"] == 2
    assert [result["owner"] for result in of_all["results"] + rest["results"]] == ["bob", "alice"]
    assert "owner" not in of_bob["results"][0]
    assert own["results"] == []


@pytest.mark.promise("A16", "A3")
@pytest.mark.parametrize("name", ["session", "project", "host", "tool"])
async def test_a16_conditions_do_not_tell_what_others_have(searches, archive, event, name):
    """A session, project, host or tool of somebody else is answered like one that is nowhere."""
    session = {"session_id": "theirs", "host": "desk", "tool": "codex"}
    meta = {"working_dir": "/home/bob/theirs"}
    await archive.send(event(1, content="roses"))
    await archive.as_user("bob").send(event(2, content="roses", session_meta=meta, **session))
    value = {"session": "theirs", "project": "theirs", "host": "desk", "tool": "codex"}[name]

    theirs = await searches.answer("roses", **{name: value})
    nowhere = await searches.answer("roses", **{name: "nowhere"})

    assert _answered(theirs) == _answered(nowhere)
    assert theirs["total"]["value"] == 0
