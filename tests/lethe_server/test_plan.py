"""What `lethe up` finds out before it starts anything."""

from __future__ import annotations

import pytest
from fakes.hanging import HangsInDiscover, HangsInRoots, call_within
from fakes.toy import ToyParser

from lethe_core.plugins import ParserRegistry
from lethe_server.up import plan


@pytest.mark.promise("C40", "P9")
def test_c40_a_plugin_that_hangs_is_not_waited_for(tmp_path, monkeypatch):
    """Its tool has an error, all others are found, and the plan is made."""
    monkeypatch.setattr(plan, "call_within", call_within)
    (tmp_path / "one.jsonl").write_text('{"text": "a"}\n')
    registry = ParserRegistry()
    for parser_type in (HangsInRoots, HangsInDiscover, ToyParser):
        registry.add(parser_type(tmp_path))

    made = plan.make_plan(
        data=tmp_path / "data", listen="127.0.0.1:0", host="box", sources=(), registry=registry
    )

    assert "Mute: its parser has not answered for 30 s" in made.failures
    blind, sound = made.roots
    assert (blind.tool, blind.files) == ("blind", 0)
    assert blind.error == "its parser has not answered for 30 s"
    assert (sound.tool, sound.files, sound.error) == ("toy", 1, "")
