"""Real wires of Kimi: each is read, and the archive agrees with an independent count."""

from __future__ import annotations

import pytest

from lethe_kimi import KimiCliParser, KimiCodeParser


@pytest.fixture
def wires(corpus, count, folder):
    """Name the wires of a tool, and who counts one."""
    counting = {"kimi-cli": count.count_cli, "kimi-code": count.count_code}[folder]
    return count.files(corpus / folder), counting


@pytest.mark.parametrize(
    ("folder", "parser_type"), [("kimi-cli", KimiCliParser), ("kimi-code", KimiCodeParser)]
)
def test_every_file_is_read_at_once_and_in_parts(corpus, check_reading, folder, parser_type):
    """No file of the folder raises, and reading on from anywhere gives the rest."""
    paths = sorted((corpus / folder).rglob("*.jsonl"))
    assert paths
    for path in paths:
        check_reading(parser_type(), path)


@pytest.mark.parametrize(
    ("folder", "parser_type"), [("kimi-cli", KimiCliParser), ("kimi-code", KimiCodeParser)]
)
def test_files_are_followed_while_they_grow(corpus, check_growing, folder, parser_type):
    """A file that is written in pieces is read as one that was written at once."""
    for path in sorted((corpus / folder).rglob("*.jsonl")):
        check_growing(parser_type(), path)


@pytest.mark.parametrize(
    ("folder", "parser_type"), [("kimi-cli", KimiCliParser), ("kimi-code", KimiCodeParser)]
)
def test_counts_agree(wires, archive, explain, folder, parser_type):
    """Prompts, answers, calls and tokens of each file are those of the count."""
    paths, counting = wires
    assert paths
    for path in paths:
        explain(folder, path, counting(path), archive(parser_type(), path))
