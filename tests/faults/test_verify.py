"""What is on the disk is compared with the archive, and what is missing comes again."""

from __future__ import annotations

import apsw
import pytest
from fakes.machine import Machine
from fakes.process import CollectorProcess
from fakes.served import ServerProcess


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
