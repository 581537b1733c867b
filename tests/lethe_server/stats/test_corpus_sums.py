"""Statistics of real transcripts equal counts that share nothing with the server."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import defaultdict

import pytest

from lethe_core import TurnEvent
from lethe_core.errors import SourceError
from lethe_core.plugins import load_parsers
from lethe_core.testing import read_events, wire_lines
from lethe_core.wire import decode_line
from lethe_server.keys import STORE
from lethe_server.storage import prepare_record

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FIELDS = ("input", "output", "cache_read", "cache_write", "reasoning")


def read_corpus(corpus):
    """The events of all tools; each source is of a host of its own."""
    events = []
    for parser in load_parsers():
        root = corpus / parser.tool
        sources = parser.discover(root) if root.is_dir() else []
        for number, source in enumerate(sources):
            try:
                found = read_events(parser, source)
            except SourceError:  # a source that is broken on purpose; anything else is a defect
                continue
            for event in found:
                event.host = f"host{number}"
            events += found
    return events


async def send(archive, events):
    """Store events in batches, and return them as they were sent."""
    lines = wire_lines(events)
    for begin in range(0, len(lines), 400):
        records = [prepare_record(decode_line(line)) for line in lines[begin : begin + 400]]
        await archive.app[STORE].ingest("alice", records)


def day_of(time):
    """The day of a time in UTC."""
    return None if time is None else dt.datetime.fromtimestamp(time, dt.UTC).date().isoformat()


def count(events):
    """Turns and tokens by tool and day: of each turn the best copy, of each reply the most."""
    turns = {}
    for event in events:
        if not isinstance(event, TurnEvent):
            continue
        name = (event.tool, event.host, event.session_id, event.turn_id)
        rank = (event.revision, event.parser_version)
        if name not in turns or rank > turns[name][0]:
            turns[name] = (rank, event)
    sums = defaultdict(lambda: [0] * 6)
    replies = defaultdict(list)
    for (tool, host, session, turn_id), (_, event) in turns.items():
        group = sums[tool, day_of(event.timestamp)]
        group[0] += 1
        if event.usage is None:
            group[1] += event.tokens_in or 0
            group[2] += event.tokens_out or 0
        else:
            place = (event.timestamp is None, event.timestamp or 0, host, session, turn_id)
            replies[tool, event.usage.key].append((place, event))
    for (tool, _), copies in replies.items():
        first = min(copies, key=lambda copy: copy[0])[1]
        group = sums[tool, day_of(first.timestamp)]
        for index, field in enumerate(FIELDS, 1):
            group[index] += max(getattr(event.usage, field) for _, event in copies)
    return {key: tuple(group) for key, group in sums.items()}


async def answered(archive, **parameters):
    """The same figures as the server answers them."""
    answer = await archive.get("/stats", group_by="tool,day", **parameters)
    names = ("turns", "tokens_in", "tokens_out", "cache_read", "cache_write", "reasoning")
    return {
        (each["tool"], each["day"]): tuple(each[name] for name in names)
        for each in answer["groups"]
    }


@pytest.mark.promise("P4")
async def test_p4_sums_over_the_corpus_equal_a_count_of_its_events(archive, corpus):
    """Per tool and day, with forks, resumes, streamed records, and batches that are sent again."""
    events = read_corpus(corpus)
    chance = random.Random(3)
    order = list(events)
    chance.shuffle(order)

    await send(archive, order)
    once = await answered(archive)
    await send(archive, chance.sample(events, len(events) // 3))

    assert len(events) > 10_000
    assert once == count(order)
    assert once == await answered(archive)


def time_of(text):
    """Unix seconds of a time of a line; `None` if it is none."""
    try:
        return dt.datetime.fromisoformat(text).timestamp()
    except (ValueError, TypeError):
        return None


def count_lines(root):
    """Output tokens of Claude Code by day, from the lines of the transcripts alone.

    A reply is named by its message and request; its day is that of its first line.
    """
    first, most = {}, {}
    for path in root.rglob("*.jsonl"):
        for number, line in enumerate(path.read_bytes().split(b"\n")[:-1]):
            try:
                record = json.loads(line)
            except ValueError:
                continue
            message = record.get("message") if isinstance(record, dict) else None
            if not isinstance(message, dict) or record.get("type") != "assistant":
                continue
            if message.get("content") is None:
                continue  # no reply: archived as what cannot be mapped
            usage = message.get("usage")
            if not isinstance(usage, dict) or message.get("model") == "<synthetic>":
                continue
            name, request = message.get("id"), record.get("requestId")
            key = (name, request) if name else record.get("uuid") or f"{path}#{number}"
            first.setdefault(key, []).append(time_of(record.get("timestamp")))
            most[key] = max(usage.get("output_tokens") or 0, most.get(key, 0))
    days = defaultdict(int)
    for key, output in most.items():
        days[day_of(min((time for time in first[key] if time is not None), default=None))] += output
    return {day: output for day, output in days.items() if output}


@pytest.mark.promise("P4")
async def test_p4_output_of_claude_code_equals_a_count_of_lines(archive, corpus):
    """Per day, the tokens are those that a reading of the raw lines finds, each reply once."""
    events = [event for event in read_corpus(corpus) if event.tool == "claude-code"]
    await send(archive, events)

    found = await answered(archive, tool="claude-code")

    days = {day: figures[2] for (_, day), figures in found.items() if figures[2]}
    assert days == count_lines(corpus / "claude-code")
