"""What is on the disk is compared with the archive, and what is missing comes again."""

from __future__ import annotations

import subprocess
import threading

import apsw
import pytest
from fakes.machine import Machine
from fakes.process import CollectorProcess
from fakes.served import ServerProcess
from fakes.waiting import until_now


@pytest.mark.promise("P3", "O4")
def test_verify_finds_and_mends_what_is_missing(tmp_path):
    """Turns that the server has lost are found by digest, and sent again by a repair."""
    server = ServerProcess(tmp_path).start()
    try:
        machine = Machine(tmp_path, server)
        machine.token_file.write_text(server.secret)
        collector = CollectorProcess(tmp_path, machine.config_file)
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
    finally:
        server.kill()

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
def test_verify_beside_a_running_daemon(tmp_path):
    """While a daemon runs and a tool writes, nothing is missing; what is comes again at once."""
    server = ServerProcess(tmp_path).start()
    machine = Machine(tmp_path, server)
    machine.token_file.write_text(server.secret)
    collector = CollectorProcess(tmp_path, machine.config_file)
    busy = machine.transcript("busy").fill(5)
    machine.transcript("one").fill(20)
    daemon = collector.start("daemon", stderr=subprocess.DEVNULL)
    try:
        until_now(lambda: sum(map(len, server.turns().values())) == 25, 60)
        whole = server.turns()["one"]
        with Writing(busy):
            well = [collector.run("verify", "toy") for _ in range(2)]
        connection = apsw.Connection(str(server.database))
        connection.set_busy_timeout(5000)
        connection.execute("DELETE FROM turns WHERE turn_id IN ('one-3-0', 'one-9-0')")
        connection.close()
        found = collector.run("verify", "toy", "--repair")
        until_now(lambda: server.turns()["one"] == whole, 60)
    finally:
        daemon.terminate()
        daemon.communicate(timeout=30)
        server.kill()

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
