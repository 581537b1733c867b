"""The commands, as somebody types them."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes.process import CollectorProcess
from fakes.toy import ToyParser, hook

from lethe_collector import __main__, status, status_command
from lethe_collector.cli import main
from lethe_collector.plugin_list import describe, tell
from lethe_core.plugins import PluginReport, load_parsers


@pytest.fixture
def collector(machine):
    """The collector of the machine, as a process."""
    return CollectorProcess(machine.place, machine.config_file)


@pytest.fixture
def run(machine, monkeypatch):
    """Run a command in this process, with the toy as the only plugin."""
    registry = machine.registry

    monkeypatch.setattr("lethe_core.plugins.load_parsers", lambda **_: registry)

    def invoke(*arguments):
        return CliRunner().invoke(main, [*arguments, "--config", str(machine.config_file)])

    return invoke


def test_single_run_then_status(machine, collector):
    """A single run archives all that is there; afterwards `status` says so."""
    machine.transcript("one").fill(5)

    code, out, err = collector.run("daemon", "--exit-when-idle")
    assert (code, out) == (0, ""), err

    code, out, _ = collector.run("status", "--json")
    status = json.loads(out)
    assert (code, status["tools"]["toy"]["archived"]) == (0, 1)
    plugins = {plugin["name"]: plugin for plugin in status["plugins"]}
    assert plugins["toy"]["distribution"] == "toy-plugin"
    code, out, _ = collector.run("status")
    assert code == 0
    assert "toy" in out


def test_backfill_reads_the_given_places(machine, collector):
    """`backfill --root` looks there, and nowhere else."""
    machine.transcript("one").fill(5)
    elsewhere = machine.place / "old"
    elsewhere.mkdir()
    (elsewhere / "two.jsonl").write_text('{"n": 1, "text": "old"}\n')

    code, _, err = collector.run("backfill", "toy", "--root", str(elsewhere))

    assert code == 0, err
    assert machine.texts("two") == ["old"]
    assert machine.texts("one") == []


def test_single_run_that_cannot_deliver_is_no_success(machine, collector):
    """If the server refuses the token the exit code is 1; the turns wait on disk."""
    machine.token_file.unlink()
    machine.transcript().fill(2)

    code, _, err = collector.run("backfill", "toy")

    assert (code, machine.server.requests) == (1, [])
    assert "AUTH" in err
    assert machine.status()["outbox"]["lines"] == 2


@pytest.mark.promise("O08")
@pytest.mark.parametrize(
    "command", [("daemon",), ("backfill", "toy"), ("plugins",), ("doctor",), ("parse", "toy", ".")]
)
def test_o08_wrong_configuration_ends_with_78(machine, run, command):
    """Exit code 78, and one line that names file, line and key."""
    machine.config_file.write_text("host: box\nsevrer: {}\n")

    result = run(*command)

    assert result.exit_code == 78
    assert result.stderr.count("\n") == 1
    assert f"{machine.config_file}:2: sevrer: unknown key" in result.stderr


def test_unknown_tool_is_told(machine, run):
    """A tool that no plugin reads is named, with the way to see which there are."""
    result = run("backfill", "tyo")

    assert result.exit_code == 2
    first, second = result.stderr.splitlines()
    assert first.startswith("lethe-collector: ")
    assert "'tyo'" in first
    assert first.endswith("(UNKNOWN_TOOL)")
    assert second.startswith("hint: ")


def test_parse_prints_events(machine, run):
    """`parse` prints valid events of a file and sends nothing."""
    path = machine.transcript().append({"text": "a"}, {"skip": "x"}, {"bad": "tool"}).path

    result = run("parse", "toy", str(path))

    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["content"] for event in events] == ["a"]
    assert "3 records" in result.stderr
    assert "skipped (x)" in result.stderr
    assert "refused" in result.stderr
    assert machine.server.requests == []


def test_parse_of_nothing_is_no_success(machine, run):
    """A directory without transcripts is told."""
    assert run("parse", "toy", str(machine.root)).exit_code == 1


def test_no_plugin_is_told(run):
    """Without a plugin, `plugins` says how to get one."""
    assert "no parser plugin is installed" in run("plugins").output


def test_plugins_are_described(machine):
    """`plugins` has places, versions and errors of installed plugins."""

    class Entry:
        """An entry point."""

        name, value, dist = "toy", "toy", None

        def load(self):
            """Load it."""
            return hook(ToyParser(machine.root))

    class Broken(Entry):
        """One that cannot be imported."""

        name = "broken"

        def load(self):
            """Fail."""
            raise ImportError("no module")

    rows = describe(load_parsers(entry_points=[Entry(), Broken()]), {})

    by_name = {row["name"]: row for row in rows}
    assert by_name["broken"]["status"] == "error"
    [parser] = by_name["toy"]["parsers"]
    assert parser["roots"] == [{"path": str(machine.root), "exists": True}]
    text = "\n".join(tell(rows))
    assert "ImportError" in text
    assert str(machine.root) in text


def test_doctor_is_content(machine, run):
    """With a server that takes the token, all findings are well."""
    machine.transcript().fill(1)

    result = run("doctor")

    assert "answers, and takes the token" in result.output
    assert "1 sources in" in result.output


@pytest.mark.parametrize("wrong", ["a file", "no database", "somebody else's"])
def test_doctor_looks_at_the_state(machine, run, wrong):
    """What the daemon would end with is told before; nothing is made or changed."""
    if wrong == "a file":
        machine.state_dir.write_text("x")
    else:
        machine.state_dir.mkdir(mode=0o700)
        file = machine.state_dir / "state.db"
        file.write_bytes(b"no database" * 1000)
        if wrong != "no database":
            file.unlink()
            with closing(sqlite3.connect(file)) as connection:
                connection.execute("CREATE TABLE other (x)")
    result = run("doctor")

    assert result.exit_code == 1
    assert re.search(r"^!!  state: ", result.output, re.MULTILINE), result.output


@pytest.mark.promise("A6")
def test_doctor_shows_names_that_a_terminal_would_obey(machine, run, tmp_path):
    """The name of a directory moves no cursor and sets no title."""
    machine.transcript().fill(1)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "two.jsonl").write_text('{"n": 1, "text": "x"}\n')
    (machine.root / "a\x1b]0;owned\x07\x9b31m\u202e").symlink_to(elsewhere)
    result = run("doctor")

    assert "is a link" in result.output
    assert all(line.isprintable() for line in result.output.split("\n"))


@pytest.mark.promise("A6")
def test_plugins_shows_names_that_a_terminal_would_obey(machine, run, monkeypatch):
    """The name of a place, which may be that of anybody's project, does nothing either."""
    place = machine.place / "a\x1b]0;owned\x07\u202e"
    registry = machine.registry
    registry.reports.append(PluginReport(name="toy", tools=["toy"]))
    monkeypatch.setattr("lethe_core.plugins.load_parsers", lambda **_: registry)
    monkeypatch.setattr("lethe_collector.plugin_list.roots_of", lambda *_: [place])
    result = run("plugins")

    assert "owned" in result.output
    assert all(line.isprintable() for line in result.output.split("\n"))


@pytest.mark.promise("C24", "O4")
def test_c24_doctor_tells_of_linked_directories(machine, run, tmp_path):
    """A directory that is a link is not followed; who put transcripts there is told."""
    machine.transcript().fill(1)
    elsewhere = tmp_path / "elsewhere"
    (machine.root / "again").symlink_to(machine.root / "project")  # it is read already
    (machine.root / "project" / "loop").symlink_to(machine.root)
    for name, held in (("full", True), ("empty", False)):
        (elsewhere / name).mkdir(parents=True)
        (machine.root / name).symlink_to(elsewhere / name)
        if held:
            (elsewhere / name / "two.jsonl").write_text('{"n": 1, "text": "x"}\n')
    result = run("doctor")

    assert result.exit_code == 1
    assert "1 sources in" in result.output
    [told] = [line for line in result.output.splitlines() if "is a link" in line]
    assert str(machine.root / "full") in told


def test_doctor_counts_only_what_is_read(machine, run):
    """A tool whose places are none has none, whatever lies in its usual ones."""
    machine.transcript().fill(1)
    text = machine.config_file.read_text()
    machine.config_file.write_text(text.replace(f"toy: ['{machine.root}']", "toy: []"))
    result = run("doctor")

    assert "0 sources in nowhere" in result.output


def test_doctor_finds_what_is_wrong(machine, run):
    """A server that is away and a token that is open to others are told with a way out."""
    machine.server.down()
    assert "UNREACHABLE" in run("doctor").output or "check server.url" in run("doctor").output
    machine.token_file.chmod(0o644)

    result = run("doctor")

    assert result.exit_code == 1
    assert "chmod 600" in result.output

    machine.token_file.unlink()
    assert "cannot be read: No such file or directory\n" in run("doctor").output


def test_status_has_the_same_options_twice(machine, capsys, monkeypatch):
    """The quick way and that of all commands understand the same, and print the same."""
    monkeypatch.setattr(status, "_free_bytes", lambda _: None)  # others use the disk, too
    with pytest.raises(SystemExit):
        status_command.main(["--help"])
    quick = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    options = ["--config", str(machine.config_file), "--state-dir", str(machine.place), "--json"]
    code = status_command.main(options)
    result = CliRunner().invoke(main, ["status", *options])

    assert quick == set(
        re.findall(r"--[a-z-]+", CliRunner().invoke(main, ["status", "--help"]).output)
    )
    assert (result.exit_code, result.stdout) == (code, capsys.readouterr().out)


def test_an_interrupt_at_the_start_ends_without_a_word(monkeypatch, capsys):
    """Ctrl-C before a command has begun shows no trace."""

    def interrupt(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr("lethe_collector.cli.main", interrupt)
    monkeypatch.setattr("sys.argv", ["lethe-collector", "plugins"])
    with pytest.raises(SystemExit) as ended:
        __main__.run()

    assert (130, "", "") == (ended.value.code, *capsys.readouterr())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_status_that_cannot_be_written_says_so(machine, options):
    """On a full disk `status` ends with 1 and one line."""
    command = [sys.executable, "-m", "lethe_collector", "status", *options]
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            [*command, "--state-dir", str(machine.place)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )

    told = "lethe-collector: cannot write: No space left on device (UNAVAILABLE)\n"
    assert (1, told) == (done.returncode, done.stderr)


def test_help_of_the_collector_is_there_by_either_name():
    """`-h` is help in all commands."""
    # In a process of its own: click remembers the options of a command that was looked at alone.
    command = [sys.executable, "-m", "lethe_collector", "parse", "-h"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("Usage: ")
