"""What is refused before anybody asks who it is, and how every answer looks."""

from __future__ import annotations

import json
import re

import pytest
from security.served import NDJSON, Served, turn

from lethe_server.routes import TABLE

SESSIONS = "/api/v1/sessions"


def request(target=SESSIONS, *, host="localhost", method="GET", extra="", user="alice"):
    """Write a request by hand."""
    lines = [f"{method} {target} HTTP/1.1", "Connection: close"]
    lines += [f"Host: {host}"] if host is not None else []
    lines += [f"Remote-User: {user}"] if user else []
    return ("\r\n".join(lines) + f"\r\n{extra}\r\n").encode("utf-8", "surrogateescape")


def outcome(answer):
    """The status and, of a problem, the code."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    code = re.search(rb'"code":"([A-Z_]+)"', body)
    return status, code[1].decode() if code else ""


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """A server that is also asked as lethe.example."""
    directory = tmp_path_factory.mktemp("named")
    with Served(directory, {"allowed_hosts": ["lethe.example"]}) as server:
        yield server


@pytest.mark.promise("Q01", "A4")
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:1", 200),
        ("LOCALHOST:8080", 200),
        ("127.0.0.1", 200),
        ("[::1]:8377", 200),
        ("lethe.example", 200),
        ("Lethe.Example:443", 200),
        ("evil.example:8080", 403),
        ("localhost.evil", 403),
        ("evil.localhost", 403),
        ("lethe.example.", 403),
        ("xlethe.example", 403),
        ("127.0.0.2", 403),
        ("127.1", 403),
        ("0.0.0.0", 403),
        ("[::ffff:127.0.0.1]", 403),
        ("localhost@evil.example", 403),
        ("localhost:x", 403),
        ("", 403),
        (None, 400),
        ("localhost\r\nHost: evil.example", 400),
        ("localhost\r\nHost: localhost", 400),
    ],
)
def test_q01_only_known_names_are_answered(named, host, status):
    """Any other `Host` is a 403 HOST_NOT_ALLOWED, none or two are a 400."""
    found, code = outcome(named.raw(request(host=host)))

    assert status == found
    assert {200: "", 403: "HOST_NOT_ALLOWED", 400: "INVALID"}[status] == code


@pytest.mark.promise("Q01", "A4")
def test_q01_an_absolute_target_counts_as_well(named):
    """A name in the request line must be known, too."""
    good = request(f"http://localhost{SESSIONS}")
    evil = request(f"http://evil.example{SESSIONS}")

    assert (200, "") == outcome(named.raw(good))
    assert (403, "HOST_NOT_ALLOWED") == outcome(named.raw(evil))


@pytest.mark.promise("Q02", "A4", "A1")
async def test_q02_a_rebound_name_reads_nothing(served):
    """A page whose name was rebound to loopback sends its own name, and gets no row."""
    await served.send(turn(content="canary-of-rebinding"))
    port = served.place["port"]
    for path in (SESSIONS, f"{SESSIONS}/claude-code/laptop/s1", "/api/v1/search?q=canary", "/"):
        extra = f"Origin: http://evil.example:{port}\r\nSec-Fetch-Site: same-origin\r\n"
        answer = served.raw(request(path, host=f"evil.example:{port}", extra=extra))
        assert (403, "HOST_NOT_ALLOWED") == outcome(answer)
        assert b"canary" not in answer


CHANGING = sorted({(r.method, r.path) for r in TABLE if r.method not in ("GET", "HEAD")})
FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "nonsense"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost.evil"},
    {"Origin": ""},
]


@pytest.mark.promise("Q03", "A4")
@pytest.mark.parametrize(("method", "path"), CHANGING)
async def test_q03_no_other_origin_changes_anything(served, method, path):
    """Every route that changes something refuses a page of another origin, whoever is signed in."""
    path = re.sub(r"\{\w+\}", "x", path)
    for foreign in FOREIGN:
        headers = {"Remote-User": "alice"} | foreign
        answer = await served.ask(method, path, headers=headers)
        assert (403, "CROSS_ORIGIN") == (answer.status, answer.code), foreign


@pytest.mark.promise("Q03", "A4")
async def test_q03_own_pages_and_programs_may(served):
    """The same origin, and who is no browser at all, are let pass."""
    port = served.place["port"]
    for own in (
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": f"http://127.0.0.1:{port}"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    ):
        headers = {"Remote-User": "alice"} | NDJSON | own
        answer = await served.ask("POST", "/api/v1/ingest", data=b"", headers=headers)
        assert 200 == answer.status, own


@pytest.mark.promise("Q03", "A4")
@pytest.mark.parametrize("path", sorted({route.path for route in TABLE}))
async def test_q03_nothing_is_allowed_to_other_origins(served, path):
    """A preflight allows nothing, and no answer is for other origins to read."""
    path = re.sub(r"\{\w+[^}]*\}", "x", path)
    evil = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    for method in ("OPTIONS", "GET"):
        answer = await served.ask(method, path, headers=evil | {"Remote-User": "alice"}, read=False)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        assert "same-origin" == answer.headers["Cross-Origin-Resource-Policy"]


@pytest.mark.promise("Q03", "A4", "A3")
async def test_q03_no_other_origin_measures_answers(served):
    """Another page's fetch, picture or frame of the API is refused before anything is looked up."""
    paths = sorted({r.path for r in TABLE if r.method == "GET" and r.path.startswith("/api/")})
    for path in (re.sub(r"\{\w+\}", "x", path) for path in paths):
        for site in ("cross-site", "same-site", "nonsense"):
            for mode, destination in (
                ("no-cors", "image"),
                ("cors", "empty"),
                ("navigate", "iframe"),
                ("navigate", "object"),
            ):
                headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}
                headers |= {"Sec-Fetch-Dest": destination, "Remote-User": "alice"}
                answer = await served.ask("GET", path, headers=headers)
                assert (403, "CROSS_ORIGIN") == (answer.status, answer.code), (path, headers)


@pytest.mark.promise("Q03", "A4")
@pytest.mark.parametrize(
    ("site", "mode", "destination"),
    [
        ("same-origin", "cors", "empty"),
        ("none", "navigate", "document"),
        ("cross-site", "navigate", "document"),
    ],
)
async def test_q03_own_pages_and_links_read(served, site, mode, destination):
    """The page itself, an address that was typed, and a link on another page are answered."""
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": destination}
    answer = await served.ask("GET", SESSIONS, headers=headers | {"Remote-User": "alice"})

    assert 200 == answer.status


HOSTILE = [
    "%2e%2e",
    "..%2f..%2fetc%2fpasswd",
    "..%5c..%5cboot.ini",
    "%00",
    "a%00b",
    "%252e%252e",
    "%c0%ae%c0%ae",
    "%ff",
    "x" * 4096,
    "%0d%0aSet-Cookie:%20a=b",
    "a;b=c",
    "%f0%9f%a6%8a",
    ".",
    "'%20OR%201=1--",
]


@pytest.mark.promise("Q05", "A6")
@pytest.mark.parametrize("part", HOSTILE, ids=lambda part: part[:20])
def test_q05_hostile_paths_lead_nowhere(served, part):
    """In each place of a path: 404 or 400, and never a file or a header of the path's choosing."""
    paths = [
        f"{SESSIONS}/{part}/laptop/s1",
        f"{SESSIONS}/claude-code/{part}/s1",
        f"{SESSIONS}/claude-code/laptop/{part}",
        f"{SESSIONS}/claude-code/laptop/s1/",
        f"/static/{part}",
        f"/static/x/{part}",
        f"/static/x/{part}/{part}/{part}/etc/passwd",
        f"/{part}",
        f"//{part}",
    ]
    for path in paths:
        answer = served.raw(request(path))
        status, code = outcome(answer)
        assert (status, code) in {(404, "NOT_FOUND"), (400, "INVALID")}, path[:60]
        assert b"root:" not in answer
        assert b"Set-Cookie" not in answer.partition(b"\r\n\r\n")[0]


#: What a page may name beside itself: pictures that it holds already.
PICTURES = {"img-src": {"data:", "blob:"}}
#: The form that signs in names its own styles by their digest (`test_browser`).
DIGEST = re.compile(r"'sha256-[A-Za-z0-9+/]{43}='")


@pytest.mark.promise("W02", "A6", "A4")
@pytest.mark.parametrize("user", [None, "alice", "mallory"])
@pytest.mark.parametrize("path", [*sorted({route.path for route in TABLE}), "/nothing"])
async def test_w02_every_answer_carries_the_headers(served, path, user):
    """Good answers and errors alike: a policy of `none` and `self`, no framing."""
    path = re.sub(r"\{\w+[^}]*\}", "x", path)
    answer = await served.get(path, user=user, read=False)

    policy = {
        directive: set(sources)
        for directive, *sources in map(
            str.split, answer.headers["Content-Security-Policy"].split(";")
        )
    }
    if path == "/login" and "style-src" in policy:
        [styles] = policy.pop("style-src")
        assert DIGEST.fullmatch(styles)
    for directive, sources in policy.items():
        assert {"'none'", "'self'"} | PICTURES.get(directive, set()) >= sources, directive
    for directive in ("default-src", "frame-ancestors", "base-uri"):
        assert {"'none'"} == policy[directive]
    assert "nosniff" == answer.headers["X-Content-Type-Options"]
    assert "DENY" == answer.headers["X-Frame-Options"]
    assert "no-referrer" == answer.headers["Referrer-Policy"]
    assert "same-origin" == answer.headers["Cross-Origin-Opener-Policy"]
    assert "lethe" == answer.headers["Server"]


TELLING = re.compile(
    rb"/home/|/usr/|/var/|/work|site-packages|\.py\b|Traceback|SELECT |INSERT |sqlite|apsw|peewee"
    rb"|aiohttp|asyncio|0x[0-9a-f]{6}",
    re.IGNORECASE,
)


def failures():
    """Every way to fail that needs no broken disk."""
    head = "Connection: close\r\nHost: localhost\r\nRemote-User: alice\r\n"
    ingest = f"POST /api/v1/ingest HTTP/1.1\r\n{head}"
    yield "no HTTP", b"nonsense\r\n\r\n"
    yield "TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n"
    yield "no such version", b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n"
    yield "a long line", b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    yield "a long header", request(extra=f"X: {'y' * 20_000}\r\n")
    yield "many headers", request(extra="".join(f"X{n}: y\r\n" for n in range(300)))
    yield "a bad header", request(extra="X y\r\n")
    yield "a secret in a bad header", request(extra="Authorization : Bearer canary-1\r\n")
    yield "two lengths", request(method="POST", extra="Content-Length: 1\r\nContent-Length: 2\r\n")
    yield (
        "length and chunks",
        request(method="POST", extra="Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
    )
    yield "bad chunks", (ingest + "Transfer-Encoding: chunked\r\n\r\nzz\r\n").encode()
    yield "an expectation", request("/api/v1/ingest", method="POST", extra="Expect: wonders\r\n")
    yield "an expectation nowhere", request("/nothing", extra="Expect: wonders\r\n")
    yield "a wrong host", request(host="evil.example")
    yield "no user", request(user=None)
    yield "a stranger", request(user="mallory")
    yield "a bad user", request(user="a,b")
    yield "no such route", request("/api/v2/sessions")
    yield "no such session", request(f"{SESSIONS}/a/b/c")
    yield "a wrong method", request(method="DELETE")
    yield "a strange method", request(method="BREW")
    yield "a bad parameter", request(f"{SESSIONS}?limit=x")
    yield "an unknown parameter", request(f"{SESSIONS}?%00=x")
    yield "a bad search", request("/api/v1/search?q=%22&syntax=fts5")
    yield "a search for nothing", request("/api/v1/search?q=")
    yield "an owner", request(f"{SESSIONS}?owner=bob")
    yield "a wrong origin", request("/api/v1/ingest", method="POST", extra="Origin: null\r\n")
    yield "no content type", request("/api/v1/ingest", method="POST")
    yield (
        "a wrong version",
        request(
            "/api/v1/ingest",
            method="POST",
            extra="Content-Type: application/x-ndjson\r\nLethe-Wire: 9\r\n",
        ),
    )
    gzip = "Content-Type: application/x-ndjson\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n"
    yield "no gzip", request("/api/v1/ingest", method="POST", extra=gzip) + b"nope"
    yield (
        "a large body",
        request(
            "/api/v1/ingest",
            method="POST",
            extra="Content-Type: application/x-ndjson\r\nContent-Length: 99999999999\r\n",
        ),
    )
    yield "a CONNECT", b"CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    yield "an asterisk", b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.mark.promise("Q13", "A8", "A7")
@pytest.mark.parametrize("way", [way for way, _ in failures()])
def test_q13_every_way_to_fail_is_a_problem(served, repository, way):
    """It is problem+json with a documented code; it tells no stack, SQL, path or secret."""
    answer = served.raw(dict(failures())[way])
    head, _, body = answer.partition(b"\r\n\r\n")

    assert 400 <= int(head.split(b" ", 2)[1]) < 500
    assert b"content-type: application/problem+json" in head.lower()
    assert b"content-security-policy" in head.lower()
    problem = json.loads(body)
    assert {"type", "title", "status", "code", "detail", "request_id"} <= set(problem)
    documents = "".join(path.read_text() for path in (repository / "docs").glob("*.md"))
    assert f"`{problem['code']}`" in documents
    assert not TELLING.search(body)
    assert b"canary" not in answer
    assert "canary" not in served.log
