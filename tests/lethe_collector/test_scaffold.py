"""`plugins new`: the package that it makes works at once."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import tomllib
import zipfile

import pytest
from click.testing import CliRunner

from lethe_collector.cli import main
from lethe_collector.scaffold import KINDS, write_plugin
from lethe_core import API_VERSION
from lethe_core.errors import UsageError
from lethe_core.testing import make_database, only_source, read_records

#: Says what the installed plugins are, as lethe loads them.
LIST = [sys.executable, "-m", "lethe_collector", "plugins", "--json"]


def run(command, *, path, cwd):
    """Run a command with a folder on the path of imports."""
    return subprocess.run(
        command,
        cwd=cwd,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(cwd),
            "PYTHONPATH": str(path),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", KINDS)
def test_package_installs_and_passes_its_tests(tmp_path, kind):
    """A wheel of the package is found by lethe, and its conformance suite passes."""
    project, *_ = write_plugin("two-words", kind, tmp_path)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    assert run(build, path="", cwd=project).returncode == 0
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")

    listed = run(LIST, path=tmp_path / "site", cwd=tmp_path)
    tested = run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "tests"],
        path=tmp_path / "site",
        cwd=project,
    )

    assert listed.returncode == 0, listed.stderr
    (row,) = [row for row in json.loads(listed.stdout) if row["distribution"] == "lethe-two-words"]
    assert (row["status"], row["version"], row["tools"]) == ("ok", "0.1.0", ["two-words"])
    assert row["parsers"][0]["api"] == ".".join(map(str, API_VERSION))
    assert row["parsers"][0]["roots"] == [
        {"path": str(tmp_path / ".two-words" / "sessions"), "exists": False}
    ]
    assert tested.returncode == 0, tested.stdout
    assert re.search(r"^\d\d passed", tested.stdout, re.MULTILINE)


@pytest.mark.promise("P5")
def test_row_that_changes_within_a_millisecond_replaces_its_turn(tmp_path, monkeypatch):
    """The parser that is made for a database gives the longer text the greater revision."""
    project, *_ = write_plugin("acme-rows", "sqlite", tmp_path)
    monkeypatch.syspath_prepend(project / "src")
    parser = importlib.import_module("lethe_acme_rows").AcmeRowsParser()
    path = make_database(project / "tests" / "samples" / "first.sql", tmp_path / "first.db")
    with contextlib.closing(sqlite3.connect(path)) as tool, tool:
        tool.execute("DELETE FROM message WHERE id > 'm2'")
    records = read_records(parser, only_source(parser, path))
    with contextlib.closing(sqlite3.connect(path)) as tool, tool:
        tool.execute("UPDATE message SET data = replace(data, 'I look.', 'I look at it.')")

    [again] = read_records(parser, only_source(parser, path), records[-1].cursor)

    copies = [e for r in (*records, again) for e in r.events if getattr(e, "turn_id", "") == "m2"]
    assert [turn.content for turn in copies] == ["I look.", "I look at it."]
    assert copies[0].revision < copies[1].revision


@pytest.mark.parametrize("kind", KINDS)
def test_every_place_is_filled(tmp_path, kind):
    """No file holds a placeholder, and those that tools read are well formed."""
    project, *files = write_plugin("acme", kind, tmp_path)

    texts = {str(file.relative_to(project)): file.read_text() for file in files}
    assert not [name for name, text in texts.items() if "{{" in text.replace("${", "")]
    settings = tomllib.loads(texts["pyproject.toml"])
    assert settings["project"]["entry-points"]["lethe.parsers"] == {"acme": "lethe_acme"}
    for name, text in texts.items():
        if name.endswith(".py"):
            compile(text, name, "exec")


def test_command_says_what_it_made(tmp_path):
    """`plugins new` lists the files."""
    result = CliRunner().invoke(
        main, ["plugins", "new", "acme", "--kind", "jsonl", "--directory", str(tmp_path)]
    )

    assert result.exit_code == 0, result.output
    assert "src/lethe_acme/parser.py" in result.output


def test_nothing_is_overwritten(tmp_path):
    """A package that is there already stays as it is."""
    (tmp_path / "lethe-acme").mkdir()

    with pytest.raises(UsageError, match="is there already"):
        write_plugin("acme", "jsonl", tmp_path)


@pytest.mark.parametrize("name", ["", "Acme", "a b", "../a", "-a", "a--b", "1a", "a" * 41, "a_b"])
def test_names_are_checked(tmp_path, name):
    """A name that is no name of a package is refused, with what is allowed."""
    with pytest.raises(UsageError) as caught:
        write_plugin(name, "jsonl", tmp_path)

    assert "small letters" in caught.value.hint
    assert list(tmp_path.iterdir()) == []
