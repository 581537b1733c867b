"""From transcripts to the server, through all of the collector but its process."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from fakes.notes import SCHEMA, NoteParser, closing, put
from fakes.server import Reply
from fakes.waiting import until

from lethe_collector.collector import Collector
from lethe_collector.outbox import Outbox


async def test_archives_what_is_there(machine):
    """Each turn of each transcript arrives once, and `status` says so."""
    machine.transcript("one").fill(700)
    machine.transcript("two").fill(3).append({"skip": "snapshot"})

    await machine.run_once()

    assert machine.texts("one") == [f"hello {n}" for n in range(700)]
    assert len(machine.texts("two")) == 3
    status = machine.status()
    assert (status["exit_code"], status["attention"]) == (0, [])
    tool = status["tools"]["toy"]
    assert (tool["files"], tool["archived"], tool["lagging"]) == (2, 2, 0)
    assert (tool["turns"], tool["records"], tool["skipped"]) == (703, 704, {"snapshot": 1})


async def test_single_run_sends_what_waited(machine, monkeypatch):
    """A scan that is done before the outbox was looked at does not end the run."""
    machine.server.script += [Reply(503)] * 40
    machine.transcript().fill(3)
    await machine.run_once()
    machine.server.script.clear()
    assert machine.texts() == []
    looked = threading.Event()
    size, note_scan = Outbox.size, Collector._note_scan

    async def look():
        for _ in range(50):  # turns of the loop, in which the run could come to its end
            await asyncio.sleep(0)
        looked.set()

    def note_then_look(self, follower):
        note_scan(self, follower)
        self.looking = asyncio.ensure_future(look())

    monkeypatch.setattr(Outbox, "size", lambda self: looked.wait(30) and size(self))
    monkeypatch.setattr(Collector, "_note_scan", note_then_look)

    await machine.run_once()

    assert machine.texts() == ["hello 0", "hello 1", "hello 2"]
    assert machine.status()["outbox"]["batches"] == 0


async def test_events_carry_the_configured_host(machine):
    """The host is the collector's to set."""
    machine.transcript().fill(1)

    await machine.run_once()

    assert [event["host"] for event in machine.server.events.values()] == ["box"]


async def test_small_sources_share_requests(machine):
    """Many small transcripts do not take many requests."""
    machine.settings["batch_max_age"] = 60.0  # however long it takes to read them
    for number in range(120):
        machine.transcript(f"s{number}").fill(2)

    await machine.run_once()

    assert len(machine.server.events) == 240
    assert len(machine.server.requests) <= 4


async def test_second_run_sends_nothing(machine):
    """What was archived is neither opened nor sent again."""
    machine.transcript().fill(5)
    await machine.run_once()
    machine.server.requests.clear()
    opened = []
    machine.parser.identify = opened.append
    machine.parser.read = opened.append

    await machine.run_once()

    assert (machine.server.requests, opened) == ([], [])


async def test_improved_parser_reads_history_again(machine):
    """A greater parser version sends everything once more, of the same generation."""
    machine.transcript().fill(5)
    await machine.run_once()
    machine.server.requests.clear()
    type(machine.parser).version = 2
    try:
        await machine.run_once()
    finally:
        type(machine.parser).version = 1

    lines = [line for request in machine.server.requests for line in request.lines]
    assert len(lines) == 5
    assert all(b'"parser_version":2' in line for line in lines)
    assert (machine.source()["generation"], machine.source()["turns"]) == (0, 5)


async def test_append_arrives_without_a_scan(machine, armed):
    """A change of a known transcript is seen by the watch, long before the next scan."""
    machine.settings["poll_interval"] = 3600.0
    transcript = machine.transcript().fill(1)
    async with machine.collecting():
        await until(lambda: armed and machine.texts() == ["hello 0"])

        transcript.append(text="more")

        await until(lambda: machine.texts() == ["hello 0", "more"])


async def test_database_that_is_named_itself_is_followed(machine, tmp_path, armed):
    """What a tool writes into the log of a database arrives long before the next scan."""

    class Notes(NoteParser):
        tool = "toy"

    path = tmp_path / "notes.db"
    machine.parser = Notes()
    machine.settings.update(poll_interval=3600.0, sources={"toy": [path]})
    with closing(path) as tool:
        tool.execute("PRAGMA journal_mode=WAL")
        tool.execute(SCHEMA)
        put(tool, "m1", 1000, "one")
        async with machine.collecting():
            await until(lambda: armed and machine.texts("s1") == ["one"])

            put(tool, "m2", 1001, "two")

            await until(lambda: machine.texts("s1") == ["one", "two"])


async def test_new_transcript_arrives_without_waiting_for_the_interval(machine, armed):
    """A directory that appears with a transcript in it is seen by the watch."""
    machine.settings["poll_interval"] = 3600.0
    machine.transcript("one").fill(1)
    async with machine.collecting():
        await until(lambda: armed and len(machine.server.events) == 1)

        machine.transcript("two").fill(1)
        (machine.root / "late").mkdir()
        shutil.copy(machine.root / "project" / "two.jsonl", machine.root / "late" / "three.jsonl")

        await until(lambda: len(machine.server.events) == 3)


@pytest.mark.promise("C02", "P7")
async def test_c02_torn_tail_waits_for_its_end(machine):
    """A last line without its end is not sent; once completed, it is sent once."""
    transcript = machine.transcript().fill(1)
    end = transcript.path.stat().st_size
    transcript.write(b'{"n": 2, "text": "to')
    for _ in range(3):
        await machine.run_once()
        assert machine.texts() == ["hello 0"]
        assert machine.source()["archived_bytes"] == end

    transcript.write(b'rn"}\n')
    await machine.run_once()

    assert machine.texts() == ["hello 0", "torn"]
    assert set(machine.server.sent.values()) == {1}


@pytest.mark.promise("C03", "P7")
async def test_c03_cut_inside_a_character(machine):
    """A write that ends within an emoji does no harm to its text."""
    data = '{"n": 1, "text": "a 😀 b"}\n'.encode()
    transcript = machine.transcript()
    transcript.write(data[: data.index(b"\xf0") + 2])
    await machine.run_once()
    assert machine.server.events == {}

    transcript.write(data[data.index(b"\xf0") + 2 :])
    await machine.run_once()

    assert machine.texts() == ["a 😀 b"]
    assert machine.source()["unmapped"] == 0


@pytest.mark.promise("C05", "P8")
async def test_c05_truncated_and_written_shorter(machine):
    """A truncated transcript is a new generation; its turns arrive, the old ones stay."""
    transcript = machine.transcript().fill(5)
    await machine.run_once()

    transcript.path.write_bytes(b'{"n": 9, "text": "new"}\n')
    await machine.run_once()

    assert sorted(machine.texts()) == sorted([*(f"hello {n}" for n in range(5)), "new"])
    assert machine.source()["generation"] == 1


@pytest.mark.promise("C06", "P8")
async def test_c06_truncated_and_regrown_beyond_the_cursor(machine):
    """A transcript that was replaced by a longer one is read from its beginning."""
    transcript = machine.transcript().fill(3, "old")
    await machine.run_once()

    transcript.path.write_bytes(b"")
    transcript.count = 100
    transcript.fill(9, "a longer text")
    await machine.run_once()

    assert machine.texts()[3:] == [f"a longer text {n}" for n in range(9)]
    assert (machine.source()["generation"], machine.source()["unmapped"]) == (1, 0)


@pytest.mark.promise("C09", "P8")
async def test_c09_copy_is_another_source(machine):
    """A copied transcript is a session of its own; neither disturbs the other."""
    transcript = machine.transcript("one").fill(3)
    await machine.run_once()
    shutil.copy(transcript.path, transcript.path.with_name("copy.jsonl"))
    transcript.append(text="only here")

    await machine.run_once()

    assert len(machine.texts("one")) == 4
    assert len(machine.texts("copy")) == 3
    assert machine.source("copy")["generation"] == 0


@pytest.mark.promise("C10", "P8")
async def test_c10_moved_directory_keeps_its_cursor(machine):
    """A directory that was renamed while nobody looked is recognised; nothing is sent again."""
    machine.transcript("one").fill(4)
    await machine.run_once()
    machine.server.requests.clear()
    (machine.root / "project").rename(machine.root / "elsewhere")

    await machine.run_once()

    assert machine.server.requests == []
    assert [source["path"] for source in machine.status()["sources"]] == [
        str(machine.root / "elsewhere" / "one.jsonl")
    ]


@pytest.mark.promise("C20", "P4", "P6")
async def test_c20_same_id_five_times(machine):
    """A record that a tool repeats arrives under the same id, and keeps its first place."""
    transcript = machine.transcript()
    for number in range(5):
        transcript.append({"n": 1, "text": f"copy {number}"}, {"text": f"other {number}"})

    await machine.run_once()

    ids = [event["turn_id"] for event in machine.server.events.values()]
    assert ids.count("one-1-0") == 1
    assert machine.texts()[0] == "copy 0"
    assert len(ids) == 6


@pytest.mark.promise("C24", "P9")
async def test_c24_what_is_no_readable_file_is_left_out(machine):
    """A FIFO, a directory and a link to nowhere stop nobody, and nothing waits for them."""
    folder = machine.transcript("one").fill(2).path.parent
    os.mkfifo(folder / "fifo.jsonl")
    (folder / "dir.jsonl").mkdir()
    (folder / "loop.jsonl").symlink_to("loop.jsonl")

    await machine.run_once()

    assert len(machine.texts("one")) == 2
    states = {Path(s["path"]).name: s["state"] for s in machine.status()["sources"]}
    assert states == {"fifo.jsonl": "unreadable", "one.jsonl": "active"}
    assert machine.status()["exit_code"] == 1


async def test_missing_places_are_no_error(machine):
    """A tool that was never used here is told, and is no reason for alarm."""
    shutil.rmtree(machine.root)

    await machine.run_once()

    root = machine.status()["tools"]["toy"]["roots"][0]
    assert (root["exists"], machine.status()["exit_code"]) == (False, 0)


async def test_place_that_appears_later_is_watched(machine, armed):
    """A tool that is used for the first time while the collector runs is seen."""
    shutil.rmtree(machine.root)
    machine.settings["poll_interval"] = 3600.0
    async with machine.collecting():
        await until(lambda: armed)
        machine.transcript("one").fill(1)

        await until(lambda: len(machine.texts("one")) == 1)


async def test_no_descriptor_stays_open(machine):
    """Nothing of a source is held open once it was read (P16)."""
    machine.transcript().fill(3)
    async with machine.collecting():
        await until(lambda: len(machine.texts()) == 3)
        links = open_files()

    assert [link for link in links if link.endswith(".jsonl")] == []


def open_files():
    """List what this process has open; threads close some of it meanwhile."""
    links = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            links.append(str(entry.readlink()))
    return links


async def test_cancelled_runs_leave_no_task(machine):
    """Every task that a run begins ends with it."""
    machine.transcript().fill(3)
    before = asyncio.all_tasks()

    await machine.run_once()

    assert asyncio.all_tasks() - before == set()


async def test_record_that_does_not_fit_is_visited_twice(machine):
    """A record that is too large for what is left of a batch is not asked for again and again."""
    machine.settings |= {"batch_max_bytes": 100_000, "batch_max_age": 60.0}
    transcript = machine.transcript()
    for _ in range(10):
        transcript.append({"text": "x" * 60_000})
    reads = []
    read = machine.parser.read

    def counted(source, cursor):
        reads.append(cursor)
        return read(source, cursor)

    machine.parser.read = counted

    await machine.run_once()

    assert len(machine.texts()) == 10
    assert len(reads) <= 20
