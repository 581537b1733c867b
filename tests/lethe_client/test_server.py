"""Answers that are none, or not those of lethe."""

from __future__ import annotations

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from click.testing import CliRunner

from lethe_client.answers import Hits, Sessions, Stats, Total
from lethe_client.config import Connection
from lethe_client.errors import Refused, Unreachable
from lethe_client.server import Server
from lethe_core.cli import main


@pytest.fixture
def answers():
    """Serve one answer after the other, and keep the requests."""
    given, asked = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, dict(self.headers)))
            status, headers, body = given.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    httpd = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
    thread.start()

    class Answers:
        """What the server is going to answer, and what it was asked."""

        requests = asked
        url = f"http://127.0.0.1:{httpd.server_port}"

        def add(self, status, headers, body):
            given.append((status, headers, body))

        def server(self, path=""):
            return Server(Connection(url=self.url + path, token="secret"))

    yield Answers()
    httpd.shutdown()
    thread.join()
    httpd.server_close()


JSON = {"Content-Type": "application/json"}
PROBLEM = {"Content-Type": "application/problem+json"}


def test_request(answers):
    """The token, the parts of the path and the parameters are sent; none of them is doubtful."""
    answers.add(200, JSON, b'{"sessions": [], "total": 0, "more": 1}')
    with answers.server("/base") as server:
        reply = server.get(Sessions, "sessions", "a b", "c/d", "é", q="x&y", limit=None)
    (path, headers), *_ = answers.requests

    assert reply.values == json.loads(reply.body) == {"sessions": [], "total": 0, "more": 1}
    assert path == "/base/api/v1/sessions/a%20b/c%2Fd/%C3%A9?q=x%26y"
    assert headers["Authorization"] == "Bearer secret"


def test_compressed_answer(answers):
    """An answer may be compressed."""
    body = b'{"value": 1, "relation": "eq"}'
    answers.add(200, JSON | {"Content-Encoding": "gzip"}, gzip.compress(body))
    with answers.server() as server:
        assert server.get(Total, "search").body == body


@pytest.mark.parametrize(
    ("status", "error", "hint"),
    [
        (400, Refused, "mend it"),
        (401, Refused, "the token is not valid"),
        (403, Refused, "mend it"),
        (503, Unreachable, "mend it"),
    ],
)
def test_problem(answers, status, error, hint):
    """A problem is told in the server's words, without what a terminal obeys."""
    problem = {"detail": "q: is \x1b[31mwrong", "code": "INVALID", "hint": "mend it"}
    kind = {"Content-Type": "application/problem+json; charset=utf-8"}
    answers.add(status, kind, json.dumps(problem).encode())
    with answers.server() as server, pytest.raises(error) as caught:
        server.get(Hits, "search")

    assert caught.value.message == "the server answers: q: is [31mwrong (INVALID)"
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"Content-Type": "text/html"}, b"<h1>Sign in</h1>"),
        (200, {}, b"{}"),
        (502, {"Content-Type": "text/html"}, b"Bad Gateway"),
        (302, {"Location": "http://127.0.0.1:1/login"}, b""),
        (200, JSON | {"Content-Encoding": "gzip"}, b"no gzip"),
        (200, JSON, b""),
        (200, JSON, b"{"),
        (200, JSON, b"{}"),
        (200, JSON, b"[]"),
        (200, JSON, b"null"),
        (200, JSON, b'"\xff"'),
        (200, JSON, b"[" * 100_000),
        (200, JSON, b'{"group_by": ["day"], "groups": [{"day": "d"}], "totals": {}}'),
        (400, PROBLEM, b""),
        (400, PROBLEM, b"[]"),
        (400, PROBLEM, b'{"detail": "x"}'),
        (400, PROBLEM, b'{"detail": ["x"], "code": "INVALID"}'),
    ],
)
def test_what_is_not_of_lethe(answers, status, headers, body):
    """A proxy's page, a redirect and damage are no answers; the token goes nowhere else."""
    answers.add(status, headers, body)
    with answers.server() as server, pytest.raises(Unreachable) as caught:
        server.get(Stats, "stats")

    assert answers.url in caught.value.message
    assert "secret" not in caught.value.message


@pytest.mark.promise("A5")
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_answer_without_an_end_is_not_read(answers, monkeypatch, encoding):
    """More than a bound is none of lethe's, whether it came so or was compressed."""
    monkeypatch.setattr("lethe_client.server.MAX_BYTES", 1000)
    body = json.dumps({"sessions": [], "total": 0, "more": "x" * 900}).encode()
    for size in (0, 100):
        plain = body + b" " * size
        sent = gzip.compress(plain) if encoding == "gzip" else plain
        answers.add(200, JSON | {"Content-Encoding": encoding}, sent)
    with answers.server() as server:
        assert server.get(Sessions, "sessions").body == body
        with pytest.raises(Unreachable, match="longer than 1000 bytes"):
            server.get(Sessions, "sessions")


@pytest.mark.parametrize("left", [1, 20])
def test_compressed_answer_that_is_cut_off_is_none(answers, left):
    """Half of a stream is damage, wherever it was cut."""
    whole = gzip.compress(b'{"sessions": [], "total": 0}')
    answers.add(200, JSON | {"Content-Encoding": "gzip"}, whole[:-left])
    with answers.server() as server, pytest.raises(Unreachable, match="no answer"):
        server.get(Sessions, "sessions")
    assert len(answers.requests) == 1


def test_nobody_listens():
    """A server that is not there is said to be so."""
    with (
        Server(Connection(url="http://127.0.0.1:1", token="secret")) as server,
        pytest.raises(Unreachable, match=r"no answer from http://127\.0\.0\.1:1: "),
    ):
        server.get(Stats, "stats")


@pytest.mark.parametrize(
    "arguments", [["search", "x"], ["sessions"], ["show", "x"], ["show", "a/b/c"], ["stats"]]
)
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_commands_say_so(answers, settings, arguments, options):
    """A command that something else answers ends with one line, and prints nothing."""
    settings(URL=answers.url, TOKEN="secret")
    answers.add(200, JSON, b"{}")
    result = CliRunner().invoke(main, [*arguments, *options])

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"lethe: {answers.url} answers with status 200, and not as ")
    assert "(UNREACHABLE)" in result.stderr
