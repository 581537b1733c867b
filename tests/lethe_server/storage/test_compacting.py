"""Compacting writes the archive anew, and nothing of it is another."""

from __future__ import annotations

import contextlib
import json

import apsw
import pytest
from fakes.sessions import find, read_slice
from fakes.words import wordy_event

from lethe_core.errors import ConfigInvalid
from lethe_core.wire import decode_line
from lethe_server.errors import StorageFailed
from lethe_server.storage import SessionKey, Store, TurnPlace, compacting, prepare_record
from lethe_server.storage.compacting import compact
from lethe_server.storage.integrity import find_damage
from lethe_server.storage.payloads import dictionary_number


async def fill(directory, count):
    """Make an archive without dictionaries."""
    with contextlib.closing(Store.open(directory)) as store:
        lines = (json.dumps(wordy_event(number)).encode() for number in range(count))
        await store.ingest("kim", [prepare_record(decode_line(line)) for line in lines])


async def read(directory):
    """All turns of the session."""
    with contextlib.closing(Store.open(directory)) as store:
        session = await find(store, "kim", SessionKey("tool", "box", "s"))
        page = await read_slice(store, "kim", session.id, TurnPlace.after(-1), 5000)
    return page.turns


@pytest.fixture
def _few(monkeypatch):
    monkeypatch.setattr(compacting, "FIRST_TURNS", 200)


@pytest.mark.usefixtures("_few")
async def test_an_archive_from_before_dictionaries_gets_smaller_and_stays_the_same(tmp_path):
    """All turns are packed with a dictionary, read as before, found, and the file shrinks."""
    await fill(tmp_path, 900)
    turns = await read(tmp_path)
    before, after = compact(tmp_path)

    assert after < before
    assert turns == await read(tmp_path)
    connection = apsw.Connection(str(tmp_path / "lethe.db"))
    payloads = [payload for (payload,) in connection.execute("SELECT payload FROM turns")]
    assert {1} == set(map(dictionary_number, payloads))
    assert [] == find_damage(connection)
    connection.close()


@pytest.mark.usefixtures("_few")
async def test_compacting_again_changes_nothing(tmp_path):
    """No second dictionary is trained for the same turns."""
    await fill(tmp_path, 300)
    compact(tmp_path)
    before, after = compact(tmp_path)

    assert before == after


async def test_a_small_archive_needs_no_dictionary(tmp_path):
    """Few turns stay as they are."""
    await fill(tmp_path, 50)
    turns = await read(tmp_path)
    compact(tmp_path)

    assert turns == await read(tmp_path)


async def test_compacting_is_refused_beside_a_server(tmp_path):
    """What another program has open is not written anew."""
    with contextlib.closing(Store.open(tmp_path)), pytest.raises(StorageFailed, match="open"):
        compact(tmp_path)


def test_compacting_needs_an_archive(tmp_path):
    """A directory without one is told."""
    with pytest.raises(ConfigInvalid, match="no database"):
        compact(tmp_path)
