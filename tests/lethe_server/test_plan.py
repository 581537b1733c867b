"""What `lethe up` finds out before it starts anything."""

from __future__ import annotations

import contextlib
import json

import pytest
from fakes.hanging import HangsInDiscover, HangsInRoots, call_within
from fakes.toy import ToyParser

from lethe_core.plugins import ParserRegistry
from lethe_core.wire import decode_line
from lethe_server.storage import Store, prepare_record
from lethe_server.storage.database import open_database, prepare_directory
from lethe_server.up import plan
from lethe_server.up.files import write_settings


@pytest.mark.promise("C40", "P9")
def test_c40_a_plugin_that_hangs_is_not_waited_for(tmp_path, monkeypatch):
    """Its tool has an error, all others are found, and the plan is made."""
    monkeypatch.setattr(plan, "call_within", call_within)
    (tmp_path / "one.jsonl").write_text('{"text": "a"}\n')
    registry = ParserRegistry()
    for parser_type in (HangsInRoots, HangsInDiscover, ToyParser):
        registry.add(parser_type(tmp_path))

    made = plan.make_plan(
        data=tmp_path / "data", listen="127.0.0.1:0", host="box", sources=(), registry=registry
    )

    assert "Mute: its parser has not answered for 30 s" in made.failures
    blind, sound = made.roots
    assert (blind.tool, blind.files) == ("blind", 0)
    assert blind.error == "its parser has not answered for 30 s"
    assert (sound.tool, sound.files, sound.error) == ("toy", 1, "")


def plan_of(data):
    """What is planned with a data directory, without any parser."""
    return plan.make_plan(
        data=data, listen="127.0.0.1:0", host="box", sources=(), registry=ParserRegistry()
    )


def run_as(monkeypatch, account):
    """Be another account from now on."""
    monkeypatch.setattr(plan, "_account_name", lambda: account)


def test_an_archive_keeps_its_user_under_another_account(tmp_path, monkeypatch):
    """A data directory that was moved to a new machine is not empty there."""
    run_as(monkeypatch, "ada")
    first = plan_of(tmp_path)
    write_settings(first.server_file, first.server_settings())
    run_as(monkeypatch, "grace")

    assert (first.owner, plan_of(tmp_path).owner) == ("ada", "ada")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "auth: 5",
        "auth: {allowed_users: 7}",
        "auth: {allowed_users: []}",
        "auth: {allowed_users: [5, 'a\\nb']}",
        "auth: {allowed_users: [ada, grace]}",
    ],
)
def test_a_file_that_names_no_other_user_leaves_the_account(tmp_path, monkeypatch, text):
    """Whatever stands there, the file is written anew."""
    run_as(monkeypatch, "grace")
    (tmp_path / "server.yaml").write_text(text)

    assert plan_of(tmp_path).owner == "grace"


async def test_a_database_alone_tells_whose_it_is(tmp_path, monkeypatch):
    """A backup that was restored on a new machine is not empty there."""
    run_as(monkeypatch, "grace")
    assert plan_of(tmp_path).owner == "grace"  # there is none yet
    event = {"tool": "toy", "host": "box", "session_id": "s", "turn_id": "t", "role": "user"}
    record = prepare_record(decode_line(json.dumps(event | {"seq": 1, "content": "a"}).encode()))
    with contextlib.closing(Store.open(tmp_path)) as store:
        assert plan_of(tmp_path).owner == "grace"
        await store.ingest("ada", [record])
        assert plan_of(tmp_path).owner == "ada"
        await store.ingest("kim", [record])
        assert plan_of(tmp_path).owner == "grace"  # whose archive else?

    (tmp_path / "lethe.db").write_text("no database")
    assert plan_of(tmp_path).owner == "grace"  # the server says what is wrong


@pytest.mark.parametrize("statement", ["PRAGMA user_version", "CREATE TABLE foreign_one (id)"])
def test_a_database_without_users_tells_none(tmp_path, monkeypatch, statement):
    """One that was killed before it had any table, or that is another program's."""
    run_as(monkeypatch, "grace")
    path = prepare_directory(tmp_path)
    with contextlib.closing(open_database(path, writer=True)) as database:
        database.connection().execute(statement)

    assert plan_of(tmp_path).owner == "grace"
