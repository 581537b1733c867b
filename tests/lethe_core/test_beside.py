"""What stands in small files beside a source."""

from __future__ import annotations

import os

import pytest

from lethe_core.beside import decode_beside, read_beside


def test_a_small_file_is_read(tmp_path):
    """Its bytes are given, of a larger file the first; its JSON, if it is of the kind."""
    path = tmp_path / "state.json"
    path.write_bytes(b'{"title": "a"}')

    assert read_beside(path) == b'{"title": "a"}'
    assert read_beside(path, 3) == b'{"t'
    assert decode_beside(path, dict[str, str]) == {"title": "a"}


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"title": 1}', b'{"title": "\xff"}', b"[" * 100_000]
)
def test_what_is_damaged_is_none(tmp_path, data):
    """A file that is no JSON, or none of the kind, says nothing, and fails nothing."""
    path = tmp_path / "state.json"
    path.write_bytes(data)

    assert decode_beside(path, dict[str, str]) is None


def test_what_is_too_large_is_none(tmp_path):
    """A file of more than the bytes that are read is no JSON."""
    path = tmp_path / "state.json"
    path.write_bytes(b'{"title": "a"}')

    assert decode_beside(path, dict[str, str], most=8) is None


def test_what_is_no_plain_file_is_none(tmp_path):
    """Neither a missing file nor a directory, a FIFO or what is no name says anything, at once."""
    os.mkfifo(tmp_path / "fifo")

    for name in ("missing", ".", "fifo", "a\0b", "n" * 300):
        assert read_beside(tmp_path / name) == b""
        assert decode_beside(tmp_path / name, dict[str, str]) is None
