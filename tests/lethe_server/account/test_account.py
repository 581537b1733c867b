"""Who asks, and their own tokens."""

from __future__ import annotations

import pytest

PATH = "/api/v1/tokens"
ALICE = {"Remote-User": "alice"}


async def make(archive, headers=ALICE, **body):
    """Ask for a token; return status and answer."""
    given = {"name": "laptop", "scopes": ["read"]} | body
    answer = await archive.client.post(PATH, json=given, headers=headers)
    return answer.status, await answer.json()


async def names(archive):
    """The names of the tokens that are in force."""
    return [each["name"] for each in (await archive.get("/tokens"))["tokens"]]


async def test_a_token_is_made_listed_and_revoked(archive):
    """It opens what its scopes allow until it is revoked, and its secret is told once."""
    status, made = await make(archive, name="my laptop_1.0-b", days=2)
    bearer = {"Authorization": f"Bearer {made['secret']}"}

    assert (201, ["read"]) == (status, made["scopes"])
    (listed,) = (await archive.get("/tokens"))["tokens"]
    assert listed["name"] == "my laptop_1.0-b"
    assert listed["expires_at"] - listed["created_at"] == pytest.approx(2 * 86_400)
    assert "secret" not in listed
    me = await (await archive.client.get("/api/v1/me", headers=bearer)).json()
    assert ("alice", "token") == (me["user"], me["kind"])

    gone = await archive.client.delete(f"{PATH}/my laptop_1.0-b", headers=ALICE)
    again = await archive.client.delete(f"{PATH}/my laptop_1.0-b", headers=ALICE)
    assert (204, 404) == (gone.status, again.status)
    assert [] == await names(archive)


@pytest.mark.parametrize(
    "name",
    ["", "-a", " a", "a/b", "a\nb", "a\n", "\x1b[2J", "a\x1b[2J", "ä", "x" * 65, "a" * 64 + "!"],
    ids=repr,
)
async def test_a_name_is_short_and_harmless_from_its_first_to_its_last_letter(archive, name):
    """What no address could revoke, or would move the cursor of a terminal, is no name."""
    status, problem = await make(archive, name=name)

    assert (400, "INVALID", "name") == (status, problem["code"], problem["parameter"])
    assert [] == await names(archive)


async def test_one_name_once(archive):
    """A second token of a name is refused as long as the first is in force."""
    assert (await make(archive))[0] == 201
    status, problem = await make(archive)
    assert (409, "CONFLICT") == (status, problem["code"])

    await archive.client.delete(f"{PATH}/laptop", headers=ALICE)
    assert (await make(archive))[0] == 201


async def test_a_token_makes_and_revokes_no_tokens(archive):
    """One that leaked cannot make others that outlive it."""
    _, made = await make(archive)
    bearer = {"Authorization": f"Bearer {made['secret']}"}

    listing = await archive.client.get(PATH, headers=bearer)
    gone = await archive.client.delete(f"{PATH}/laptop", headers=bearer)

    assert 403 == (await make(archive, bearer, name="other"))[0]
    assert (403, 403) == (listing.status, gone.status)
    assert ["laptop"] == await names(archive)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["admin"]},
        {"days": 0},
        {"days": 1.5},
        {"days": "7"},
        {"owner": "bob"},
    ],
    ids=str,
)
async def test_what_is_asked_for_must_be_known(archive, wrong):
    """An empty list of scopes, the scope of admins, odd days and other fields are refused."""
    status, problem = await make(archive, **wrong)

    assert (400, "INVALID") == (status, problem["code"])
    assert [] == await names(archive)
