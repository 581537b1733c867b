"""``GET /api/v1/tools``."""

from __future__ import annotations

import pytest

from lethe_server.keys import PARSERS


async def test_tools_are_those_of_plugins_and_of_sessions(archive, event):
    """Of each its label, plugin and versions where a plugin is here, and what is archived of it."""
    await archive.send(
        event(1), event(2), event(3, session_id="s2"), event(4, tool="abacus", timestamp=None)
    )

    tools = (await archive.get("/tools"))["tools"]

    known = {parser.tool for parser in archive.app[PARSERS]}
    by_name = {tool["tool"]: tool for tool in tools}
    assert list(by_name) == sorted(known | {"abacus", "claude-code"})
    assert by_name["abacus"] == {
        "tool": "abacus",
        "label": None,
        "plugin": None,
        "version": None,
        "parser_version": None,
        "sessions": 1,
        "turns": 1,
        "last_activity": None,
    }
    counts = {"sessions": 2, "turns": 3, "last_activity": 1_700_000_003.0}
    assert counts == {name: by_name["claude-code"][name] for name in counts}


async def test_plugin_names_its_distribution(archive):
    """A tool that a plugin reads is described though nothing is archived of it."""
    registry = archive.app[PARSERS]
    if "claude-code" not in registry:
        pytest.skip("the plugin lethe-claude-code is not installed")

    tools = {tool["tool"]: tool for tool in (await archive.get("/tools"))["tools"]}

    claude = tools["claude-code"]
    assert (claude["label"], claude["plugin"]) == ("Claude Code", "lethe-claude-code")
    assert claude["parser_version"] == registry.get("claude-code").version
    assert claude["version"]
    assert claude["sessions"] == 0


@pytest.mark.promise("A14", "A15", "A17", "Q11", "A3")
async def test_a17_tools_of_others_move_no_figure(archive, event):
    """What another owner stores is not counted and not named; `owner` is for admins."""
    before = await archive.get("/tools")
    await archive.as_user("bob").send(event(1), event(2, tool="abacus"))

    assert before == await archive.get("/tools")
    assert (await archive.get("/tools", 403, owner="bob"))["code"] == "FORBIDDEN"
    assert (await archive.get("/tools", 400, limit="1"))["parameter"] == "limit"
    his = await archive.as_user("root").get("/tools", owner="bob")
    assert "abacus" in {tool["tool"] for tool in his["tools"]}
