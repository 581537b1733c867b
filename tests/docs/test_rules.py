"""Rules of the house that a search can check."""

from __future__ import annotations

import re

import pytest

#: Paths of one machine, hosts of registries, and words for what is not finished; written so that
#: this file does not match itself.
MACHINE_PATHS = re.compile(r"(?<![\w.~}-])/(?:work|root|tmp/\w+)(?=/\w)")
REGISTRIES = re.compile(r"\b(?:pypi\.org|python[h]osted\.org|npm[j]s\.)")
UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b")
UNNAMED = {"utils.py", "helpers.py", "util.py", "helper.py", "manager.py", "common.py", "misc.py"}
BINARY = {".png", ".db", ".gz", ".zst", ".ico", ".woff2"}


@pytest.fixture(scope="module")
def texts(tracked, repository):
    """All text files, by their path in the repository."""
    return {
        str(path.relative_to(repository)): path.read_bytes().decode("utf-8", "replace")
        for path in tracked
        if path.suffix not in BINARY
    }


def found(texts, pattern, *, below=""):
    """List the places where a pattern stands."""
    return [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in texts.items()
        if name.startswith(below)
        for number, line in enumerate(text.split("\n"), 1)
        if pattern.search(line)
    ]


def test_no_path_of_one_machine(texts):
    """Nothing depends on where somebody has it; samples of transcripts may name any path."""
    samples = (".jsonl", ".ndjson")
    checked = {name: text for name, text in texts.items() if not name.endswith(samples)}

    assert found(checked, MACHINE_PATHS) == []


def test_no_host_of_a_package_registry(texts):
    """Where packages come from is the business of who installs them."""
    assert found(texts, REGISTRIES) == []


def test_no_rooms_without_a_subject(tracked):
    """A module is named after what it is."""
    assert [str(path) for path in tracked if path.name in UNNAMED] == []


def test_nothing_is_left_to_do(texts):
    """What is not finished is not in the code."""
    code = {name: text for name, text in texts.items() if name.endswith((".py", ".toml", ".yaml"))}

    assert found(code, UNFINISHED) == []


def test_ignored_rules_have_reasons(texts):
    """A `noqa` or `type: ignore` names its rule, a `noqa` also why it is right here."""
    noqa = re.compile(r"#\s*noqa(?!: [A-Z]+\d+)|#\s*type:\s*ignore(?!\[)")
    code = {name: text for name, text in texts.items() if name.endswith(".py")}
    code.pop("tests/docs/test_rules.py")

    assert found(code, noqa) == []


def test_text_files_end_their_last_line(texts):
    """Text is UTF-8 and ends in a newline."""
    checked = {name: text for name, text in texts.items() if name.endswith((".py", ".md", ".toml"))}

    assert [name for name, text in checked.items() if text and not text.endswith("\n")] == []
    assert [name for name, text in checked.items() if "\ufffd" in text.replace("\\ufffd", "")] == []
