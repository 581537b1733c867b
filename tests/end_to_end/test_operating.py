"""What docs/operating.md says is done, in its order, by one machine with its server."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from end_to_end.machine import wait_for_port
from fakes.waiting import until_now

BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"`(~/[^`]+\.yaml)`")
PORT = "8080"
#: What people would have opened a second terminal for.
STAYING = ("lethe-server serve", "lethe-collector daemon")


class Terminal:
    """A shell in a home directory of its own, with the commands of this environment.

    Args:
        home: what HOME is.
    """

    def __init__(self, home):
        self.home = home
        self._files = {}
        self._port = "0"
        self._running = {}
        self._environment = {
            "HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
        }

    def write(self, name, text):
        """Write a file, for the port that is served; the server itself takes a free one."""
        path = self.home / name.removeprefix("~/")
        path.parent.mkdir(parents=True, exist_ok=True)
        port = "0" if path.name == "server.yaml" else self._port
        path.write_text(text.replace(PORT, port))
        self._files[name] = text

    def type(self, command):
        """Run a command to its end, or start it if it is one that stays; return its output."""
        if command in STAYING:
            return self._start(command)
        if command.startswith("lethe-server restore"):
            self._stop("lethe-server serve")
        done = self._run(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        if command.startswith("lethe-server restore"):
            self._start("lethe-server serve")
        return done.stdout

    def close(self):
        """End what still runs."""
        for command in list(self._running):
            self._stop(command)

    def _run(self, command):
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.home,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def _start(self, command):
        program, *arguments = command.split()
        port_file = self.home / "port"
        if program == "lethe-server":
            port_file.unlink(missing_ok=True)
            arguments += ["--port-file", str(port_file)]
        process = subprocess.Popen(
            [Path(sys.executable).with_name(program), *arguments],
            cwd=self.home,
            env=self._environment,
            stderr=subprocess.DEVNULL,
        )
        self._running[command] = process
        if program == "lethe-server":
            self._port = str(wait_for_port(process, port_file))
            for name, text in list(self._files.items()):
                self.write(name, text)
        else:
            until_now(lambda: self._run("lethe-collector status").returncode == 0)
        return ""

    def _stop(self, command):
        process = self._running.pop(command)
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@pytest.fixture
def terminal(tmp_path):
    """A terminal on a machine where Claude Code was used once."""
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.close()


def transcript():
    """A session of one prompt."""
    prompt = {
        "type": "user",
        "uuid": "u-1",
        "sessionId": "11111111-2222-4333-8444-555555555555",
        "timestamp": "2026-10-01T10:00:00.000Z",
        "cwd": "/home/user/garden",
        "version": "2.1.0",
        "message": {"role": "user", "content": "Why are the tomatoes not watered?"},
    }
    return json.dumps(prompt) + "\n"


@pytest.mark.slow
def test_what_the_guide_says_can_be_done(terminal, repository):
    """Server, machine, reader and backup are set up by typing what stands in the guide."""
    terminal.write(
        "~/.claude/projects/garden/11111111-2222-4333-8444-555555555555.jsonl", transcript()
    )
    text = (repository / "docs" / "operating.md").read_text("utf-8")
    printed = {}
    for block in BLOCK.finditer(text):
        if block["kind"] == "yaml":
            terminal.write(FILE.findall(text[: block.start()])[-1], block["text"])
        elif block["kind"] == "console":
            for line in block["text"].splitlines():
                command = line.removeprefix("$ ")
                printed[command] = terminal.type(command)

    assert "tomatoes" in printed["lethe sessions"]
    assert "laptop" in printed["lethe-server token list"]
    assert terminal.type("lethe-server integrity") == "ok\n"
    assert "tomatoes" in terminal.type("lethe sessions")
