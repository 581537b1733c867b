"""What is on the disk is compared with the archive, and what is missing comes again."""

from __future__ import annotations

import json
import subprocess
import threading
import urllib.request

import apsw
import pytest
from fakes.machine import Machine
from fakes.process import CollectorProcess
from fakes.served import ServerProcess
from fakes.waiting import until_now

from lethe_collector.answers import Answer
from lethe_collector.deletions import mark_deleted
from lethe_core.errors import Unavailable


@pytest.fixture
def deployed(tmp_path):
    """A server that runs, a machine that knows it, and the machine's collector."""
    server = ServerProcess(tmp_path).start()
    try:
        machine = Machine(tmp_path, server)
        machine.token_file.write_text(server.secret)
        yield server, machine, CollectorProcess(tmp_path, machine.config_file)
    finally:
        server.kill()


@pytest.mark.promise("P3", "O4")
def test_verify_finds_and_mends_what_is_missing(deployed):
    """Turns that the server has lost are found by digest, and sent again by a repair."""
    server, machine, collector = deployed
    machine.transcript("one").fill(20)
    machine.transcript("two").fill(5).write(b'{"n": 6, "te')
    assert collector.run("daemon", "--exit-when-idle")[0] == 0
    whole = server.turns()
    well = collector.run("verify", "toy")
    with_other_tools = collector.run("verify")[0]

    connection = apsw.Connection(str(server.database))
    connection.execute("DELETE FROM turns WHERE turn_id IN ('one-3-0', 'one-9-0')")
    connection.close()
    found = collector.run("verify", "toy")
    mended = collector.run("verify", "toy", "--repair")
    collector.run("daemon", "--exit-when-idle")
    after = collector.run("verify", "toy")
    turns = server.turns()
    server.kill()
    away = collector.run("verify", "toy")

    assert (well[0], well[1]) == (0, "25 turns of 2 sources compared\n")
    assert with_other_tools == 0
    assert found[0] == mended[0] == 1
    assert "one.jsonl: 2 turns are missing on the server" in found[1]
    assert "1 sources will be read again" in mended[1]
    assert after[0] == 0
    assert turns == whole
    assert away[0] == 1
    assert "the server does not answer" in away[2]


@pytest.mark.promise("P3", "O4")
def test_verify_knows_places_however_they_are_written(deployed):
    """A place that is written with `..` is the place that the collector reads."""
    _, machine, collector = deployed
    text = machine.config_file.read_text()
    odd = machine.root / ".." / machine.root.name
    machine.config_file.write_text(text.replace(f"'{machine.root}'", f"'{odd}'"))
    machine.transcript("one").fill(20)
    assert collector.run("daemon", "--exit-when-idle")[0] == 0
    told = collector.run("verify", "toy")

    assert (told[0], told[1]) == (0, "20 turns of 1 sources compared\n")


@pytest.mark.promise("P3", "C31")
@pytest.mark.parametrize("path", ["/digest", "/digest?hashes=1"])
async def test_c31_a_server_that_fails_takes_no_mark_back(machine, path):
    """Only an answer says what is there: whatever else comes ends it, before anything is sent."""
    transcript = machine.transcript().fill(2)
    transport = Digests(path)

    with pytest.raises(Unavailable):
        await mark_deleted(machine.parser, [machine.root], {}, transport, "box")
    assert transcript.path.exists()
    assert not transport.sent


class Digests:
    """A server that has one turn more, marked, and fails for one kind of request."""

    def __init__(self, failing):
        self._failing = failing
        self.sent = []

    async def get(self, path):
        """Answer, but for the path that fails."""
        if path.endswith(self._failing):
            return Answer(status=503, headers={}, body=b"")
        return Answer(status=200, headers={}, body=b'{"turns":3,"digest":"x","marked":true}')

    async def post(self, lines):
        """Take lines down."""
        self.sent += lines
        return Answer(status=200, headers={}, body=b"{}")


@pytest.mark.promise("P3", "O4")
def test_verify_beside_a_running_daemon(deployed):
    """While a daemon runs and a tool writes, nothing is missing; what is comes again at once."""
    server, machine, collector = deployed
    busy = machine.transcript("busy").fill(5)
    machine.transcript("one").fill(20)
    daemon = collector.start("daemon", stderr=subprocess.DEVNULL)
    try:
        until_now(lambda: sum(map(len, server.turns().values())) == 25, 60)
        whole = server.turns()["one"]
        with Writing(busy):
            well = [collector.run("verify", "toy") for _ in range(2)]
        connection = apsw.Connection(str(server.database))
        connection.set_busy_timeout(60_000)
        connection.execute("DELETE FROM turns WHERE turn_id IN ('one-3-0', 'one-9-0')")
        connection.close()
        found = collector.run("verify", "toy", "--repair")
        until_now(lambda: server.turns()["one"] == whole, 60)
    finally:
        daemon.terminate()
        daemon.communicate(timeout=60)

    assert [code for code, _, _ in well] == [0, 0], well
    assert found[0] == 1
    assert "one.jsonl: 2 turns are missing on the server" in found[1]
    assert "the collector that runs sends them" in found[1]


class Writing(threading.Thread):
    """A tool that writes to a transcript until the end of the block."""

    def __init__(self, transcript):
        super().__init__()
        self._transcript = transcript
        self._ended = threading.Event()

    def run(self):
        """Write a line now and then."""
        while not self._ended.wait(0.02):
            self._transcript.fill(1)

    def __enter__(self):
        self.start()

    def __exit__(self, *_):
        self._ended.set()
        self.join()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.promise("C31")
def test_c31_what_a_tool_deleted_without_a_trace_is_marked(deployed, tmp_path):
    """Messages that are gone from a database stay in the archive; a pass over it marks them."""
    server, _, collector = deployed
    place = tmp_path / "home" / ".local" / "share" / "opencode"
    place.mkdir(parents=True)
    tool = apsw.Connection(str(place / "opencode.db"))
    tool.execute(OPENCODE)
    try:
        assert collector.run("daemon", "--exit-when-idle")[0] == 0
        nothing = collector.run("verify", "opencode", "--mark-deleted")
        tool.execute("DELETE FROM message WHERE id = 'msg_3'; DELETE FROM part WHERE id = 'prt_3'")
        tool.execute(
            "INSERT INTO message VALUES ('msg_4', 'ses_1', 4, 4, '{\"role\": \"user\"}');"
            "INSERT INTO part VALUES ('prt_4', 'msg_4', 'ses_1', 4, 4,"
            ' \'{"type": "text", "text": "four"}\')'
        )
        assert collector.run("daemon", "--exit-when-idle")[0] == 0
        marked = collector.run("verify", "opencode", "--mark-deleted")
        removed = removed_turns(server, "opencode/box/ses_1")
        tool.execute("INSERT INTO message VALUES ('msg_3', 'ses_1', 3, 9, '{\"role\": \"user\"}')")
        tool.execute(
            "INSERT INTO part VALUES ('prt_3', 'msg_3', 'ses_1', 3, 9,"
            ' \'{"type": "text", "text": "three"}\')'
        )
        assert collector.run("daemon", "--exit-when-idle")[0] == 0
        back = collector.run("verify", "opencode", "--mark-deleted")
        again = removed_turns(server, "opencode/box/ses_1")
        tool.execute("DELETE FROM message WHERE id = 'msg_3'")
        (place / "opencode-beta.db").write_bytes(b"no database" * 20)
        unread = collector.run("verify", "opencode", "--mark-deleted")
        unmarked = removed_turns(server, "opencode/box/ses_1")
    finally:
        server.kill()
        tool.close()

    assert "0 turns of 0 sessions are in no source any more" in nothing[1]
    assert marked[0] == 0
    assert "1 turns of 1 sessions are in no source any more" in marked[1]
    assert removed == {"msg_1": None, "msg_2": None, "msg_3": "deleted", "msg_4": None}
    assert "0 turns of 0 sessions" in back[1]
    assert set(again.values()) == {None}
    assert unread[0] == 1
    assert "opencode-beta.db: cannot be read (SourceUnsupported)" in unread[1]
    assert set(unmarked.values()) == {None}


OPENCODE = """
CREATE TABLE session (id text PRIMARY KEY, directory text, title text, time_created integer,
                      time_updated integer);
CREATE TABLE message (id text PRIMARY KEY, session_id text, time_created integer,
                      time_updated integer, data text);
CREATE TABLE part (id text PRIMARY KEY, message_id text, session_id text, time_created integer,
                   time_updated integer, data text);
INSERT INTO session VALUES ('ses_1', '/srv', 'Beds', 1, 3);
INSERT INTO message SELECT 'msg_' || value, 'ses_1', value, value, '{"role": "user"}'
    FROM json_each('[1, 2, 3]');
INSERT INTO part SELECT 'prt_' || value, 'msg_' || value, 'ses_1', value, value,
    '{"type": "text", "text": "words"}' FROM json_each('[1, 2, 3]');
"""


def removed_turns(server, session):
    """Ask the API which turns of a session were taken back."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/api/v1/sessions/{session}",
        headers={"Authorization": f"Bearer {server.secret}"},
    )
    with urllib.request.urlopen(request) as answer:
        turns = json.load(answer)["turns"]
    return {turn["turn_id"]: turn["removed"] for turn in turns}
