"""The collector while the server, a plugin or a transcript fails it, or it is told to stop."""

from __future__ import annotations

import asyncio
import os

import pytest
from fakes.server import Reply, problem
from fakes.toy import RELEASE
from fakes.waiting import until

from lethe_core.testing import files


@pytest.mark.promise("C12", "P3", "O4")
async def test_c12_deleted_while_the_server_is_away(machine):
    """What the outbox has survives its file; what was never read of it is counted as lost."""
    machine.server.down()
    transcript = machine.transcript().fill(3)
    async with machine.collecting() as collector:
        await until(lambda: collector.shipper.deliveries.waiting)
    size = transcript.path.stat().st_size
    await machine.run_once()  # gives up: the server is away
    transcript.append(text="unread")
    machine.parser.read = _refuse
    await machine.run_once()
    transcript.path.unlink()
    del machine.parser.read
    machine.server.up()

    await machine.run_once()

    assert machine.texts() == ["hello 0", "hello 1", "hello 2"]
    source = machine.source()
    assert (source["state"], source["archived_bytes"]) == ("gone", size)
    assert source["lost_bytes"] > 0
    assert machine.status()["exit_code"] == 2


def _refuse(source, cursor):
    raise PermissionError(13, "Permission denied")


@pytest.mark.promise("C39", "P9")
async def test_c39_parser_that_fails_at_a_record(machine):
    """What was read before a plugin failed is shipped; other sources go on; the error is told."""
    machine.transcript("broken").fill(499).append({"raise": True}).fill(5)
    machine.transcript("one").fill(2)

    await machine.run_once()

    assert len(machine.texts("broken")) == 499
    assert len(machine.texts("one")) == 2
    error = machine.source("broken")["error"]
    assert (error["code"], machine.source("broken")["state"]) == ("PLUGIN_ERROR", "failed")
    assert machine.status()["exit_code"] == 1


@pytest.mark.promise("C42", "P9")
async def test_c42_invalid_events_become_dead_letters(machine):
    """An event that the wire refuses is never sent; all others are."""
    machine.transcript().append({"bad": "session_id"}, {"text": "a"}, {"bad": "tool"})

    await machine.run_once()

    assert machine.texts() == ["a"]
    status = machine.status()
    assert status["dead_letters"] == {"events": 2, "codes": {"INVALID": 2}}
    assert (status["exit_code"], status["tools"]["toy"]["lagging"]) == (2, 0)


@pytest.mark.promise("S01", "P3", "P6")
async def test_s01_outage_with_a_writer(machine):
    """What is written while the server is away waits in the outbox and arrives in order."""
    transcript = machine.transcript().fill(10)
    machine.server.down()
    async with machine.collecting() as collector:
        for _ in range(5):
            waiting = collector.shipper.deliveries.waiting
            transcript.fill(10)
            await until(lambda before=waiting: collector.shipper.deliveries.waiting > before)
        machine.server.up()
        await until(lambda: len(machine.server.events) == 60)
        await until(lambda: not collector.shipper.deliveries.waiting)

    assert machine.status()["outbox"]["batches"] == 0
    assert [event["turn_id"] for event in machine.server.events.values()] == [
        f"one-{n}-0" for n in range(1, 61)
    ]


@pytest.mark.promise("S02", "P3", "P10")
async def test_s02_full_outbox_stops_reading(machine):
    """When the outbox is full the files are the queue; nothing is dropped."""
    machine.settings["outbox_max_bytes"] = 4096
    machine.settings["batch_max_lines"] = 10
    transcript = machine.transcript()
    for number in range(300):
        transcript.append(text=os.urandom(64).hex(), n=number)
    machine.server.down()
    async with machine.collecting() as collector:
        await until(lambda: collector.shipper.outbox_is_full)
        await until(lambda: collector.shipper.deliveries.failures >= 3)
        status = machine.status()
        assert status["outbox"]["full"]
        assert status["tools"]["toy"]["lagging"] == 1
        assert any("OUTBOX_FULL" in sentence for sentence in status["attention"])
        machine.server.up()
        await until(lambda: len(machine.server.events) == 300)

    assert machine.status()["outbox"]["batches"] == 0


@pytest.mark.promise("S03", "P3", "P10", "O4")
async def test_s03_lost_because_the_outbox_was_full(machine):
    """What was never read because the outbox was full is counted, and status exits with 3."""
    machine.settings["outbox_max_bytes"] = 1
    machine.settings["batch_max_lines"] = 10
    transcript = machine.transcript().fill(100)
    machine.server.down()
    async with machine.collecting() as collector:
        await until(lambda: collector.shipper.deliveries.failures >= 3)
        await until(lambda: machine.source()["records"] == 10)
        transcript.path.unlink()
        await until(lambda: machine.source()["state"] == "gone")
        machine.server.up()
        await until(lambda: collector.shipper.is_idle)

    assert len(machine.texts()) >= 10
    assert machine.source()["lost_bytes"] > 0
    assert machine.status()["exit_code"] == 3


@pytest.mark.promise("S03", "C05", "C07", "P3", "O4")
@pytest.mark.parametrize("how", ["replaced", "truncated", "deleted and made anew"])
async def test_s03_what_a_rewritten_file_held_unread_is_lost(machine, how):
    """What was seen and never read stays counted, though the path holds something else now."""
    transcript = machine.transcript().fill(3)
    await machine.run_once()
    read = transcript.path.stat().st_size
    transcript.append(text="unread" * 100)
    unread = transcript.path.stat().st_size - read
    machine.parser.read = _refuse
    await machine.run_once()
    other = files.json_line({"n": 50, "text": "other"})
    if how == "replaced":
        files.replace(transcript.path, other)
    elif how == "truncated":
        files.copy_truncate(transcript.path, other)
    else:
        transcript.path.unlink()
        await machine.run_once()
        assert machine.source()["lost_bytes"] == unread
        transcript.path.write_bytes(other)
    del machine.parser.read
    await machine.run_once()
    transcript.append(text="goes on")
    await machine.run_once()

    assert (machine.source()["generation"], machine.source()["lost_bytes"]) == (1, unread)
    assert machine.status()["exit_code"] == 2


@pytest.mark.promise("C05", "O4")
async def test_c05_what_a_new_file_holds_unread_is_no_loss_of_the_old_one(machine):
    """A file that was read is replaced, and the new one grows before it can be read."""
    transcript = machine.transcript().fill(3)
    await machine.run_once()
    machine.parser.read = _refuse
    for count in (1, 30):
        files.replace(
            transcript.path,
            b"".join(files.json_line({"n": n, "text": "new"}) for n in range(50, 50 + count)),
        )
        await machine.run_once()
    del machine.parser.read
    await machine.run_once()

    assert (machine.source()["generation"], machine.source()["lost_bytes"]) == (1, 0)


@pytest.mark.promise("C05", "O4")
async def test_c05_what_was_read_of_a_rewritten_file_is_no_loss(machine):
    """However often a file is rewritten: what had been read is archived."""
    transcript = machine.transcript()
    for number in range(3):
        files.replace(transcript.path, files.json_line({"n": number, "text": "x" * number}))
        await machine.run_once()

    assert (machine.source()["generation"], machine.source()["lost_bytes"]) == (2, 0)
    assert machine.status()["exit_code"] == 0


@pytest.mark.promise("S06", "P3", "P12")
async def test_s06_refused_token_keeps_everything(machine):
    """While the token is refused all is kept and the alarm is on; afterwards all arrives."""
    machine.server.judge = lambda _lines: problem(401, "UNAUTHORIZED")
    machine.transcript().fill(5)
    async with machine.collecting() as collector:
        await until(lambda: collector.shipper.deliveries.failures >= 3)
        assert machine.status()["server"]["state"] == "AUTH"
        assert machine.status()["exit_code"] == 1
        machine.token_file.write_text("lethe_other")
        machine.server.judge = lambda _lines: None
        await until(lambda: len(machine.texts()) == 5)

    assert machine.server.requests[-1].headers["authorization"] == "Bearer lethe_other"
    assert machine.status()["exit_code"] == 0


@pytest.mark.promise("S18", "P3")
async def test_s18_single_event_then_silence(machine):
    """One event is delivered although no other follows it."""
    machine.settings["poll_interval"] = 3600.0
    transcript = machine.transcript()
    async with machine.collecting():
        transcript.append(text="alone")

        await until(lambda: machine.texts() == ["alone"])


@pytest.mark.promise("C27", "P14")
async def test_c27_stopped_during_a_slow_request(machine, monkeypatch):
    """A stop does not wait for a server that does not answer; what it has not acked is kept."""
    monkeypatch.setattr("lethe_collector.collector.GRACE_SECONDS", 0.1)
    machine.server.script.append(Reply(hang=True))
    machine.transcript().fill(3)
    async with machine.collecting() as collector:
        await until(lambda: machine.server.requests)
        collector.stop()

    assert machine.source()["archived_bytes"] == 0
    await machine.run_once()
    assert len(machine.texts()) == 3


@pytest.mark.promise("C40", "P9")
async def test_c40_parser_that_hangs(machine, monkeypatch):
    """A plugin that hangs is marked as stalled; other sources of it go on."""
    monkeypatch.setattr("lethe_collector.reader.STALL_SECONDS", 0.2)
    RELEASE.clear()
    try:
        machine.transcript("hangs").append({"hang": True})
        async with machine.collecting():
            await until((machine.state_dir / "state.db").exists)
            await until(lambda: machine.status()["tools"].get("toy", {}).get("failing") == 1)
            # A busy machine may take longer than that for what does not hang.
            monkeypatch.setattr("lethe_collector.reader.STALL_SECONDS", 60.0)
            machine.transcript("one").fill(2)
            await until(lambda: len(machine.texts("one")) == 2)
        assert machine.source("hangs")["state"] == "stalled"
    finally:
        RELEASE.set()


@pytest.mark.promise("C40", "P9")
async def test_c40_single_run_does_not_end_before_it_is_written_down(machine, monkeypatch):
    """Whatever happens while it is written that a source stalled, `status` tells it afterwards."""
    monkeypatch.setattr("lethe_collector.reader.STALL_SECONDS", 0.1)

    async def late(function, *arguments):
        """Have the collector look whether all is done before a thread takes the work."""
        collector._note_change()
        for _ in range(50):
            await asyncio.sleep(0)
        return function(*arguments)

    RELEASE.clear()
    try:
        machine.transcript().append({"hang": True})
        monkeypatch.setattr("lethe_collector.reader.asyncio.to_thread", late)
        async with machine.collecting(once=True) as collector:
            pass
        assert machine.source()["state"] == "stalled"
    finally:
        RELEASE.set()


async def test_give_up_leaves_everything_in_the_outbox(machine):
    """A single run ends although the server is away; what was read waits on disk."""
    machine.server.down()
    machine.transcript().fill(3)

    await machine.run_once()

    status = machine.status()
    assert (status["exit_code"], status["outbox"]["batches"]) == (1, 1)
    assert status["server"]["state"] == "UNREACHABLE"
