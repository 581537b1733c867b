"""Dictionaries of payloads: trained once there is enough, kept, and missed when they are gone."""

from __future__ import annotations

import contextlib
import json

import apsw
import pytest
from fakes.sessions import find, read_slice
from fakes.words import wordy_event

from lethe_core.wire import decode_line
from lethe_server.errors import StorageDamaged
from lethe_server.storage import SessionKey, Store, TurnPlace, dictionaries, prepare_record
from lethe_server.storage.backups import back_up
from lethe_server.storage.integrity import Finding, find_damage, rebuild_index
from lethe_server.storage.payloads import dictionary_number

KEY = SessionKey("tool", "box", "s")


async def send(store, numbers, owner="kim"):
    """Store turns as a request does."""
    packer = await store.packer(owner)
    lines = [json.dumps(wordy_event(number, owner)).encode() for number in numbers]
    return await store.ingest(owner, [prepare_record(decode_line(x), packer) for x in lines])


async def read(store, owner="kim"):
    """Content, output and kind of all turns of the session."""
    session = await find(store, owner, KEY)
    page = await read_slice(store, owner, session.id, TurnPlace.after(-1), 5000)
    told = [(json.loads(turn.tool_calls), json.loads(turn.metadata)) for turn in page.turns]
    return [
        {"content": turn.content, "tool_calls": calls, "metadata": metadata}
        for turn, (calls, metadata) in zip(page.turns, told, strict=True)
    ]


def expected(numbers, owner="kim"):
    """What `read` should return of the same turns."""
    told = (wordy_event(number, owner) for number in numbers)
    names = ("content", "tool_calls", "metadata")
    return [{name: turn[name] for name in names} for turn in told]


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An archive whose owners get a dictionary at 200 turns and at 800."""
    monkeypatch.setattr(dictionaries, "FIRST_TURNS", 200)
    monkeypatch.setattr(dictionaries, "GROWTH", 4)
    store = Store.open(tmp_path)
    yield store
    store.close()


def named(tmp_path):
    """How many payloads name each dictionary."""
    counts = {}
    connection = apsw.Connection(str(tmp_path / "lethe.db"))
    for (payload,) in connection.execute("SELECT payload FROM turns"):
        number = dictionary_number(payload)
        counts[number] = counts.get(number, 0) + 1
    connection.close()
    return counts


async def settle(store):
    """Wait until all trainings that have begun are over: they have threads of their own."""
    while any(owner.training for owner in store._dictionaries._owners.values()):
        await store.query(lambda _connection: None, 30)


async def test_a_dictionary_is_trained_when_there_is_enough_and_again_later(store, tmp_path):
    """Turns before the first training name none, later ones the newest; all are read as sent."""
    await send(store, range(199))
    await settle(store)
    await send(store, range(199, 201))
    await settle(store)
    await send(store, range(201, 804))
    await settle(store)
    await send(store, range(804, 900))

    assert {None: 201, 1: 603, 2: 96} == named(tmp_path)
    assert expected(range(900)) == await read(store)


async def test_turns_of_one_owner_are_never_packed_with_what_another_wrote(store, tmp_path):
    """Each owner has dictionaries of their own; who has few turns has none."""
    for owner in ("kim", "lee"):
        await send(store, range(300), owner)
        await settle(store)
        await send(store, range(300, 310), owner)
    await send(store, range(50), "max")

    assert {None: 650, 1: 10, 2: 10} == named(tmp_path)
    assert expected(range(310), "lee") == await read(store, "lee")


async def test_the_dictionary_is_found_again_after_a_start(store, tmp_path):
    """A server that starts again packs with the newest dictionary and trains no other."""
    await send(store, range(300))
    await settle(store)
    store.close()

    with contextlib.closing(Store.open(tmp_path)) as again:
        await send(again, range(300, 400))
        await settle(again)

        assert expected(range(400)) == await read(again)
    assert {None: 300, 1: 100} == named(tmp_path)


async def test_texts_in_payloads_are_indexed_when_the_index_is_made_anew(store, tmp_path):
    """The index holds them again, and the check misses what it does not hold."""
    await send(store, range(300))
    await settle(store)
    await send(store, range(300, 400))
    store.close()
    connection = apsw.Connection(str(tmp_path / "lethe.db"))
    count = "SELECT count(*) FROM search_places"
    before = connection.execute(count).get
    rebuild_index(connection)

    assert [] == find_damage(connection)
    assert before == connection.execute(count).get
    connection.execute("DELETE FROM search_places WHERE turn = 398")
    assert [Finding("search", "owner 1: 1 turns are not indexed")] == find_damage(connection)
    connection.close()


async def test_a_text_in_a_payload_becomes_the_preview(store):
    """When the first prompt turns out to be none, the next is read from its payload."""
    await send(store, range(300))
    await settle(store)
    packer = await store.packer("kim")
    for turn in (
        {**wordy_event(301), "session_id": "p"},
        {**wordy_event(303), "session_id": "p"},
        {**wordy_event(301), "session_id": "p", "role": "system", "parser_version": 2},
    ):
        line = decode_line(json.dumps(turn).encode())
        await store.ingest("kim", [prepare_record(line, packer)])

    session = await find(store, "kim", SessionKey("tool", "box", "p"))
    assert wordy_event(303)["content"][:50] == session.preview[:50]


async def test_a_backup_holds_the_dictionaries(store, tmp_path):
    """A backup is read as the archive is."""
    await send(store, range(300))
    await settle(store)
    await send(store, range(300, 400))
    (tmp_path / "copy").mkdir()
    back_up(tmp_path, tmp_path / "copy" / "lethe.db")

    with contextlib.closing(Store.open(tmp_path / "copy")) as copy:
        assert expected(range(400)) == await read(copy)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("DELETE FROM dictionaries", "dictionary 1 is missing"),
        ("UPDATE dictionaries SET bytes = zeroblob(length(bytes))", "dictionary 1 is damaged"),
    ],
)
async def test_a_lost_dictionary_is_told_by_name(store, tmp_path, damage, told):
    """Reading fails as damage, `integrity` names the dictionary, and other turns are read."""
    await send(store, range(300))
    await settle(store)
    await send(store, range(300, 310))
    store.close()
    connection = apsw.Connection(str(tmp_path / "lethe.db"))
    connection.execute(damage)
    assert [Finding("payloads", told)] == find_damage(connection)
    connection.close()

    with contextlib.closing(Store.open(tmp_path)) as again:
        session = await find(again, "kim", KEY)
        part = await read_slice(again, "kim", session.id, TurnPlace.after(-1), 100)
        with pytest.raises(StorageDamaged, match="dictionary 1 of the payloads"):
            await read_slice(again, "kim", session.id, TurnPlace.after(250), 100)

    assert len(part.turns) == 100
