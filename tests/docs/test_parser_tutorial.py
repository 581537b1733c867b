"""docs/writing-a-parser.md is true: its files make a plugin that passes its own tests."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib

import pytest

#: A file: its name stands in a comment, or before the block where the form has no comments.
BLOCK = re.compile(
    r"(?:```(?:python|toml)\n# (?P<path>[\w./-]+)\n|`(?P<named>[\w./-]+)`:\n\n```jsonl\n)"
    r"(?P<body>.*?)```",
    re.DOTALL,
)

#: Loads the plugin by its entry point as lethe does, and reads the sample.
LOAD = """
import json, sys
from importlib.metadata import EntryPoint
from pathlib import Path
from lethe_core.plugins import load_parsers
from lethe_core.wire import decode_line, encode_event

registry = load_parsers(entry_points=[EntryPoint(sys.argv[1], sys.argv[2], "lethe.parsers")])
parser = registry.get("acme")
(source,) = parser.discover(Path("tests/samples"))
lines = []
for record in parser.read(source, None):
    for event in record.events:
        event.host = "h"
        line = encode_event(event)
        decode_line(line)
        lines.append(json.loads(line))
print(json.dumps({"failed": [r.error for r in registry.failed], "lines": lines}))
"""


@pytest.fixture(scope="module")
def project(repository, tmp_path_factory):
    """The files of the tutorial, written as it says."""
    root = tmp_path_factory.mktemp("lethe-acme")
    text = (repository / "docs" / "writing-a-parser.md").read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        path = root / (found["path"] or found["named"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found["body"], encoding="utf-8")
    return root


def run(project, *command):
    """Run Python in the project, with its package importable."""
    environ = {
        **os.environ,
        "PYTHONPATH": str(project / "src"),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    return subprocess.run(
        [sys.executable, *command],
        cwd=project,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_files_are_those_of_the_tree(repository, project):
    """The files that the tutorial names in its tree are those that it shows."""
    text = (repository / "docs" / "writing-a-parser.md").read_text(encoding="utf-8")
    tree = text.partition("lethe-acme/\n")[2].partition("```")[0].split()
    written = {str(path.relative_to(project)) for path in project.rglob("*.*") if path.is_file()}

    assert written == set(tree)


def test_sample_can_be_copied_as_it_stands(repository):
    """Each line of a block of JSON lines is a record, the first one as well."""
    text = (repository / "docs" / "writing-a-parser.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```jsonl\n(.*?)```", text, re.DOTALL)

    assert blocks
    assert [type(json.loads(line)) for block in blocks for line in block.splitlines()] == [dict] * 6


def test_entry_point_loads_the_parser(project):
    """The entry point of the package gives a parser whose events the wire takes."""
    metadata = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    ((name, value),) = metadata["project"]["entry-points"]["lethe.parsers"].items()
    done = run(project, "-c", LOAD, name, value)
    assert done.stderr == ""
    result = json.loads(done.stdout)

    assert result["failed"] == []
    assert [line["role"] for line in result["lines"] if "role" in line] == [
        "user",
        "assistant",
        "assistant",
        "tool",
    ]
    assert {line["usage"]["key"] for line in result["lines"] if "usage" in line} == {"r1"}


def test_its_tests_pass(project):
    """The plugin passes the conformance suite and its own test."""
    done = run(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")

    assert done.returncode == 0, done.stdout
    assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE)
