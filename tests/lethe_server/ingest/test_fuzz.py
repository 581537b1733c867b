"""Any bytes as a body (I16)."""

from __future__ import annotations

import gzip
import json

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lethe_core.errors import LetheError
from lethe_server.ingest.reader import BodyReader
from lethe_server.problems import describe_problem
from lethe_server.storage import Packer

LINE = json.dumps(
    {"tool": "t", "host": "h", "session_id": "s", "turn_id": "1", "seq": 1, "role": "user"}
).encode()
BASES = (LINE + b"\n" + LINE, gzip.compress(LINE), zstandard.ZstdCompressor().compress(LINE))


@st.composite
def bodies(draw):
    """Bytes, or a good body that was damaged."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=200))
    body = bytearray(draw(st.sampled_from(BASES)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(body) - 1))
        body[place] = draw(st.integers(0, 255))
    return bytes(body[: draw(st.integers(0, len(body)))])


@pytest.mark.promise("I16", "A5", "A9")
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(body=bodies(), encoding=st.sampled_from(["", "gzip", "zstd"]), cut=st.integers(0, 200))
def test_i16_any_body_is_read_or_refused(body, encoding, cut):
    """Whatever the bytes are, the outcome is an answer or a refusal that is no 5xx."""
    reader = BodyReader(encoding, Packer())
    status = 200
    try:
        reader.feed(body[:cut])
        reader.feed(body[cut:])
        reader.finish()
    except LetheError as error:
        status = describe_problem(error).status
    assert status in {200, 400, 413, 415}
    assert reader.received == len(reader.records) + len(reader.errors)
