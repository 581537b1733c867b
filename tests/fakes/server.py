"""A server that does what a test tells it: scripted answers first, then it archives like lethe.

It speaks HTTP by hand, so that it can also answer what no server should: half an answer, nothing,
garbage. It runs in a thread of its own; processes and event loops alike may talk to it.

    with FakeServer() as server:
        server.script += [Reply(503), Reply(200, cut=20), Reply(hang=True)]
"""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import threading
from collections import Counter, deque
from dataclasses import dataclass, field

import zstandard

from fakes.ports import HeldPort


@dataclass
class Reply:
    """One answer.

    Args:
        status: of HTTP.
        body: bytes, or an object to be sent as JSON; `None` for lethe's own acknowledgement.
        headers: added to the usual ones.
        commit: whether the lines are archived before it.
        cut: the connection is closed after so many bytes.
        hang: the connection stays open and nothing is sent.
    """

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    commit: bool = False
    cut: int | None = None
    hang: bool = False


def problem(status, code, **headers):
    """Make an answer as lethe words it."""
    body = json.dumps({"title": "t", "status": status, "code": code, "detail": "d"}).encode()
    return Reply(status, body, {"Content-Type": "application/problem+json", **headers})


@dataclass
class Request:
    """What came: its lines, and its headers with names in lower case."""

    lines: list[bytes]
    headers: dict[str, str]


class FakeServer:
    """See the module.

    Attributes:
        script: answers to give first, one for each request.
        judge: called with the lines when the script is at its end; may return a `Reply`.
        requests: all that came.
        reports: what a collector said of its machine.
        mark: of each acknowledgement, and the only one that is known; empty for an old server.
        knows_reports: whether there is a place for them.
        events: the archive: of each event the first that came, at the smallest place of all.
    """

    def __init__(self):
        self.script = deque()
        self.judge = lambda _lines: None
        self.requests = []
        self.reports = []
        self.knows_reports = True
        self.mark = ""
        self.events = {}
        self.sent = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake server")
        self._tasks = set()
        self._held = HeldPort()

    @property
    def url(self):
        """Where it listens."""
        return f"http://127.0.0.1:{self._held.number}"

    def __enter__(self):
        self._thread.start()
        self.up()
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()
        self._held.release()

    def up(self):
        """Listen; on the same port as before."""
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(60)

    def down(self):
        """Refuse connections."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(60)

    async def _start(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._held.number)

    async def _stop(self):
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        pairs = [line.partition(":") for line in head.split("\r\n")[1:] if line]
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if head.startswith("PUT"):
            self.reports.append(json.loads(body))
            status = "204 No Content" if self.knows_reports else "404 Not Found"
            length = "" if self.knows_reports else "Content-Length: 0\r\n"
            writer.write(f"HTTP/1.1 {status}\r\n{length}\r\n".encode())
            await writer.drain()
            return True
        lines = [line for line in _decode(body, headers).split(b"\n") if line]
        self.requests.append(Request(lines, headers))
        reply = self.script.popleft() if self.script else self.judge(lines) or Reply(commit=True)
        if reply.commit:
            self._archive(lines)
        if reply.hang:
            await asyncio.Event().wait()
        data = _render(reply, lines, self._marks(headers))
        writer.write(data[: reply.cut])
        await writer.drain()
        return reply.cut is None

    def _marks(self, headers):
        """What an acknowledgement says of marks."""
        if not self.mark:
            return {}
        return {"mark": self.mark, "mark_known": headers.get("lethe-mark") == self.mark}

    def _archive(self, lines):
        for line in lines:
            event = json.loads(line)
            key = tuple(event.get(name) for name in ("tool", "host", "session_id", "turn_id"))
            stored = self.events.setdefault(key, event)
            stored["seq"] = min(stored["seq"], event["seq"])
            self.sent[key] += 1


def _decode(body, headers):
    match headers.get("content-encoding"):
        case "zstd":
            return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(body)).read()
        case "gzip":
            return gzip.decompress(body)
        case _:
            return body


def _render(reply, lines, marks):
    body, content_type = reply.body, "application/json"
    if body is None:
        body = {"received": len(lines), "accepted": len(lines), "errors": []} | marks
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": content_type, "Content-Length": str(len(data)), **reply.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {reply.status} Status\r\n{head}\r\n".encode() + data
