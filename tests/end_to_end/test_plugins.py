"""Plugins of others in a real collector: better ones, broken ones, and those that hang."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from end_to_end.machine import Machine
from fakes.plugins import PluginSite, parser_source

if TYPE_CHECKING:
    from pathlib import Path

RAISE_IN_DISCOVER = """
    def discover(self, root):
        raise ZeroDivisionError("what a transcript says")
"""
RAISE_IN_ROOTS = """
    def default_roots(self):
        raise ZeroDivisionError("what a transcript says")
"""
RAISE_IN_READ = """
    def read(self, source, cursor):
        for number, record in enumerate(super().read(source, cursor)):
            if number == 2:
                raise ZeroDivisionError("what a transcript says")
            yield record
"""
FORGE_HOSTS = """
    def read(self, source, cursor):
        for record in super().read(source, cursor):
            for event in record.events:
                event.host = "elsewhere"
            yield record
"""


@dataclass
class Tool:
    """A tool whose transcripts and plugin a test writes."""

    machine: Machine
    site: PluginSite
    name: str

    @property
    def root(self) -> Path:
        """Where its transcripts lie."""
        return self.machine.home / f".{self.name}"

    def write(self, *lines: Any) -> Path:
        """Write a transcript of one session."""
        self.root.mkdir(exist_ok=True)
        path = self.root / f"{self.name}-session.jsonl"
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        return path

    def install(self, **parts: Any) -> None:
        """Install a plugin for it; see `parser_source`."""
        self.site.install(self.name, parser_source(self.name, self.root, **parts))


@pytest.fixture
def make_tool(tmp_path):
    """Invent tools on one machine."""
    site = PluginSite(tmp_path / "site")
    home = tmp_path / "home"
    home.mkdir()
    machine = Machine(home, {"PYTHONPATH": str(site.path)})
    return lambda name: Tool(machine, site, name)


def turns_of(api, tool):
    """Give the turns of the one session of a tool."""
    [session] = [row for row in api.sessions() if row["tool"] == tool]
    return session, api.turns(session)


def test_better_parser_replaces_what_a_worse_one_made(make_tool):
    """When `version` rises, history is read again by itself, and nothing of the worse one stays."""
    acme = make_tool("acme")
    acme.write(
        {"id": "a", "text": "one"},
        {"id": "b", "words": "two"},
        {"id": "c", "text": "three"},
        {"id": "d", "tex": "never"},
    )
    acme.install(version=1)
    first = acme.machine.up()
    with acme.machine.serving() as api:
        before, worse = turns_of(api, "acme")

    acme.install(version=2, mapping='record["text"] = record.pop("words", None) or record["text"]')
    second = acme.machine.up()
    with acme.machine.serving() as api:
        after, better = turns_of(api, "acme")
    third = acme.machine.up()

    assert (first["turns"], first["unmapped"]) == (4, 2)
    assert [turn["metadata"]["kind"] for turn in worse] == [
        "prompt",
        "unmapped",
        "prompt",
        "unmapped",
    ]
    assert (second["turns"], second["unmapped"]) == (4, 1)
    assert [turn["content"] for turn in better] == ["one", "two", "three", ""]
    assert before["session_id"] == after["session_id"]
    assert (third["turns"], third["unmapped"]) == (4, 1)


def test_older_parser_does_not_bring_the_worse_back(make_tool):
    """Who installs an older version of a plugin keeps what the newer one has made."""
    acme = make_tool("acme")
    acme.write({"id": "a", "text": "one"})
    acme.install(version=2, mapping='record["text"] += " and better"')
    acme.machine.up()

    acme.install(version=1)
    acme.machine.up()

    with acme.machine.serving() as api:
        assert [turn["content"] for turn in turns_of(api, "acme")[1]] == ["one and better"]


@pytest.mark.promise("C39", "P9")
@pytest.mark.parametrize(
    ("parts", "archived", "told"),
    [
        ({"body": RAISE_IN_DISCOVER}, 0, "looking for sources failed with ZeroDivisionError"),
        ({"body": RAISE_IN_ROOTS}, 0, "looking for sources failed with ZeroDivisionError"),
        ({"body": RAISE_IN_READ}, 2, "the parser failed with ZeroDivisionError"),
    ],
    ids=["discover", "roots", "read"],
)
def test_c39_failing_plugin_costs_itself_alone(make_tool, parts, archived, told):
    """What a plugin raises is told without its text; what it gave before is archived."""
    broken, sound = make_tool("broken"), make_tool("sound")
    for tool in (broken, sound):
        tool.write(*({"id": f"m{number}", "text": "words"} for number in range(4)))
    broken.install(**parts)
    sound.install()

    done = run_up(sound.machine)
    status = sound.machine.run("collector", "status", "--config", config_of(sound.machine))

    summary = json.loads(done.stdout)["tools"]
    assert done.returncode == 1
    assert summary["sound"]["turns"] == 4
    assert summary.get("broken", {}).get("turns", 0) == archived
    assert told in status.stdout
    assert status.returncode == 1
    for text in (done.stderr, status.stdout):
        assert "what a transcript says" not in text


@pytest.mark.promise("C39", "C41", "P9")
@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import no_such_module\n", "No module named 'no_such_module'"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
        (parser_source("broken", "/", api="(9, 0)"), "made for version 9.0"),
    ],
    ids=["import", "exit", "api"],
)
def test_c39_c41_plugin_that_cannot_be_loaded_is_told(make_tool, source, told):
    """A plugin that cannot be imported, or is of another contract, is listed with what to do."""
    broken, sound = make_tool("broken"), make_tool("sound")
    sound.write({"id": "a", "text": "words"})
    sound.install()
    broken.site.install("broken", source, version="3.2")

    done = run_up(sound.machine)
    listed = sound.machine.run("collector", "plugins")
    rows = json.loads(sound.machine.run("collector", "plugins", "--json").stdout)

    assert json.loads(done.stdout)["tools"]["sound"]["turns"] == 1
    assert told in done.stderr
    assert listed.returncode == 1
    assert "broken (lethe-broken 3.2): error" in listed.stdout
    [row] = [row for row in rows if row["name"] == "broken"]
    assert told in row["error"]
    assert row["hint"]


@pytest.mark.promise("C41", "P9")
def test_c41_two_plugins_for_one_tool_stop_the_start(make_tool):
    """Which one is right is not guessed: exit code 78, both are named, and how to choose."""
    acme = make_tool("acme")
    acme.write({"id": "a", "text": "words"})
    acme.install()
    acme.site.install("other", parser_source("acme", acme.root, mapping="return 'nothing'"))

    refused = run_up(acme.machine)

    assert refused.returncode == 78
    for word in ("acme (lethe-acme 1.0)", "other (lethe-other 1.0)", "parsers: {acme: NAME}"):
        assert word in refused.stderr


@pytest.mark.promise("C42", "P9")
def test_c42_events_that_break_the_contract_are_dead_letters(make_tool):
    """A foreign host is overwritten; an event that the wire refuses is counted and not sent."""
    acme = make_tool("acme")
    acme.write({"id": "a", "text": "words"}, {"id": "b c", "text": "words"})
    acme.install(body=FORGE_HOSTS)

    done = run_up(acme.machine)

    summary = json.loads(done.stdout)
    assert (summary["turns"], summary["refused"]) == (1, 1)
    assert done.returncode == 2
    with acme.machine.serving() as api:
        assert {session["host"] for session in api.sessions()} == {"box"}


@pytest.mark.slow
@pytest.mark.promise("C40", "P9", "P14")
@pytest.mark.timeout(900)
def test_c40_hanging_plugin_is_stalled_and_stops_no_end(make_tool):
    """After a minute the source counts as stalled; others are archived, and the run ends."""
    hanging, sound = make_tool("hanging"), make_tool("sound")
    hanging.write({"id": "a", "text": "words"})
    sound.write({"id": "a", "text": "words"})
    hanging.install(mapping="import threading; threading.Event().wait()")
    sound.install()

    done = sound.machine.run(*up_arguments(sound.machine), timeout=600)
    status = sound.machine.run("collector", "status", "--config", config_of(sound.machine))

    assert done.returncode == 1
    assert json.loads(done.stdout)["tools"]["sound"]["turns"] == 1
    assert "STALLED" in status.stdout


def up_arguments(machine):
    """Write the command that archives all that is there."""
    return (
        *("up", "--data", str(machine.data), "--listen", "127.0.0.1:0", "--host", "box"),
        *("--exit-when-idle", "--json"),
    )


def run_up(machine):
    """Archive all that is there, whatever comes of it."""
    return machine.run(*up_arguments(machine))


def config_of(machine):
    """Name the configuration that `lethe up` has written for the collector."""
    return os.fspath(machine.data / "collector.yaml")
