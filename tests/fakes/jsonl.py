"""Records of the toy tool of `lethe_core`'s tests, and what became of them."""

from __future__ import annotations

from lethe_core.testing import only_source, read_records


def message(text):
    """Make a record that is a turn."""
    return {"type": "m", "text": text}


def read(parser, path, cursor=None):
    """Look at a file and read its records after a cursor."""
    return read_records(parser, only_source(parser, path), cursor)


def contents(records):
    """List the texts of all turns."""
    return [event.content for record in records for event in record.events]


def codes(records):
    """List the reasons of all turns that stand for what cannot be mapped."""
    metas = [event.metadata for record in records for event in record.events]
    return [meta["unmapped"]["code"] for meta in metas if meta.get("kind") == "unmapped"]
