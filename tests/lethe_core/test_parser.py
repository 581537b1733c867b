"""The base of all parsers: what it does where a parser says nothing."""

from __future__ import annotations

import hashlib

import pytest

from lethe_core import Identity, Parser
from lethe_core.limits import MAX_UNMAPPED_RAW_BYTES
from lethe_core.parser import unmapped_turn
from lethe_core.testing import append, only_source
from lethe_core.wire import decode_line, encode_event


def test_three_methods_must_be_written():
    """A parser without them cannot be made."""
    with pytest.raises(TypeError, match=r"default_roots.*discover.*read"):
        type("Empty", (Parser,), {})()


def test_defaults_are_modest(toy, transcript):
    """A file is recognised by itself, and there is no command to resume unless one is given."""
    append(transcript, {"type": "m", "text": "x"})

    assert toy.identify(only_source(toy, transcript)) == Identity.of_file(transcript)
    assert toy.resume_command("s", "~/demo") is None


@pytest.mark.promise("P9")
def test_unmapped_turn_stands_for_its_part(toy):
    """The turn names bytes, digest, reason and code, keeps the beginning, and fits the wire."""
    raw = b"\xff" * (MAX_UNMAPPED_RAW_BYTES + 5)
    turn = unmapped_turn(
        toy, session_id="s", seq=9, raw=raw, start=9, end=20, code="MALFORMED", reason="no JSON"
    )
    turn.host = "h"
    detail = turn.metadata["unmapped"]

    assert (turn.role, turn.content, turn.turn_id, turn.seq) == ("system", "", "unmapped-9", 9)
    assert (detail["code"], detail["reason"], detail["bytes"]) == ("MALFORMED", "no JSON", [9, 20])
    assert detail["sha256"] == hashlib.sha256(raw).hexdigest()
    assert detail["raw"] == "\ufffd" * MAX_UNMAPPED_RAW_BYTES
    assert decode_line(encode_event(turn)).event.parser_version == toy.version
