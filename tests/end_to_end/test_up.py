"""`lethe up` from outside: what it finds, archives, says and leaves behind."""

from __future__ import annotations

import json
import signal
import stat
import uuid
from typing import TYPE_CHECKING

import pytest
from end_to_end.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path

SESSION = "0b6c8f1e-92a4-4d57-8a63-1f2e3d4c5b6a"
OTHER_SESSION = "5f1d2c3b-4a59-4687-9b0c-1d2e3f4a5b6c"


def write_session(machine: Machine, *texts: str, session: str = SESSION) -> Path:
    """Append one prompt for each text to a Claude Code transcript."""
    path = machine.home / ".claude" / "projects" / "-demo" / f"{session}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        for text in texts:
            record = {
                "type": "user",
                "uuid": str(uuid.uuid4()),
                "parentUuid": None,
                "timestamp": "2026-04-01T08:00:00.000Z",
                "sessionId": session,
                "cwd": "/demo",
                "gitBranch": "main",
                "version": "2.1.200",
                "message": {"role": "user", "content": text},
            }
            file.write(json.dumps(record) + "\n")
    return path


def test_default_places_are_archived_without_configuration(machine: Machine):
    """What lies in ~/.claude/projects is archived and served, and the summary counts it."""
    write_session(machine, "first prompt", "second prompt")

    summary = machine.up()

    assert {"files": 1, "sessions": 1, "turns": 2, "refused": 0} == {
        name: summary[name] for name in ("files", "sessions", "turns", "refused")
    }
    with machine.serving() as api:
        (session,) = api.sessions()
        texts = [turn["content"] for turn in api.turns(session)]
    assert ("claude-code", "box", SESSION) == tuple(
        session[name] for name in ("tool", "host", "session_id")
    )
    assert ["first prompt", "second prompt"] == texts


def test_sources_replace_the_default_places(machine: Machine):
    """With --source, nothing else is read."""
    write_session(machine, "in the default place")
    elsewhere = write_session(Machine(machine.home / "other"), "elsewhere", session=OTHER_SESSION)

    summary = machine.up("--source", f"claude-code={elsewhere.parent}")

    assert (1, 1) == (summary["files"], summary["turns"])
    with machine.serving() as api:
        assert [OTHER_SESSION] == [session["session_id"] for session in api.sessions()]


def test_second_run_adds_only_what_is_new(machine: Machine):
    """Running again changes nothing; a line that was appended in between is added."""
    write_session(machine, "one")
    machine.up()

    again = machine.up()
    write_session(machine, "two")
    more = machine.up()

    assert (1, 1) == (again["sessions"], again["turns"])
    assert (1, 2) == (more["sessions"], more["turns"])


def test_nothing_found_is_said_with_the_places(machine: Machine):
    """Where there is no transcript, the places that were looked at are named."""
    done = machine.run(
        *("up", "--data", str(machine.data), "--listen", "127.0.0.1:0", "--exit-when-idle")
    )

    assert 0 == done.returncode
    assert "No transcripts were found" in done.stderr
    assert str(machine.home / ".claude" / "projects") in done.stderr


def test_data_directory_is_the_users_alone(machine: Machine):
    """The data directory is 0700, and all files in it are 0600."""
    write_session(machine, "private")

    machine.up()

    modes = {
        str(path.relative_to(machine.data)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in [machine.data, *machine.data.rglob("*")]
    }
    expected = {name: oct(0o700 if (machine.data / name).is_dir() else 0o600) for name in modes}
    assert expected == modes


def test_nothing_is_run_from_the_working_directory(machine: Machine, tmp_path: Path):
    """Files that are named like libraries and plugins may lie where somebody starts it."""
    write_session(machine, "one")
    machine.directory = tmp_path / "repository"
    about = machine.directory / "odd-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[lethe.parsers]\nodd = odd_plugin\n")
    ran = machine.directory / "ran"
    for name in ("odd_plugin", "secrets", "loguru"):
        (machine.directory / f"{name}.py").write_text(f"open({str(ran)!r}, 'a').write(__name__)\n")

    machine.up()

    assert not ran.exists()


def test_options_win_over_the_environment(machine: Machine):
    """Variables for server and collector that run apart change nothing."""
    write_session(machine, "one")
    machine.environment |= {
        "LETHE_COLLECTOR__HOST": "other",
        "LETHE_COLLECTOR__NO_SUCH_KEY": "1",
        "LETHE_SERVER__AUTH__ALLOWED_USERS": "nobody-else",
        "LETHE_SERVER__DATA_DIR": str(machine.home / "elsewhere"),
        "LETHE_SERVER__LISTEN": "no address",
    }

    summary = machine.up()

    assert ("box", 1, 1) == tuple(summary[name] for name in ("host", "sessions", "turns"))
    assert not (machine.home / "elsewhere").exists()


@pytest.fixture
def heeding_hangups():
    """Have programs that are started end with their terminal, also if the tests run in `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("heeding_hangups")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_and_a_closed_terminal_stop_cleanly(machine: Machine, number: signal.Signals):
    """SIGINT and SIGHUP end both programs; the exit code is 0 and no process is left behind."""
    write_session(machine, "one")
    process = machine.command(
        "up", "--data", str(machine.data), "--listen", "127.0.0.1:0", "--json"
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "token" in line:
            break

    process.send_signal(number)
    try:
        out, _ = process.communicate(timeout=120)
    finally:
        process.kill()

    assert 0 == process.returncode
    assert "sessions" in json.loads(out)


def test_second_up_on_the_same_data_is_refused(machine: Machine):
    """Two runs on one data directory do not disturb each other: the second ends with an error."""
    write_session(machine, "one")
    first = machine.command("up", "--data", str(machine.data), "--listen", "127.0.0.1:0")
    assert first.stderr is not None
    for line in first.stderr:
        if "token" in line:
            break
    try:
        second = machine.run("up", "--data", str(machine.data), "--listen", "127.0.0.1:0")
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=120)

    assert 0 != second.returncode
    assert "in use" in second.stderr


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--source", "claude-code"], "TOOL=PATH"),
        (["--source", "claude-code=~/does-not-exist"], "does-not-exist"),
        (["--source", "no-such-tool=."], "no-such-tool"),
        (["--listen", "0.0.0.0:8377"], "--listen 0.0.0.0:8377 is no loopback address"),
        (["--listen", "8377"], "--listen 8377 must be an address and a port"),
        (["--listen", "unix:/run/lethe.sock"], "needs an address and a port"),
        (["--host", "two words"], "two words"),
    ],
)
def test_wrong_options_are_named(machine: Machine, options: list[str], word: str):
    """A wrong option ends with one line that names it, and starts nothing."""
    done = machine.run("up", "--data", str(machine.data), *options)

    assert done.returncode in {2, 78}
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_machine_keeps_its_name(machine: Machine):
    """The name that was given once is used until another one is given."""
    write_session(machine, "one")
    machine.up()
    options = ("--data", str(machine.data), "--listen", "127.0.0.1:0", "--exit-when-idle", "--json")

    again = machine.run("up", *options)

    assert 0 == again.returncode, again.stderr
    summary = json.loads(again.stdout)
    assert ("box", 1, 1) == (summary["host"], summary["sessions"], summary["turns"])
    (machine.data / "host").write_text("two words\n")
    wrong = machine.run("up", *options)
    assert 78 == wrong.returncode
    assert f"{machine.data / 'host'} holds no name of a host" in wrong.stderr


def test_archive_is_the_accounts_whatever_the_environment_says(machine: Machine):
    """With another user in the environment, the same archive is found again."""
    write_session(machine, "one")
    machine.environment["USER"] = machine.environment["LOGNAME"] = "alice"
    machine.up()
    machine.environment["USER"] = machine.environment["LOGNAME"] = r"DOMAIN\bob"

    again = machine.up()

    assert (1, 1) == (again["sessions"], again["turns"])


def test_token_is_taken_from_others_and_made_anew_if_it_is_none(machine: Machine):
    """A token that all could read is kept to its user; one that is no token is replaced."""
    write_session(machine, "one")
    machine.up()
    path = machine.data / "token"
    path.chmod(0o644)
    token = machine.token

    machine.up()
    assert (token, 0o600) == (machine.token, stat.S_IMODE(path.stat().st_mode))

    path.write_bytes(b"\xff\xfe")
    machine.up()
    assert machine.token.startswith("lethe_")


def test_token_file_that_cannot_be_read_is_named(machine: Machine):
    """What stands in the token's place and is no file ends the start with a sentence."""
    (machine.data / "token").mkdir(parents=True)

    done = machine.run("up", "--data", str(machine.data), "--listen", "127.0.0.1:0")

    assert 78 == done.returncode
    assert "the token's file" in done.stderr
    assert "Traceback" not in done.stderr
