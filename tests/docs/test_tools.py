"""docs/tools.md tells what each plugin archives, as the plugins themselves say.

It is made from the table ``tool.lethe.coverage`` of each plugin: run once with
``LETHE_GOLDEN=refresh`` after a change.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

import pytest

from lethe_core.plugins import load_parsers

BLOCK = re.compile(r"(?<=<!-- tools -->\n).*?(?=<!-- end -->)", re.DOTALL)
PLUGINS = sorted(Path(__file__).parent.parent.parent.glob("plugins/*/pyproject.toml"))

#: The rows of the table, and what they are called.
FEATURES = {
    "prompts": "prompts",
    "answers": "answers",
    "thinking": "thinking",
    "tool_calls": "tool calls",
    "tool_outputs": "their outputs",
    "errors": "errors of the model's API",
    "usage": "usage",
    "titles": "titles",
    "model": "model",
    "working_dir": "working directory",
    "subagents": "subagents",
    "forks": "forks",
    "resumed": "resumed sessions",
    "in_place_updates": "updates in place",
    "deletes": "deletions",
}
VALUES = {"yes", "no", "not yet"}


def coverage_of(path):
    """Read what a plugin says that it archives."""
    return tomllib.loads(path.read_text("utf-8"))["tool"]["lethe"]["coverage"]


def plugins():
    """Give name, parsers and coverage of each plugin of the repository."""
    registry = load_parsers()
    loaded = {report.distribution: report.tools for report in registry.reports}
    for path in PLUGINS:
        name = path.parent.name
        yield name, [registry.get(tool) for tool in loaded[name]], coverage_of(path)


def table(rows):
    """Write rows as a table; the first is its head."""
    head, *rest = [f"| {' | '.join(row)} |" for row in rows]
    return [head, f"|{' --- |' * len(rows[0])}", *rest, ""]


def listed():
    """Write what the document says of all plugins."""
    known = list(plugins())
    rows = [["plugin", "tools", "name on the wire", "format"]]
    for name, parsers, _ in known:
        labels = ", ".join(parser.label for parser in parsers)
        tools = ", ".join(f"`{parser.tool}`" for parser in parsers)
        link = f"../plugins/{name}"
        rows.append([f"[{name}]({link}/README.md)", labels, tools, f"[format]({link}/FORMAT.md)"])
    lines = ["", "## Plugins", "", *table(rows)]
    heads = [name.removeprefix("lethe-") for name, *_ in known]
    rows = [["", *heads]]
    rows += [[what, *(cover[key] for *_, cover in known)] for key, what in FEATURES.items()]
    lines += ["## What is archived", "", *table(rows)]
    lines += ["## What the tools' numbers mean", ""]
    lines += [
        f"* {name}: {cover['usage_note']}" for name, (*_, cover) in zip(heads, known, strict=True)
    ]
    lines += ["", "## Notes", ""]
    noted = [
        (name, cover) for name, (*_, cover) in zip(heads, known, strict=True) if "note" in cover
    ]
    lines += [f"* {name}: {cover['note']}" for name, cover in noted]
    return "\n".join([*lines, "", ""])


def test_table_is_what_the_plugins_say(repository):
    """Each plugin stands in the document with all that it says of itself."""
    path = repository / "docs" / "tools.md"
    text = path.read_text(encoding="utf-8")
    if os.environ.get("LETHE_GOLDEN") == "refresh":
        text = BLOCK.sub(lambda _: listed(), text)
        path.write_text(text, encoding="utf-8")

    assert text == BLOCK.sub(lambda _: listed(), text)


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.parent.name)
def test_every_feature_is_answered(path):
    """A plugin says of each feature yes, no or not yet, and what its tool's numbers mean."""
    coverage = coverage_of(path)

    assert set(coverage) - {"note"} == {*FEATURES, "usage_note"}
    assert {name: value for name, value in coverage.items() if name in FEATURES} == {
        name: value for name, value in coverage.items() if value in VALUES
    }
    assert all(coverage[name].endswith(".") for name in ("usage_note", "note") if name in coverage)


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.parent.name)
def test_formats_are_described_alike(path):
    """FORMAT.md says when it was verified, where transcripts lie, and what is left out."""
    text = (path.parent / "FORMAT.md").read_text("utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)

    assert re.search(r"^Verified 20\d\d-\d\d-\d\d", text, re.MULTILINE)
    assert (headings[0], headings[-1]) == ("Where", "Left out, and known gaps")
    assert "Usage" in headings or coverage_of(path)["usage"] == "no"


def test_kinds_are_documented(repository):
    """Each kind of turn that a plugin gives stands in the list of well-known kinds."""
    text = (repository / "docs" / "wire.md").read_text("utf-8")
    row = re.compile(r"^\| `(\w+)` \| (?:user|assistant|tool|system|any) \|", re.MULTILINE)
    known = set(row.findall(text))
    given = {
        json.loads(line)["metadata"]["kind"]
        for path in PLUGINS
        for golden in (path.parent / "tests").rglob("*.ndjson")
        for line in golden.read_text("utf-8").split("\n")
        if line and '"kind":"session"' not in line
    }

    assert given <= known
    assert {"prompt", "answer", "tool_call"} <= given


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.parent.name)
def test_samples_show_what_is_said_to_be_archived(path):
    """What a plugin says it archives, the golden events of its samples have; no more is denied."""
    coverage = coverage_of(path)
    events = [
        line
        for golden in (path.parent / "tests").rglob("*.ndjson")
        for line in golden.read_text("utf-8").split("\n")
    ]
    shown = {
        "prompts": '"kind":"prompt"',
        "answers": '"kind":"answer"',
        "thinking": '"kind":"thinking"',
        "tool_calls": '"kind":"tool_call"',
        "tool_outputs": '"output":"',
        "errors": '"kind":"api_error"',
        "usage": '"usage":{"key"',
        "titles": '"title":"',
        "model": '"model":"',
        "working_dir": '"working_dir":"',
        "subagents": '"relation":"subagent"',
        "forks": '"relation":"fork"',
    }
    found = {
        feature: any(re.search(pattern, line) for line in events)
        for feature, pattern in shown.items()
    }

    assert events
    assert found == {feature: coverage[feature] == "yes" for feature in shown}
