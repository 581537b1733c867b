"""What all that stands before a handler costs: sign-in, limits, log, metrics, headers."""

from __future__ import annotations

import http.client
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.deployment import stop
from benchmarks.pair import ask_in_turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measuring import Sheet
    from benchmarks.pair import Pair

_ROUNDS = 3
_REQUESTS = 3000
_PATH = "/api/v1/me"


def measure(pair: Pair, sheet: Sheet) -> None:
    """Ask who one is, with a token, and in turn a bare server for the same bytes."""
    client = pair.lethe.connect()
    body = client.get_bytes(_PATH)
    with tempfile.TemporaryDirectory() as scratch:
        port_file = Path(scratch) / "port"
        command = [sys.executable, "-m", "benchmarks.bare", str(port_file)]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as bare:
            try:
                assert bare.stdin is not None
                bare.stdin.write(body)
                bare.stdin.close()
                get = _connect(port_file, pair.lethe.token)
                for _ in range(_ROUNDS):
                    askers = [
                        (pair.lethe.server_pid, client.get_bytes, [_PATH] * _REQUESTS),
                        (bare.pid, get, ["/"] * _REQUESTS),
                    ]
                    ours, theirs = ask_in_turn(askers)
                    shares = (_REQUESTS / each.cpu * 1000 for each in (ours, theirs))
                    sheet.add("trivial requests per CPU second, to bare", "1/s", *shares)
            finally:
                stop(bare)


def _connect(port_file: Path, token: str) -> Callable[[str], bytes]:
    """Connect to the bare server, which gets the same headers and looks at none of them."""
    while not port_file.exists():
        time.sleep(0.01)
    connection = http.client.HTTPConnection("127.0.0.1", int(port_file.read_text()))

    def get(path: str) -> bytes:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse().read()

    return get
