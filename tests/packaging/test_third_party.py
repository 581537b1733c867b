"""A stranger's plugin: written with the documentation alone, installed by pip, archived.

Everything runs in an environment of its own with nothing in it but what pip puts there; the
distributions of lethe come from wheels that are built here, all else from where pip finds it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from end_to_end.machine import Api, wait_for_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

#: A file: its name stands in a comment, or before the block where the form has no comments.
BLOCK = re.compile(
    r"(?:```(?:python|toml)\n# (?P<path>[\w./-]+)\n|`(?P<named>[\w./-]+)`:\n\n```jsonl\n)"
    r"(?P<body>.*?)```",
    re.DOTALL,
)
COMMANDS = re.compile(r"```console\n(?P<lines>(?:\$ .*\n)+)```")


class Stranger:
    """Somebody with a project, an empty environment and a home directory.

    Args:
        place: for all of it.
        wheels: where pip finds the distributions of lethe.
    """

    def __init__(self, place, wheels):
        self.project = place / "lethe-acme"
        self.home = place / "home"
        self.home.mkdir()
        self.wheels = wheels
        self.programs = place / "environment" / "bin"
        subprocess.run([sys.executable, "-m", "venv", str(place / "environment")], check=True)

    def write(self, document):
        """Write the files that a document shows."""
        for found in BLOCK.finditer(document):
            path = self.project / (found["path"] or found["named"])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(found["body"], encoding="utf-8")

    def run(self, *command, env=None):
        """Run a program of the environment in the project; it must succeed."""
        environ = {
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
        }
        done = subprocess.run(
            [str(self.programs / command[0]), *command[1:]],
            cwd=self.project,
            env=env or environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def pip(self, *arguments):
        """Install something; pip is told where to look by the machine's own configuration."""
        links = f"{os.environ.get('PIP_FIND_LINKS', '')} {self.wheels}".strip()
        self.run("pip", *arguments, env=os.environ | {"PIP_FIND_LINKS": links})

    def follow(self, document):
        """Run the commands that a document shows, in their order, until it starts lethe itself."""
        ran = []
        for block in COMMANDS.finditer(document):
            for line in block["lines"].splitlines():
                words = line.removeprefix("$ ").replace("~", str(self.home)).split()
                if words[0] == "pip":
                    self.pip(*words[1:])
                elif words[0] != "lethe":
                    ran.append((words, self.run(*words)))
        return ran


@pytest.fixture(scope="module")
def stranger(build, members, tmp_path_factory):
    """Somebody who has installed the collector."""
    wheels = tmp_path_factory.mktemp("wheels")
    for name in ("lethe-core", "lethe-collector"):
        wheel = build(members[name])
        (wheels / wheel.name).write_bytes(wheel.read_bytes())
    made = Stranger(tmp_path_factory.mktemp("stranger"), wheels)
    made.project.mkdir()
    made.pip("install", "-q", "lethe-collector")
    return made


@pytest.fixture
def server(tmp_path):
    """A running server, and a token for it."""
    config, port_file = tmp_path / "server.yaml", tmp_path / "port"
    settings = {
        "listen": "127.0.0.1:0",
        "data_dir": str(tmp_path / "data"),
        "auth": {"allowed_users": ["alice"]},
    }
    config.write_text(json.dumps(settings))
    program = [sys.executable, "-m", "lethe_server"]
    create = ["token", "create", "--owner", "alice", "--name", "box", "--config", str(config)]
    scopes = ["--scope", "ingest", "--scope", "read"]
    told = subprocess.run([*program, *create, *scopes], capture_output=True, text=True, check=True)
    token = re.search(r"lethe_\S+", told.stdout)[0]
    serve = ["serve", "--config", str(config), "--port-file", str(port_file)]
    process = subprocess.Popen([*program, *serve], stderr=subprocess.DEVNULL)
    try:
        yield Api(wait_for_port(process, port_file), token)
    finally:
        process.terminate()
        process.wait(60)


def test_strangers_plugin_is_installed_tested_and_archived(stranger, server, repository):
    """The documentation's text is enough: each step of it works, and its session is archived."""
    document = (repository / "docs" / "writing-a-parser.md").read_text(encoding="utf-8")
    stranger.write(document)
    transcripts = stranger.home / ".acme" / "sessions"
    transcripts.mkdir(parents=True)
    sample = stranger.project / "tests" / "samples" / "sessions" / "first.jsonl"
    (transcripts / "first.jsonl").write_bytes(sample.read_bytes())
    token_file = stranger.home / "token"
    token_file.touch(mode=0o600)
    token_file.write_text(server.token)
    config = stranger.home / ".config" / "lethe" / "collector.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(
        f"host: box\nserver:\n  url: http://127.0.0.1:{server.port}\n  token_file: {token_file}\n"
    )

    ran = stranger.follow(document)
    stranger.run("lethe-collector", "daemon", "--exit-when-idle")

    said = {" ".join(words): out for words, out in ran}
    assert re.search(r"\d\d passed", said["pytest"])
    assert "acme (Acme), mapping 1" in said["lethe-collector plugins"]
    [session] = server.sessions()
    assert (session["tool"], session["host"], session["title"]) == ("acme", "box", "The time")
    assert (session["tokens_in"], session["tokens_out"]) == (10, 9)
    kinds = [turn["metadata"]["kind"] for turn in server.turns(session)]
    assert kinds == ["prompt", "answer", "tool_call", "tool_result"]


def test_scaffold_is_installed_and_tested(stranger, tmp_path):
    """What `plugins new` makes is installed by pip, and passes its tests."""
    for kind in ("jsonl", "sqlite", "snapshot"):
        stranger.run(
            *("lethe-collector", "plugins", "new", f"made-{kind}"),
            *("--kind", kind, "--directory", str(tmp_path)),
        )
        package = tmp_path / f"lethe-made-{kind}"
        stranger.pip("install", "-q", str(package), "pytest")
        stranger.run("pytest", "-q", "-W", "error", str(package / "tests"))

    listed = stranger.run("lethe-collector", "plugins")
    assert all(
        f"made-{kind} (lethe-made-{kind} 0.1.0): ok" in listed for kind in ("jsonl", "sqlite")
    )
