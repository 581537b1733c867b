"""The real server as a process of its own, on a port that it keeps when it is started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import weakref
from collections import Counter

from fakes.ports import HeldPort
from fakes.waiting import until_now
from lethe_server.auth.tokens import ensure_token


def turn(session_id, number, **fields):
    """Make a turn as it is sent."""
    return {
        "tool": "toy",
        "host": "box",
        "session_id": session_id,
        "turn_id": f"{session_id}-{number}-0",
        "seq": number,
        "role": "user",
        "content": f"{session_id} {number}",
        **fields,
    }


class ServerProcess:
    """Starts servers on one data directory.

    Args:
        place: a directory for everything.
    """

    def __init__(self, place):
        self.place = place
        self.data = place / "data"
        self.config = place / "server.yaml"
        self._held = HeldPort()
        weakref.finalize(self, self._held.release)
        self.port = self._held.number
        self.config.write_text(
            f'listen: "127.0.0.1:{self.port}"\ndata_dir: {self.data}\n'
            "auth: {allowed_users: [alice]}\n"
        )
        self.token_file = place / "server-token"
        self.token_file.touch(mode=0o600)
        self.make_token()
        self.process = None
        self.pid = 0

    def make_token(self):
        """Make the token that tests and collectors use."""
        scopes = ("ingest", "read")
        self.secret = ensure_token(self.data, owner="alice", name="test", scopes=scopes)
        self.token_file.write_text(self.secret)

    @property
    def url(self):
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self):
        """Its file."""
        return self.data / "lethe.db"

    def start(self, *prefix, fail="", environ=None):
        """Start it and wait until it is ready; `prefix` is a command that runs it."""
        port_file = self.place / "port"
        port_file.unlink(missing_ok=True)
        with (self.place / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                [
                    *prefix,
                    *(sys.executable, "-m", "lethe_server", "serve"),
                    *("--config", str(self.config), "--port-file", str(port_file)),
                ],
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=os.environ | {"LETHE_FAIL": fail} | (environ or {}),
            )
        until_now(lambda: port_file.exists() or self.process.poll() is not None)
        # It may have ended by now, where a fault ends it: a collector that waits sends at once.
        assert port_file.exists(), (self.place / "server.log").read_text()[-2000:]
        self.pid = json.loads(port_file.read_text())["pid"]  # the prefix may stand in between
        return self

    def kill(self):
        """Kill it and wait for its end."""
        self._end(signal.SIGKILL)

    def stop(self):
        """Have it end in order; return its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number):
        if self.process is None or self.process.poll() is not None:
            return None
        os.kill(self.pid, number)
        return self.process.wait(60)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()

    # Requests ------------------------------------------------------------------------------

    def ask(self, path, body=None, **headers):
        """Send a request; return status and answer."""
        request = urllib.request.Request(self.url + path, body, headers)
        if "Authorization" not in headers:
            request.add_header("Authorization", f"Bearer {self.secret}")
        if body is not None and "Content-Type" not in headers:
            request.add_header("Content-Type", "application/x-ndjson")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def send(self, *events):
        """Send turns; return status and answer."""
        return self.ask("/api/v1/ingest", "\n".join(map(json.dumps, events)).encode())

    def get(self, path):
        """Get what must be there."""
        status, answer = self.ask(f"/api/v1{path}")
        assert status == 200, answer
        return answer

    def turns(self):
        """Return the ids of all turns that could be mapped, of each session in its order."""
        found, offset = {}, 0  # by rows: a session that comes meanwhile moves others back
        while page := self.get(f"/sessions?limit=200&offset={offset}")["sessions"]:
            offset += len(page)
            for row in page:
                path = "/sessions/{tool}/{host}/{session_id}".format_map(row)
                answer = self.get(f"{path}?turns=500")
                turns = answer["turns"]
                while answer["next"] is not None:
                    answer = self.get(f"{path}?turns=500&after={answer['next']}")
                    turns += answer["turns"]
                found[row["session_id"]] = [
                    one["turn_id"]
                    for one in turns
                    if (one.get("metadata") or {}).get("kind") != "unmapped"
                ]
        return found

    def hits(self, words):
        """Search for each word; return how many turns have it."""
        return Counter({word: self.get(f"/search?q={word}")["total"]["value"] for word in words})
