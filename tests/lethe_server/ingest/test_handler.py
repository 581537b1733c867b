"""``POST /api/v1/ingest``, over HTTP."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib

import pytest
import zstandard

from lethe_core.limits import MAX_REQUEST_BYTES, MAX_REQUEST_LINES
from lethe_server.errors import Overloaded
from lethe_server.ingest.service import BUDGET_BYTES
from lethe_server.keys import INGEST


def ndjson(*events, end="\n"):
    """Events as a body."""
    return "".join(json.dumps(event) + end for event in events).encode()


async def code_of(answer):
    """The code of a problem, which must be one."""
    assert answer.content_type == "application/problem+json"
    return (await answer.json())["code"]


async def count_turns(archive):
    """How many turns are archived for the user."""
    return sum(session["turns"] for session in (await archive.get("/sessions"))["sessions"])


@pytest.mark.parametrize("encoding", ["", "gzip", "zstd"])
async def test_accepts_a_batch_in_every_encoding(archive, event, encoding):
    """The answer counts what came and what was accepted, plain or compressed."""
    body = ndjson(*(event(n) for n in range(1, 4)))
    encode = {"": bytes, "gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}
    headers = {"Content_Encoding": encoding} if encoding else {}

    answer = await archive.post(encode[encoding](body), **headers)

    told = await answer.json()
    assert told.pop("mark").endswith("-1")
    assert {"received": 3, "accepted": 3, "errors": []} == told
    assert 3 == await count_turns(archive)


@pytest.mark.promise("I14", "A3", "A9")
async def test_i14_wrong_lines_are_errors_of_their_own(archive, event):
    """Lines that are no event are refused one by one, with line, code and field."""
    lines = [
        b"no json",
        b"[1]",
        b"7",
        json.dumps(event(1)).encode(),
        json.dumps(event(2, owner="bob")).encode(),
        json.dumps(event(3, role="robot")).encode(),
        b"",
        json.dumps(event(4, flavour=1, colour=2)).encode(),
        json.dumps(event(5)).encode()[:-1] + b',"content":"last"}',
    ]

    answer = await (await archive.post(b"\n".join(lines))).json()

    assert (8, 3, 2) == (answer["received"], answer["accepted"], answer["unknown_fields"])
    assert [1, 2, 3, 5, 6] == [error["line"] for error in answer["errors"]]
    assert {"INVALID"} == {error["code"] for error in answer["errors"]}
    assert ["owner", "role"] == [e["field"] for e in answer["errors"] if "field" in e]
    detail = await archive.get("/sessions/claude-code/laptop/s1")
    assert ["text 1", "text 4", "last"] == [turn["content"] for turn in detail["turns"]]


@pytest.mark.promise("I15", "A9")
@pytest.mark.parametrize(
    "fragment",
    [
        b'"content":"\\ud83d"',
        b'"seq":9223372036854775808',
        b'"seq":' + b"1" * 5000,
        b'"metadata":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'"metadata":{"kind":' + b"1" * 5000 + b"}",
        b'"metadata":{"a":18446744073709551616}',
        b'"session_meta":{"metadata":{"a":1e999}}',
        b'"session_meta":{"metadata":{"a":123456789012345678901234567890}}',
        b'"session_meta":{"title":"\\u0000\\u001b[31m"}',
        b'"timestamp":NaN',
        b'"cost_usd":1e308',
        b'"usage":{"key":"k","input":9223372036854775807,"output":9223372036854775807}',
        b'"tokens_in":9223372036854775807',
        b'"seq":1,"seq":2',
        b'"content":"a\\u0000b"',
        b'"content":"\xff"',
        b'"content":"' + "\u2028\U0001f600".encode() + b'"',
    ],
    ids=lambda fragment: fragment[:24].decode("ascii", "replace"),
)
async def test_i15_hostile_values_never_fail_the_server(archive, event, fragment):
    """Each value is stored normalised or refused for its line; it can always be read back."""
    line = json.dumps(event(1, session_id="hostile", content=..., timestamp=...)).encode()
    good = json.dumps(event(2)).encode()

    answer = await archive.post(line[:-1] + b"," + fragment + b"}\n" + good)

    assert 200 == answer.status
    counted = await answer.json()
    assert 2 == counted["accepted"] + len(counted["errors"])
    assert {error["code"] for error in counted["errors"]} <= {"INVALID"}
    listed = await archive.get("/sessions")
    for session in listed["sessions"]:
        detail = await archive.get(f"/sessions/claude-code/laptop/{session['session_id']}")
        assert 1 == len(detail["turns"])


@pytest.mark.promise("I15")
async def test_i15_absurd_counts_do_not_overflow_sums(archive, event):
    """Sums of the greatest counts that the wire allows stay numbers."""
    most = 2**63 - 1
    events = [
        event(n, usage={"key": f"k{n}", "input": most, "output": most}, cost_usd=1e308)
        for n in range(1, 30)
    ]

    await archive.send(*events)

    [session] = (await archive.get("/sessions"))["sessions"]
    assert session["tokens_in"] == session["tokens_out"] > 2**40


@pytest.mark.promise("I10", "A5")
async def test_i10_ends_of_lines_and_empty_bodies(archive, event):
    """An empty body is nothing; the last line may lack its end; CRLF is an end."""
    for body in (b"", b"\n", b"\n\r\n\n"):
        answer = await archive.post(body)
        assert {"received": 0, "accepted": 0, "errors": [], "mark": ""} == await answer.json()

    for number, end in enumerate(("", "\n", "\r\n"), start=1):
        answer = await archive.post(ndjson(event(number), end=end))
        assert 1 == (await answer.json())["accepted"]

    assert 3 == await count_turns(archive)


@pytest.mark.promise("I10", "A5")
async def test_i10_a_body_that_does_not_come_is_a_timeout(make_archive, event):
    """A body that is not there in time is 408 and leaves nothing."""
    archive = await make_archive(body_seconds=0.05)
    never = asyncio.Event()

    async def dribble():
        yield ndjson(event())
        await never.wait()

    answer = await archive.post(dribble())

    assert (408, "REQUEST_TIMEOUT") == (answer.status, await code_of(answer))
    assert 0 == await count_turns(archive)


@pytest.mark.promise("I11", "A5")
async def test_i11_more_than_allowed_is_refused_whole(archive, event):
    """Too many bytes or lines are 413 and nothing of the body is stored; long lines pass."""
    line = ndjson(event(1))
    long = event(2, content="x" * (1024 * 1024 + 1))
    assert 1 == (await archive.send(long))["accepted"]
    filler = b" " * (MAX_REQUEST_BYTES // 16) + b"\n"
    bodies = [
        line + filler * 16,
        line + b"\n" * 10 + b"7\n" * MAX_REQUEST_LINES,
    ]

    for body in bodies:
        answer = await archive.post(body)
        assert (413, "TOO_LARGE") == (answer.status, await code_of(answer))

    assert 1 == await count_turns(archive)


@pytest.mark.promise("I11", "A5")
async def test_i11_a_line_that_is_too_long_is_an_error_of_its_own(archive, event):
    """A line above the bound of one event is refused alone."""
    body = ndjson(event(1), event(2, content="x" * 5_000_000), event(3))

    answer = await (await archive.post(body)).json()

    assert (2, [(2, "TOO_LARGE")]) == (
        answer["accepted"],
        [(error["line"], error["code"]) for error in answer["errors"]],
    )


@pytest.mark.promise("I12", "A5")
@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_i12_bombs_are_refused(archive, encoding):
    """A body that swells beyond the bound is 413 before it is read to its end."""
    zeros = b" " * (8 * MAX_REQUEST_BYTES)
    bomb = {"gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}[encoding](zeros)

    answer = await archive.post(bomb, Content_Encoding=encoding)

    assert (413, "TOO_LARGE") == (answer.status, await code_of(answer))


@pytest.mark.promise("I12", "A5")
@pytest.mark.parametrize(
    ("encoding", "damage"),
    [
        ("gzip", lambda body: gzip.compress(body)[:-9]),
        ("gzip", lambda body: body),
        ("gzip", lambda body: gzip.compress(gzip.compress(body))),
        ("gzip", lambda body: gzip.compress(body) + b"rest"),
        ("gzip", zlib.compress),
        ("zstd", lambda body: zstandard.ZstdCompressor().compress(body)[:-2]),
        ("zstd", gzip.compress),
        ("identity", gzip.compress),
    ],
)
async def test_i12_damaged_bodies_are_refused_whole(archive, event, encoding, damage):
    """A cut off, damaged or wrongly labelled body is 400 and leaves nothing."""
    body = ndjson(*(event(n) for n in range(50)))

    answer = await archive.post(damage(body), Content_Encoding=encoding)

    assert (400, "INVALID") == (answer.status, await code_of(answer))
    assert 0 == await count_turns(archive)


@pytest.mark.promise("I12", "I13", "A4")
@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Encoding": "br"},
        {"Content_Encoding": "gzip, zstd"},
        {"Content_Type": "text/plain"},
        {"Content_Type": "multipart/form-data; boundary=x"},
        {"Content_Type": "application/json"},
        {"Content_Type": ""},
    ],
)
async def test_i13_other_types_and_encodings_are_415(archive, event, headers):
    """Only NDJSON, plain or in gzip or zstd, is read."""
    answer = await archive.post(ndjson(event()), **headers)

    assert (415, "UNSUPPORTED_MEDIA_TYPE") == (answer.status, await code_of(answer))


@pytest.mark.parametrize(("version", "status"), [("1", 200), ("2", 400), ("x", 400)])
async def test_the_version_of_the_wire_is_checked(archive, event, version, status):
    """A version that is not known is WIRE_VERSION, which a collector keeps its events for."""
    answer = await archive.post(ndjson(event()), Lethe_Wire=version)

    assert status == answer.status
    if status != 200:
        assert "WIRE_VERSION" == await code_of(answer)


@pytest.mark.promise("I17", "P1", "A5")
async def test_i17_a_client_that_goes_away_leaves_nothing(archive, event):
    """Of a body whose end does not come, no row is stored, and the server goes on."""
    server = archive.client.server
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    body = ndjson(*(event(n) for n in range(100)))
    head = (
        f"POST /api/v1/ingest HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        "Remote-User: alice\r\nContent-Type: application/x-ndjson\r\n"
        f"Content-Length: {len(body) + 10}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    assert 1 == (await archive.send(event(1, session_id="other")))["accepted"]
    assert 1 == await count_turns(archive)


@pytest.mark.promise("I04", "P4")
async def test_i04_two_clients_send_the_same_at_once(archive, event):
    """The same batch three times, two of them in parallel and one reversed, is stored once."""
    events = [
        event(n, role="assistant", usage={"key": f"k{n // 2}", "input": n, "output": 1})
        for n in range(1, 60)
    ]
    await asyncio.gather(archive.send(*events), archive.send(*events))
    await archive.send(*reversed(events))
    await archive.send(*events[:20])

    [session] = (await archive.get("/sessions"))["sessions"]
    expected = sum(max(n for n in range(1, 60) if n // 2 == key) for key in range(30))
    assert (59, expected, 30) == (session["turns"], session["tokens_in"], session["tokens_out"])


async def test_memory_of_requests_is_bounded(archive, event):
    """When others use up the memory for requests, a further one is 503 and may come again."""
    service = archive.app[INGEST]
    with service.reservation("alice") as other:
        other.resize(10**12)
        answer = await archive.post(ndjson(event()))
        assert (503, "UNAVAILABLE") == (answer.status, await code_of(answer))
        assert int(answer.headers["Retry-After"]) > 0

    assert 1 == (await archive.send(event()))["accepted"]


@pytest.mark.promise("A5")
async def test_bodies_of_one_user_keep_no_other_out(archive, event):
    """Whatever memory somebody else's requests hold, a user has a quarter of the budget."""
    service = archive.app[INGEST]
    with service.reservation("bob") as others, service.reservation("alice") as own:
        others.resize(BUDGET_BYTES)
        assert 1 == (await archive.send(event()))["accepted"]

        own.resize(BUDGET_BYTES // 4)
        with pytest.raises(Overloaded):
            own.resize(BUDGET_BYTES // 4 + 1)
        answer = await archive.post(ndjson(event()))
        assert (503, "UNAVAILABLE") == (answer.status, await code_of(answer))

    assert 1 == (await archive.send(event()))["accepted"]
