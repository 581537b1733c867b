"""The table of all tools."""

from __future__ import annotations

from corpus.table import EXPLAINED, WITNESSES, lines

from lethe_core.plugins import load_parsers


def test_every_tool_has_a_witness():
    """Each installed parser is compared with a count."""
    counted = {witness.tool for witness in WITNESSES} | {"claude-code"}

    assert {parser.tool for parser in load_parsers()} == counted


def test_count_and_archive_agree(corpus):
    """Over all files of a tool both numbers are the same, or the difference is explained."""
    table = list(lines(corpus))

    found = [line.strip() for line in table if " counted, " in line]
    assert len(found) == len(EXPLAINED)
    rows = [line for line in table if line[20:27] in {"count  ", "archive"}]
    assert len(rows) == 2 * (len(WITNESSES) + 1)
    count, archive = (row[29:] for row in rows[-2:])
    assert count == archive
