"""Which credential decides, and what tokens may."""

from __future__ import annotations

import pytest
from security.served import USERS

SESSIONS = "/api/v1/sessions"
JUNK = "Bearer lethe_" + "x" * 43


def bearer(token, **headers):
    """The header of a token."""
    return {"Authorization": f"Bearer {token}"} | headers


@pytest.mark.promise("A06", "A1")
@pytest.mark.parametrize(
    "junk",
    [JUNK, "Bearer", "Bearer ", "Bearer nonsense", "Basic YWxpY2U6eA==", "alice", "Bearer a.b.c"],
)
async def test_a06_a_bearer_that_fails_is_refused(served, junk):
    """Whatever the proxy's header says: a credential that is presented and fails is a 401."""
    answer = await served.get(SESSIONS, user="alice", headers={"Authorization": junk})

    assert (401, "UNAUTHORIZED") == (answer.status, answer.code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.promise("A06", "A1")
async def test_a06_the_lenient_chain_is_asked_for_and_warned_of(serve):
    """With `try_header` the proxy's header decides then; the log warns of it once."""
    server = serve(auth=USERS | {"on_bearer_failure": "try_header"})

    assert 200 == (await server.get(SESSIONS, user="alice", headers={"Authorization": JUNK})).status
    assert 401 == (await server.get(SESSIONS, headers={"Authorization": JUNK})).status
    assert 1 == server.log.count("on_bearer_failure is try_header")


@pytest.mark.promise("A07", "A1")
async def test_a07_a_valid_bearer_decides(served):
    """Alice's token beside bob's header is alice, even if the header is malformed."""
    token = served.token(owner="alice", scopes=("ingest", "read"))
    event = b'{"tool":"t","host":"h","session_id":"of-alice","turn_id":"1","seq":1,"role":"user"}'
    headers = bearer(token, **{"Content-Type": "application/x-ndjson", "Remote-User": "bob"})
    await served.ask("POST", "/api/v1/ingest", data=event, headers=headers)

    mine = await served.get(SESSIONS, headers=bearer(token, **{"Remote-User": "b,o b"}))
    bobs = await served.get(SESSIONS, user="bob")

    assert "of-alice" in {session["session_id"] for session in mine.json["sessions"]}
    assert "of-alice" not in {session["session_id"] for session in bobs.json["sessions"]}


@pytest.mark.promise("A07")
async def test_a07_two_authorizations_are_malformed(served):
    """Nobody can tell which is meant."""
    twice = [("Authorization", f"Bearer {served.token()}"), ("Authorization", JUNK)]

    assert 400 == (await served.ask("GET", SESSIONS, headers=twice)).status


@pytest.mark.promise("A13", "A2")
async def test_a13_an_admins_token_needs_the_scope(served):
    """A token is an admin's only if its owner is one and it says so."""
    plain = served.token(owner="root", scopes=("read",), name="plain")
    full = served.token(owner="root", scopes=("read", "admin"), name="full")
    forged = served.token(owner="alice", scopes=("read", "admin"), name="forged")

    for token, status in ((plain, 403), (full, 200), (forged, 403)):
        answer = await served.get(f"{SESSIONS}?owner=bob", headers=bearer(token))
        assert status == answer.status


@pytest.mark.promise("A7")
async def test_tokens_are_made_used_listed_and_revoked_by_command(served, poll):
    """A token works until it is revoked; the list tells its last use, the file not its secret."""
    named = ("--owner", "alice", "--name", "laptop")
    made = served.command("token", "create", *named, "--scope", "read", "--days", "2")
    secret = made.stdout.strip()
    assert 200 == (await served.get(SESSIONS, headers=bearer(secret))).status
    assert secret.encode() not in (served.data / "lethe.db").read_bytes()

    def used():
        listed = served.command("token", "list").stdout.splitlines()
        line = next(line for line in listed if "laptop" in line)
        return "-" not in line.split()[3:5] and secret not in line

    await poll(used)
    assert 0 == served.command("token", "revoke", *named).returncode

    async def refused():
        return 401 == (await served.get(SESSIONS, headers=bearer(secret))).status

    await poll(refused)
