"""Payloads come out as they went in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe_server.storage.payloads import pack_payload, unpack_payload

lines = st.binary(max_size=2000).map(lambda data: data.replace(b"\n", b" "))


@given(tool_calls=lines, metadata=lines)
def test_what_is_packed_is_unpacked(tool_calls, metadata):
    """Any two lines survive; empty ones are told as empty JSON."""
    payload = pack_payload(tool_calls, metadata)

    assert (tool_calls or b"[]", metadata or b"{}") == unpack_payload(payload)


def test_nothing_takes_no_room():
    """A turn without calls and metadata has no payload."""
    assert pack_payload(b"", b"") is None


def test_long_payloads_are_compressed():
    """What repeats itself gets shorter; what is short stays as it is."""
    assert len(pack_payload(b'[{"output":"' + b"ab" * 5000 + b'"}]', b"")) < 200
    assert b'{"kind":"answer"}' in pack_payload(b"", b'{"kind":"answer"}')


def test_an_unknown_form_is_an_error():
    """A payload of a later version is not guessed at."""
    with pytest.raises(ValueError, match="unknown form 9"):
        unpack_payload(b"\x09abc")
