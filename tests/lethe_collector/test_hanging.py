"""Commands that ask plugins go on when one of them hangs."""

from __future__ import annotations

import pytest
from fakes.hanging import HangsInDiscover, HangsInRoots, call_within
from fakes.toy import ToyParser

from lethe_collector import doctor, plugin_list
from lethe_core.plugins import ParserRegistry, PluginReport


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """Parsers of which two hang, and one that does not."""
    registry = ParserRegistry()
    for parser_type in (HangsInRoots, HangsInDiscover, ToyParser):
        parser = parser_type(tmp_path)
        registry.add(parser)
        registry.reports.append(PluginReport(name=parser.tool, tools=[parser.tool]))
    for module in (doctor, plugin_list):
        monkeypatch.setattr(module, "call_within", call_within)
    return registry


@pytest.mark.promise("C40", "P9")
def test_c40_the_list_of_plugins_tells_who_hangs(registry):
    """A plugin that does not name its places is told; the others are listed with theirs."""
    first, second, third = (row["parsers"][0] for row in plugin_list.describe(registry, {}))

    assert first["error"] == "default_roots gave no answer within 10 s"
    assert second["error"] == third["error"] == ""
    assert third["roots"][0]["exists"]


@pytest.mark.promise("C40", "P9")
def test_c40_doctor_tells_who_hangs(registry, machine):
    """Each plugin that hangs is a finding; what comes after it is examined."""
    found = [
        (finding.subject, finding.text.partition(" in ")[0], finding.is_well)
        for finding in doctor.examine(machine.config, registry)
    ]

    hangs = "looking for sources gave no answer within 30 s"
    assert {("Mute", hangs, False), ("Blind", hangs, False), ("Toy", "0 sources", True)} <= set(
        found
    )
