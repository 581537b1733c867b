"""Disks that are full or fail, on the server's side: in the file system and in system calls."""

from __future__ import annotations

import apsw
import pytest
from fakes.served import ServerProcess, turn
from fakes.waiting import until_now
from faults.test_disks import needs_mounts, needs_strace

from lethe_server.storage.store import MIN_FREE_BYTES


@pytest.fixture
def server(tmp_path):
    """A server that is not started yet."""
    server = ServerProcess(tmp_path)
    yield server
    server.kill()


def stored(server):
    """The turns of the session, by the server that runs."""
    return server.turns().get("s", [])


@needs_mounts
@pytest.mark.promise("I07", "P1", "O3", "O06")
def test_i07_a_file_system_that_is_full(server, tmp_path):
    """Full: 503 STORAGE_FULL and nothing of the batch; reads go on; room makes it pass again."""
    room = (MIN_FREE_BYTES + 12 * 2**20) // 2**20
    trigger = tmp_path / "free"
    script = f"""
        cp -a {server.data} {tmp_path}/copy && mount -t tmpfs -o size={room}m none {server.data} &&
        cp -a {tmp_path}/copy/. {server.data}
        head -c {room - 10}M /dev/zero > {server.data}/ballast
        (while [ ! -e {trigger} ]; do sleep 0.05; done; rm {server.data}/ballast) &
        exec "$@"
    """
    server.start("unshare", "-rm", "sh", "-c", script, "sh")
    acknowledged, answer = [], None
    for number in range(200):
        status, answer = server.send(
            turn("s", number, content="".join(map(chr, range(40, 90))) * 4000)
        )
        if status != 200:
            break
        acknowledged.append(f"s-{number}-0")
    unready, checks = server.ask("/readyz")
    reading = stored(server)
    trigger.touch()
    until_now(lambda: server.ask("/readyz")[0] == 200, 60)
    again = server.send(turn("s", 1000))
    server.stop()

    assert (status, answer["code"]) == (503, "STORAGE_FULL")
    assert reading == acknowledged
    assert (unready, checks["checks"]["disk"]["code"]) == (503, "STORAGE_FULL")
    assert (again[0], again[1]["accepted"]) == (200, 1)
    assert 0 < len(acknowledged) < 200


@needs_strace
@pytest.mark.promise("I08", "P1")
@pytest.mark.parametrize("first", [16, 25])
def test_i08_syncs_that_fail(server, first):
    """What was answered with 200 is there after a kill; a sync that fails is never a 200."""
    fault = f"inject=fdatasync:error=EIO:when={first}..{first + 3}"
    server.start("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", fault)
    acknowledged, refused = [], []
    for number in range(40):
        status, answer = server.send(turn("s", number))
        if status == 200:
            acknowledged.append(f"s-{number}-0")
        else:
            refused.append((status, answer["code"]))
    server.kill()
    log = (server.place / "server.log").read_text()
    server.start()
    there = stored(server)

    assert refused, "no sync has failed"
    assert set(refused) <= {(503, "UNAVAILABLE"), (503, "STORAGE_FULL")}
    assert set(acknowledged) <= set(there)
    assert len(there) == len(set(there))
    assert len(acknowledged) > 20  # it recovers by itself
    assert "Traceback" not in log
    connection = apsw.Connection(str(server.database))
    assert connection.execute("PRAGMA integrity_check").get == "ok"
    connection.close()
