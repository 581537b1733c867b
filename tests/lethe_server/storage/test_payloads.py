"""Payloads come out as they went in."""

from __future__ import annotations

import random

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from lethe_server.errors import StorageDamaged
from lethe_server.storage.payloads import (
    WITH_TEXT,
    Dictionary,
    Packed,
    Packer,
    Unpacker,
    dictionary_number,
)

lines = st.binary(max_size=2000).map(lambda data: data.replace(b"\n", b" "))


def trained():
    """A dictionary of sentences that are alike."""
    chance = random.Random(3)
    words = ["".join(chance.choices("abcdefgh", k=6)) for _ in range(400)]
    samples = [" ".join(chance.choices(words, k=40)).encode() for _ in range(400)]
    return zstandard.train_dictionary(8192, samples)


DICTIONARY = Dictionary(258, trained())
SAMPLE = DICTIONARY.data.as_bytes()[-300:]


def unpacker(dictionaries=(DICTIONARY,)):
    """What unpacks with some dictionaries."""
    known = {number: zstandard.ZstdDecompressor(dict_data=data) for number, data in dictionaries}

    def find(number):
        if number not in known:
            raise StorageDamaged("missing")
        return known[number]

    return Unpacker(find)


@given(
    content=st.text(max_size=2000),
    tool_calls=lines,
    metadata=lines,
    dictionary=st.sampled_from([None, DICTIONARY]),
)
def test_what_is_packed_is_unpacked(content, tool_calls, metadata, dictionary):
    """Any text and any two lines survive; empty ones are told as empty JSON."""
    packed = Packer(dictionary).pack(content, tool_calls, metadata)

    assert (content, tool_calls or b"[]", metadata or b"{}") == unpacker().unpack(*packed)


@pytest.mark.parametrize("dictionary", [None, DICTIONARY])
def test_nothing_takes_no_room(dictionary):
    """A turn without calls and metadata has no payload; a short text stays in its column."""
    assert Packed("yes", None) == Packer(dictionary).pack("yes", b"", b"")


def test_long_payloads_are_compressed():
    """What repeats itself gets shorter; what is short stays as it is."""
    packer = Packer()

    assert len(packer.pack("", b'[{"output":"' + b"ab" * 5000 + b'"}]', b"").payload) < 200
    assert b'{"kind":"answer"}' in packer.pack("", b"", b'{"kind":"answer"}').payload


def test_a_dictionary_makes_what_it_knows_short_and_takes_the_text_along():
    """A text that resembles the samples shrinks, and its column is empty."""
    text = SAMPLE.decode()
    content, payload = Packer(DICTIONARY).pack(text, b"", b'{"kind":"answer"}')

    assert ("", WITH_TEXT, 258) == (content, payload[0], dictionary_number(payload))
    assert len(payload) < len(text) / 4


def test_payloads_without_a_dictionary_stay_readable_beside_one():
    """What was written before there was a dictionary is read as before."""
    packed = Packer().pack("text", b"[1]" * 100, b"")

    assert dictionary_number(packed.payload) is None
    assert ("text", b"[1]" * 100, b"{}") == unpacker([]).unpack(*packed)


def test_a_dictionary_that_is_missing_is_told():
    """Nothing is guessed without the dictionary that a payload names."""
    packed = Packer(DICTIONARY).pack(SAMPLE.decode(), b"", b"")

    with pytest.raises(StorageDamaged):
        unpacker([]).unpack(*packed)


def test_a_damaged_payload_is_told():
    """What cannot be decompressed is damage of the archive, not a fault of the program."""
    content, payload = Packer(DICTIONARY).pack(SAMPLE.decode(), b"", b"")

    with pytest.raises(StorageDamaged, match="damaged"):
        unpacker().unpack(content, payload[:9])


def test_an_unknown_form_is_an_error():
    """A payload of a later version is not guessed at."""
    with pytest.raises(ValueError, match="unknown form 9"):
        unpacker().unpack("", b"\x09abc")
