"""The header of a reverse proxy (A01 to A04, A08)."""

from __future__ import annotations

import asyncio
import unicodedata

import pytest

PATH = "/api/v1/sessions"
SECRET = "a-secret-of-the-proxy"


async def ask(archive, *headers, path=PATH):
    """Send exactly these headers and return status and code."""
    reader, writer = await asyncio.open_connection("127.0.0.1", archive.client.server.port)
    lines = [b"GET %s HTTP/1.1" % path.encode(), b"Host: localhost", b"Connection: close"]
    lines += [line if isinstance(line, bytes) else line.encode() for line in headers]
    writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    code = next((c for c in CODES if f'"code":"{c}"'.encode() in answer), "")
    return int(answer.split()[1]), code


CODES = ("UNAUTHORIZED", "FORBIDDEN", "INVALID")


@pytest.mark.promise("A01", "A1")
async def test_a01_the_header_is_believed_from_loopback(archive):
    """With the default configuration a header from loopback signs in."""
    assert (200, "") == await ask(archive, "Remote-User: alice")


@pytest.mark.promise("A01", "A1")
@pytest.mark.parametrize(
    "settings",
    [
        {"AUTH__FORWARD_AUTH__TRUSTED_PROXIES": "127.0.0.2, 10.0.0.0/8"},
        {"AUTH__FORWARD_AUTH__PROXY_SECRET": SECRET},
        {"AUTH__FORWARD_AUTH__ENABLED": "false"},
    ],
)
async def test_a01_the_header_is_refused_without_proof(make_archive, settings):
    """From elsewhere, without the secret, or switched off, the header signs nobody in."""
    archive = await make_archive(**settings)

    assert (401, "UNAUTHORIZED") == await ask(archive, "Remote-User: alice")


@pytest.mark.promise("A02", "A1")
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], (401, "UNAUTHORIZED")),
        (["Remote-User:"], (401, "UNAUTHORIZED")),
        (["Remote-User:    "], (401, "UNAUTHORIZED")),
        (["Remote-User: alice", "Remote-User: bob"], (400, "INVALID")),
        (["Remote-User: alice", "Remote-User: alice"], (400, "INVALID")),
        (["Remote-User: alice", "Remote-User:"], (400, "INVALID")),
        (["Remote-User: alice,bob"], (400, "INVALID")),
        (["Remote-User: alice bob"], (400, "INVALID")),
        (["Remote-User: {http.reverse_proxy.header.Remote-User}"], (400, "INVALID")),
        (["Remote-User: " + "a" * 300], (400, "INVALID")),
        ([b"Remote-User: ali\tce"], (400, "INVALID")),
        ([b"Remote-User: alice\x85"], (400, "INVALID")),
        ([b"Remote-User: \xff\xfe"], (400, "INVALID")),
        (["Remote-User: mallory"], (403, "FORBIDDEN")),
        (["Remote-User: Alice"], (403, "FORBIDDEN")),
    ],
)
async def test_a02_values_are_judged_strictly(archive, headers, expected):
    """Exactly one header with exactly one name, or no entry."""
    assert expected == await ask(archive, *headers)


@pytest.mark.promise("A02", "A1")
async def test_a02_names_beyond_ascii_match_exactly(make_archive):
    """A name is compared as it is normalised in the configuration, not by looks."""
    archive = await make_archive(AUTH__ALLOWED_USERS="zoë", AUTH__ADMINS="")

    assert (200, "") == await ask(archive, "Remote-User: zo\u00eb")
    decomposed = unicodedata.normalize("NFD", "zo\u00eb")
    assert (403, "FORBIDDEN") == await ask(archive, f"Remote-User: {decomposed}")


@pytest.mark.promise("A03", "A1")
async def test_a03_variants_of_the_header(archive):
    """Case does not matter; an underscore is another header."""
    assert (200, "") == await ask(archive, "REMOTE-USER: alice")
    assert (401, "UNAUTHORIZED") == await ask(archive, "Remote_User: alice")
    status, _ = await ask(archive, "Remote-User : alice")
    assert 400 == status


@pytest.mark.promise("A04", "A1")
async def test_a04_the_secret_counts_in_its_header_alone(make_archive):
    """The right secret opens; a wrong one, two, or one in query or cookie do not."""
    archive = await make_archive(AUTH__FORWARD_AUTH__PROXY_SECRET=SECRET)
    user = "Remote-User: alice"

    assert (200, "") == await ask(archive, user, f"Lethe-Proxy-Secret: {SECRET}")
    for headers in (
        [f"Lethe-Proxy-Secret: {SECRET}x"],
        [f"Lethe-Proxy-Secret: {SECRET}", f"Lethe-Proxy-Secret: {SECRET}"],
        [f"Cookie: Lethe-Proxy-Secret={SECRET}"],
        [b"Lethe-Proxy-Secret: \xff"],
    ):
        assert (401, "UNAUTHORIZED") == await ask(archive, user, *headers)
    query = f"{PATH}?Lethe-Proxy-Secret={SECRET}"
    assert (401, "UNAUTHORIZED") == await ask(archive, user, path=query)


@pytest.mark.promise("A08", "A2")
async def test_a08_strangers_are_all_refused_alike(archive):
    """Whether a name exists anywhere cannot be told from the refusal."""
    headers = [{"Remote-User": name} for name in ("mallory", "nobody")]
    answers = [await archive.client.get(PATH, headers=each) for each in headers]
    problems = [await answer.json() for answer in answers]
    for problem in problems:
        del problem["request_id"]

    assert problems[0] == problems[1]
    assert [403, 403] == [answer.status for answer in answers]
