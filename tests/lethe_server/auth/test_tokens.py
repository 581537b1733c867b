"""lethe's own tokens (A06, A07) and their scopes."""

from __future__ import annotations

import apsw
import pytest

from lethe_core.errors import ConfigInvalid
from lethe_server.auth.tokens import CACHE_SECONDS, TokenVerifier, create_token, ensure_token
from lethe_server.keys import STORE
from lethe_server.storage import TokenBook

PATH = "/api/v1/sessions"


async def ask(archive, secret, **headers):
    """Ask for the sessions with a bearer; return status and code."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers["Authorization"] = secret if " " in secret else f"Bearer {secret}"
    answer = await archive.client.get(PATH, headers=headers)
    return answer.status, (await answer.json()).get("code", "")


async def test_a_token_opens_the_archive_of_its_owner(archive, event, make_token):
    """What is read with a token is what its owner has archived."""
    await archive.as_user("bob").send(event(1))
    secret = make_token("bob")

    answer = await archive.client.get(PATH, headers={"Authorization": f"Bearer {secret}"})

    assert 1 == (await answer.json())["total"]


@pytest.mark.promise("A06", "A1")
@pytest.mark.parametrize(
    "credential",
    [
        "Bearer junk",
        "Bearer",
        "Bearer lethe_" + "A" * 43,
        "Basic YWxpY2U6eA==",
        "Bearer \xff",
        "Bearer " + "x" * 7000,
    ],
)
async def test_a06_a_credential_that_fails_is_no_fallback(archive, credential):
    """A bearer that fails is 401, though a header would sign in."""
    answer = await archive.client.get(
        PATH, headers={"Authorization": credential, "Remote-User": "alice"}
    )

    assert (401, "UNAUTHORIZED") == (answer.status, (await answer.json())["code"])


@pytest.mark.promise("A07", "A1")
async def test_a07_a_valid_token_decides(archive, event, make_token):
    """With a valid token the header is not even read."""
    await archive.send(event(1))
    secret = make_token("alice")

    for user in ("bob", "mallory", "a,b"):
        assert (200, "") == await ask(archive, secret, Remote_User=user)


@pytest.mark.promise("A08", "A2")
async def test_a08_the_owner_of_a_token_must_be_allowed(archive, make_token):
    """A token of somebody who is not on the list is 403."""
    assert (403, "FORBIDDEN") == await ask(archive, make_token("mallory"))


@pytest.mark.promise("A2")
async def test_scopes_are_kept(archive, event, make_token):
    """An ingest token cannot read, a read token cannot write, and neither is an admin."""
    ingest = {"Authorization": f"Bearer {make_token(scopes=('ingest',), name='a')}"}
    read = {"Authorization": f"Bearer {make_token(scopes=('read',), name='b')}"}
    ndjson = {"Content-Type": "application/x-ndjson"}
    post = archive.client.post

    assert 403 == (await archive.client.get(PATH, headers=ingest)).status
    assert 200 == (await archive.client.get(PATH, headers=read)).status
    assert 200 == (await post("/api/v1/ingest", data=b"", headers=ingest | ndjson)).status
    assert 403 == (await post("/api/v1/ingest", data=b"", headers=read | ndjson)).status
    owner = {"owner": "bob"}
    for user, status in (("alice", 403), ("root", 200)):
        secret = make_token(user, scopes=("read", "admin"), name="c")
        bearer = {"Authorization": f"Bearer {secret}"}
        assert status == (await archive.client.get(PATH, params=owner, headers=bearer)).status


async def test_a_token_ends(make_config, archive, make_token):
    """An expired token is refused at once, a revoked one as soon as the cache has passed."""
    now, timer = [1000.0], [0.0]
    store = archive.app[STORE]
    verifier = TokenVerifier(store, lambda: now[0], lambda: timer[0])
    with TokenBook(make_config().data_dir) as book:
        expiring = create_token(book, owner="bob", name="x", scopes=["read"], expires_at=2000.0)
        secret = create_token(book, owner="bob", name="y", scopes=["read"])
        assert (await verifier.verify(expiring)).owner == "bob"
        assert (await verifier.verify(secret)).name == "y"

        now[0] = 2000.0
        assert book.revoke(owner="bob", name="y")
        timer[0] = CACHE_SECONDS

        assert await verifier.verify(expiring) is None
        assert await verifier.verify(secret) is None
        assert not book.revoke(owner="bob", name="y")


async def test_the_last_use_is_kept(make_config, archive, make_token):
    """A use is stored, at most once a minute."""
    timer = [0.0]
    store = archive.app[STORE]
    verifier = TokenVerifier(store, lambda: 5000.0 + timer[0], lambda: timer[0])
    row = await verifier.verify(make_token("bob"))
    for moment in (0.0, 30.0, 61.0):
        timer[0] = moment
        verifier.note_use(row)
    await store.probe_write()  # waits for its turn behind the others

    with TokenBook(make_config().data_dir) as book:
        assert [5061.0] == [token.last_used_at for token in book.list()]


def test_a_secret_is_not_stored(tmp_path):
    """Nothing in the data directory holds the secret of a token."""
    secret = ensure_token(tmp_path, owner="bob", name="x", scopes=["ingest"])

    files = [path.read_bytes() for path in tmp_path.iterdir()]

    assert files
    assert not any(secret.encode() in data for data in files)


def test_ensure_token_keeps_a_secret_that_works(tmp_path):
    """The given secret comes back as long as it does; else a new one takes its place."""

    def ensure(secret=None, scopes=("ingest", "read"), owner="bob"):
        return ensure_token(tmp_path, owner=owner, name="up", scopes=scopes, secret=secret)

    first = ensure()
    assert first == ensure(first)
    assert first == ensure(first, scopes=("read",))
    second = ensure("lethe_unknown")
    assert second != first
    assert second != ensure(second, scopes=("read", "admin"))
    with TokenBook(tmp_path) as book:
        assert 1 == sum(row.revoked_at is None for row in book.list())


@pytest.mark.parametrize(
    "wrong",
    [{"owner": "a b"}, {"name": ""}, {"name": "\n"}, {"scopes": ["write"]}, {"scopes": []}],
)
def test_wrong_names_and_scopes_are_refused(tmp_path, wrong):
    """What could not sign in later is not made."""
    arguments = {"owner": "bob", "name": "x", "scopes": ["read"]} | wrong
    with TokenBook(tmp_path) as book, pytest.raises(ConfigInvalid):
        create_token(book, **arguments)


def test_a_name_is_in_force_once(tmp_path):
    """A second token of a name is refused until the first is revoked."""
    with TokenBook(tmp_path) as book:
        create_token(book, owner="bob", name="x", scopes=["read"])
        with pytest.raises(ConfigInvalid, match="has a token named 'x'"):
            create_token(book, owner="bob", name="x", scopes=["read"])
        book.revoke(owner="bob", name="x")
        create_token(book, owner="bob", name="x", scopes=["read"])
        create_token(book, owner="alice", name="x", scopes=["read"])


def test_the_database_names_no_apsw_error(tmp_path):
    """A constraint is worded for people; the driver's error does not come out."""
    with TokenBook(tmp_path) as book:
        create_token(book, owner="bob", name="x", scopes=["read"])
        with pytest.raises(ConfigInvalid) as raised:
            create_token(book, owner="bob", name="x", scopes=["read"])
    assert not isinstance(raised.value.__cause__, apsw.Error)
