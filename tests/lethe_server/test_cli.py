"""The commands of the server, as somebody types them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from lethe_server.cli import main
from lethe_server.storage import TokenBook


@pytest.fixture
def data(tmp_path):
    """The data directory; there is none yet."""
    return tmp_path / "data"


@pytest.fixture
def run(tmp_path, data, monkeypatch):
    """Run a command on the data directory, where alice alone is allowed."""
    config = tmp_path / "server.yaml"
    config.write_text(f"data_dir: {data}\nauth: {{allowed_users: [alice]}}\n")
    monkeypatch.setenv("LETHE_SERVER_CONFIG", str(config))
    return lambda *arguments: CliRunner().invoke(main, arguments)


@pytest.mark.promise("A2")
@pytest.mark.parametrize("command", [("link",), ("token", "create", "--name", "laptop")])
def test_who_is_not_allowed_gets_neither_a_link_nor_a_token(run, data, command):
    """Nothing is made that the server would refuse."""
    refused = run(*command, "--owner", "bob")

    assert refused.exit_code == 78
    assert "'bob' is not among auth.allowed_users" in refused.stderr
    assert not data.exists()
    assert run(*command, "--owner", "alice").exit_code == 0
    with TokenBook(data) as book:
        assert ["alice"] == [row.owner for row in book.list()]


def test_an_unknown_token_is_a_wrong_call(run):
    """It is told like all other errors."""
    refused = run("token", "revoke", "--owner", "alice", "--name", "nope")

    assert refused.exit_code == 2
    told = "lethe-server: alice has no token in force named 'nope' (NOT_FOUND)"
    assert refused.stderr.splitlines()[1:] == [
        told,
        "hint: `lethe-server token list` shows all tokens",
    ]


def test_a_link_leads_to_an_address(run, data):
    """What no browser can open is refused before a link is made."""
    refused = run("link", "--url", "lethe.example.org")

    assert refused.exit_code == 2
    assert "'lethe.example.org' is no address of a server" in refused.stderr
    assert not data.exists()
    assert (
        "https://lethe.example.org/login?"
        in run("link", "--url", "https://lethe.example.org").stdout
    )


def test_without_a_configuration_that_of_up_counts(run, tmp_path, monkeypatch):
    """Who runs `lethe up` alone need not name its file."""
    monkeypatch.delenv("LETHE_SERVER_CONFIG")
    for name in ("CONFIG", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    refused = run("token", "list")
    written = tmp_path / "DATA" / "lethe" / "server.yaml"
    written.parent.mkdir(parents=True)
    written.write_text(f"data_dir: {written.parent}\nauth: {{allowed_users: [alice]}}\n")

    assert refused.exit_code == 78
    assert run("token", "create", "--owner", "alice", "--name", "laptop").exit_code == 0
    assert "laptop" in run("token", "list").stdout


def test_help_is_there_by_either_name():
    """`-h` is help, of a command in a group as well."""
    # In a process of its own: click remembers the options of a command that was looked at alone.
    command = [sys.executable, "-m", "lethe_server", "token", "create", "-h"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("Usage: ")


def test_a_database_that_had_to_be_made_is_told(run, data):
    """Who asks in another place than the server's sees it; the secret alone is on stdout."""
    first = run("token", "create", "--owner", "alice", "--name", "first")
    second = run("token", "create", "--owner", "alice", "--name", "second")

    assert first.stderr == f"{data}: there was no database; made a new one\n"
    assert second.stderr == ""
    assert [1, 1] == [made.stdout.count("\n") for made in (first, second)]


@pytest.mark.promise("O1")
def test_o1_an_archive_is_looked_after_without_a_configuration(tmp_path, data, monkeypatch):
    """Who only has a backup and a directory can restore it, check it and back it up again."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("LETHE_SERVER_CONFIG", raising=False)
    with TokenBook(data):
        pass  # makes a database
    new = tmp_path / "new"

    for command in (
        ("backup", str(tmp_path / "copy.db"), "--data-dir", str(data)),
        ("restore", str(tmp_path / "copy.db"), "--data-dir", str(new)),
        ("compact", "--data-dir", str(new)),
        ("integrity", "--data-dir", str(new)),
    ):
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 0, done.output
    assert CliRunner().invoke(main, ("serve", "--data-dir", str(new))).exit_code == 78
