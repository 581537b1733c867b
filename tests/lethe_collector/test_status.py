"""What `status` says, and what it costs."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from fakes.batches import make_batch

from lethe_collector import config as config_module
from lethe_collector import status as module
from lethe_collector.batches import LineKey, Refusal
from lethe_collector.state import State
from lethe_collector.status import read_status
from lethe_collector.status_command import EXIT_CONFIG, main
from lethe_core.sources import Source


@pytest.fixture
def directory(tmp_path):
    """An empty state directory."""
    return tmp_path / "state"


@pytest.fixture
def state(directory):
    """An open state."""
    directory.mkdir()
    with closing(State(directory)) as opened:
        yield opened


def add(state, name="one", size=100):
    """Enter a source."""
    source = Source(path=Path("/nowhere") / name, root=Path("/nowhere"), size=size, mtime_ns=7)
    return state.sources.add("toy", 1, [source])[0]


def read(state, row, *, position=100, to=(100, 7), refused=(), outbox=False):
    """Read some of a source."""
    what = {"lines": [b'{"seq":1}'], "records": 1, "read_to": to, "refused": [*refused]}
    batch = make_batch(row, position=position, **what)
    if outbox:
        state.put_outbox(batch)
    else:
        state.record_ack(batch, ())


def test_never_ran(directory):
    """Without a state there is nothing to tell but that."""
    status = read_status(directory)

    assert (status["exit_code"], status["health"]) == (1, "attention")
    assert "never run" in status["attention"][0]


def test_all_is_archived(state, directory):
    """Nothing lags, nothing waits: exit code 0, whether or not a daemon runs."""
    read(state, add(state))

    status = read_status(directory)

    assert (status["exit_code"], status["tools"]["toy"]["archived"]) == (0, 1)
    assert status["server"]["last_ack"] is not None


def test_lagging_without_a_daemon(state, directory):
    """What was found and not been read to its end lags; nobody is at it."""
    read(state, add(state), position=40, to=None)

    status = read_status(directory)

    assert status["exit_code"] == 1
    tool = status["tools"]["toy"]
    assert (tool["lagging"], tool["lagging_bytes"], tool["archived"]) == (1, 60, 0)


def test_torn_tail_does_not_lag(state, directory):
    """A record that is not complete yet is nothing that anybody could archive."""
    read(state, add(state), position=90, to=(100, 7))

    assert read_status(directory)["exit_code"] == 0


def test_what_waits_in_the_outbox_is_not_archived(state, directory):
    """A source whose events wait on disk is read, and is not delivered."""
    read(state, add(state), outbox=True)

    tool = read_status(directory)["tools"]["toy"]

    assert (tool["archived"], tool["waiting"], tool["lagging"]) == (0, 1, 0)


def test_change_after_the_daemon_ended_lags(state, directory, tmp_path):
    """Without a daemon, `status` itself looks whether files are newer than the state says."""
    file = tmp_path / "one.jsonl"
    file.write_text("x\n")
    source = Source.from_stat(file, tmp_path)
    [row] = state.sources.add("toy", 1, [source])
    read(state, row, position=source.size, to=(source.size, source.mtime_ns))
    assert read_status(directory)["exit_code"] == 0

    file.write_text("x\ny\n")

    assert read_status(directory)["tools"]["toy"]["lagging"] == 1


@pytest.mark.promise("S14", "O4")
def test_s14_a_full_disk_needs_attention(state, directory, monkeypatch):
    """The state itself cannot say so: it cannot be written."""
    read(state, add(state))
    monkeypatch.setattr(module, "LEAST_FREE_BYTES", 2**62)

    status = read_status(directory)

    assert status["exit_code"] == 1
    [attention] = status["attention"]
    assert attention.startswith("STATE_UNWRITABLE")


@pytest.mark.promise("O04", "P3")
def test_refused_events_are_counted(state, directory):
    """Dead letters make the exit code 2."""
    refusal = Refusal(code="INVALID", reason="r", key=LineKey("s", "t", 1), line=b"{}")
    read(state, add(state), refused=[refusal])

    status = read_status(directory)

    assert (status["exit_code"], status["tools"]["toy"]["refused"]) == (2, 1)
    assert status["dead_letters"] == {"events": 1, "codes": {"INVALID": 1}}


@pytest.mark.parametrize(("full", "code"), [(False, 2), (True, 3)])
def test_lost_bytes_are_counted(state, directory, full, code):
    """What vanished unread makes the exit code 2; if the outbox was full, 3."""
    row = add(state)
    read(state, row, position=40, to=None)
    state.sources.mark_gone([row], outbox_full=full)

    status = read_status(directory)

    assert (status["exit_code"], status["tools"]["toy"]["lost_bytes"]) == (code, 60)


def test_gone_after_it_was_read_is_well(state, directory):
    """A transcript that its tool deleted is archived and gone."""
    row = add(state)
    read(state, row)
    state.sources.mark_gone([row], outbox_full=False)

    tool = read_status(directory)["tools"]["toy"]

    assert (tool["gone"], tool["archived"], tool["lost_bytes"]) == (1, 1, 0)


def test_damaged_state_is_told(directory):
    """A file that is no state is a problem, not a traceback."""
    directory.mkdir()
    (directory / "state.db").write_bytes(b"garbage" * 1000)

    status = read_status(directory)

    assert "cannot be read" in status["attention"][0]


def test_control_characters_of_a_path_stay_harmless(state, directory, capsys):
    """A file name cannot move the cursor of a terminal."""
    row = add(state, "\x1b[31mred\n")
    state.sources.note_error(row, "unreadable", "X", "t", "")

    main(["--state-dir", str(directory)])

    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\\x1b[31mred\\n" in out


def test_json_says_the_same(state, directory, capsys):
    """`--json` prints what `read_status` reads."""
    read(state, add(state))

    code = main(["--json", "--state-dir", str(directory)])

    told, wanted = json.loads(capsys.readouterr().out), read_status(directory)
    assert min(told.pop("free_bytes"), wanted.pop("free_bytes")) > 0  # others use the disk, too
    assert told == wanted
    assert code == 0


def test_every_key_is_documented(state, directory, repository):
    """The page names each key of the JSON."""
    read(state, add(state))
    state.set_note("scans", {"toy": {"label": "Toy", "roots": [], "error": ""}})
    page = (repository / "docs" / "configuration-collector.md").read_text()
    status = read_status(directory)
    keys = {*status, *status["tools"]["toy"], *status["outbox"], *status["server"]}

    assert {key for key in keys - {"lost_full"} if f"`{key}`" not in page and key not in page} == (
        set()
    )


@pytest.mark.promise("O08")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("state_dir: [1]\n", ":1: state_dir: must be text"),
        ("state_dir: {place}\nhots: box\n", ":2: hots: unknown key (did you mean host?)"),
        ("state_dir: {place}\npoll_interval: often\n", ":2: poll_interval: must be a duration"),
    ],
)
def test_o08_wrong_configuration_is_told(tmp_path, capsys, text, told):
    """Exit code 78 and one line, also where the state directory could be told without it."""
    path = tmp_path / "collector.yaml"
    path.write_text(text.format(place=tmp_path))

    assert main(["--config", str(path)]) == EXIT_CONFIG
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert told in printed.err


def test_checked_configuration_is_not_checked_again(machine, monkeypatch, capsys):
    """What the collector has read and nobody touched since costs neither YAML nor a schema."""
    checked = []
    load = config_module.load_config
    monkeypatch.setattr(config_module, "load_config", lambda *_: checked.append(1) or load(*_))
    asyncio.run(machine.run_once())
    checked.clear()

    assert main(["--config", str(machine.config_file)]) == module.EXIT_OK
    assert checked == []
    machine.config_file.write_text(machine.config_file.read_text() + "hots: box\n")
    assert main(["--config", str(machine.config_file)]) == EXIT_CONFIG
    assert checked == [1]
    assert "hots: unknown key" in capsys.readouterr().err


def test_override_in_the_environment_is_checked(machine, monkeypatch, capsys):
    """A variable that is new since the collector ran is looked at."""
    asyncio.run(machine.run_once())
    monkeypatch.setenv("LETHE_COLLECTOR__LOG__LEVEL", "loud")

    assert main(["--config", str(machine.config_file)]) == EXIT_CONFIG
    assert "environment variable LETHE_COLLECTOR__LOG__LEVEL" in capsys.readouterr().err


def test_tool_that_nobody_reads_needs_attention(machine, capsys):
    """A name in `sources` that no loaded plugin knows may be misspelt, or its plugin missing."""
    text = machine.config_file.read_text()
    machine.config_file.write_text(text.replace("sources: {", "sources: {tyo: [~/x], "))
    asyncio.run(machine.run_once())

    assert main(["--config", str(machine.config_file)]) == module.EXIT_ATTENTION
    assert "`sources` names 'tyo', which no loaded plugin reads" in capsys.readouterr().out


def test_imports_little():
    """`status` loads neither plugins nor network, YAML, schema or colours."""
    code = (
        "import sys; sys.argv = ['lethe-collector', 'status', '--state-dir', 'nowhere']\n"
        "from lethe_collector.__main__ import run\n"
        "try: run()\nexcept SystemExit: pass\n"
        "print(sorted(set(n.partition('.')[0] for n in sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = ("aiohttp", "asyncio", "click", "lethe_core", "loguru", "marshmallow", "msgspec")
    for name in (*heavy, "pluggy", "rich", "ruamel", "tenacity", "watchfiles", "zstandard"):
        assert f"'{name}'" not in done.stderr, name
