"""Both processes as services of systemd: they say when they are ready, alive and stopping."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path

import pytest
from fakes.process import CollectorProcess
from fakes.served import ServerProcess
from fakes.waiting import until_now

from lethe_core.service import ServiceManager


@pytest.fixture
def messages(tmp_path):
    """Where systemd would listen, and what it has heard.

    It listens all the time, as systemd does: the kernel keeps few messages, and refuses more.
    """
    heard = []

    def listen():
        while message := listener.recv(1024).decode():
            heard.append(message)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        thread = threading.Thread(target=listen, name="systemd")
        thread.start()
        yield heard
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(tmp_path / "notify"))
        thread.join(60)


def environment(tmp_path):
    """What systemd sets for a service that it watches, which has 0.3 s between two signs."""
    return {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "900000"}


@pytest.mark.promise("O07", "P14")
def test_server_tells_systemd(tmp_path, messages):
    """It is ready when it answers, gives signs of life, and says that it stops."""
    server = ServerProcess(tmp_path)
    server.start(environ=environment(tmp_path))
    try:
        until_now(lambda: messages.count("WATCHDOG=1") > 1)
        assert messages[0] == "READY=1"
        assert server.ask("/healthz")[0] == 200
        assert server.stop() == 0
        until_now(lambda: messages[-1] == "STOPPING=1")
    finally:
        server.kill()


@pytest.mark.promise("C27", "P14")
def test_daemon_tells_systemd(tmp_path, machine, messages):
    """The daemon does likewise."""
    words = [f"{name}={value}" for name, value in environment(tmp_path).items()]
    process = CollectorProcess(machine.place, machine.config_file).start(
        "daemon", prefix=["env", *words]
    )
    try:
        until_now(lambda: messages.count("WATCHDOG=1") > 1)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()

    assert process.returncode == 0
    assert messages[0] == "READY=1"
    until_now(lambda: messages[-1] == "STOPPING=1")


def test_nobody_need_listen(tmp_path):
    """Without a manager, or with one that is gone, nothing is sent and nothing fails."""
    ServiceManager({}).tell("READY=1")
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "absent")}).tell("READY=1")

    assert ServiceManager({"WATCHDOG_USEC": "3000000"}).interval == 0
    other = {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}
    assert ServiceManager(other).interval == 0
    assert ServiceManager(other | {"WATCHDOG_PID": str(os.getpid())}).interval == 1


async def test_a_service_that_does_nothing_gives_no_sign(tmp_path, messages):
    """While the work stands still, no sign of life is sent: systemd restarts the service."""
    manager = ServiceManager(environment(tmp_path))
    async with manager.serving(lambda: False):
        manager.tell("STATUS=asked")

    until_now(lambda: messages == ["READY=1", "STATUS=asked", "STOPPING=1"])


@pytest.mark.promise("O2", "O11")
def test_o11_a_long_migration_is_not_ended_by_systemd():
    """The unit of the server sets no bound on its start: else it would begin anew for ever."""
    unit = Path(__file__).parents[2] / "deploy" / "lethe-server.service"

    assert "\nTimeoutStartSec=infinity\n" in unit.read_text()
