"""``GET /api/v1/stats`` equals a count in Python that shares nothing with the server."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import defaultdict
from zoneinfo import ZoneInfo

import pytest

from lethe_core.wire import decode_line
from lethe_server.keys import STORE
from lethe_server.storage import prepare_record

TOKENS = {
    "input": "tokens_in",
    "output": "tokens_out",
    "cache_read": "cache_read",
    "cache_write": "cache_write",
    "reasoning": "reasoning",
}
BERLIN = ZoneInfo("Europe/Berlin")
#: The night in which clocks are set back.
BEGIN = dt.datetime(2026, 10, 24, 20, tzinfo=dt.UTC).timestamp()


def make_events(seed):
    """Sessions of two tools with streamed replies, forks and a resumed copy on another host."""
    chance = random.Random(seed)
    events = []
    for tool, number in [
        (tool, number) for tool in ("claude-code", "codex") for number in range(6)
    ]:
        clock = BEGIN + chance.random() * 90_000
        session = []
        for turn in range(12):
            clock += chance.choice([1, 60, 4000]) + 0.25
            place = {"tool": tool, "host": "laptop", "session_id": f"s{number}", "timestamp": clock}
            place["session_meta"] = {"working_dir": f"/src/p{number % 3}"}
            user = {"role": "user", "content": "words", "tokens_in": chance.randrange(5)}
            session.append(place | user)
            numbers = {name: chance.randrange(1000) for name in TOKENS}
            for part in (1, 2, 3):  # streamed: the numbers grow
                usage = {name: value * part // 3 for name, value in numbers.items()}
                usage["key"] = f"{number}-{turn}"
                answer = {"role": "assistant", "usage": usage, "model": f"m{turn % 2}"}
                if tool == "codex":
                    answer["cost_usd"] = numbers["output"] / 1000
                session.append(place | answer | {"timestamp": clock + part})
        for index, event in enumerate(session):
            event |= {"seq": index, "turn_id": f"t{index}"}
        events += session
        if number % 2:
            meta = {"parent_session_id": f"s{number}", "relation": "fork"}
            copied = session[: chance.randrange(10, 40)]
            events += [
                event | {"session_id": f"fork{number}", "session_meta": meta} for event in copied
            ]
        if number % 3 == 0:
            events += [event | {"host": "desk"} for event in session[:20]]
    return events


def label(period, time, zone):
    """Return the day, week or month of a time, as its asker counts."""
    day = dt.datetime.fromtimestamp(time, zone).date()
    if period == "week":
        day -= dt.timedelta(days=day.weekday())
    return day.isoformat()[:7] if period == "month" else day.isoformat()


def count(events, dimensions, zone=dt.UTC, since=0.0, until=1e12):
    """Group and sum events in the plainest way."""
    replies = defaultdict(list)
    for event in events:
        if "usage" in event:
            replies[event["tool"], event["usage"]["key"]].append(event)
    groups = defaultdict(lambda: [set(), 0, *[0] * 5, 0.0])

    def values(event):
        known = event | {"project": event["working_dir"]}
        return tuple(
            label(name, event["timestamp"], zone)
            if name in ("day", "week", "month")
            else known[name]
            for name in dimensions
        )

    for event in events:
        if not since <= event["timestamp"] < until:
            continue
        sums = groups[values(event)]
        sums[0].add((event["tool"], event["host"], event["session_id"]))
        sums[1] += 1
        sums[2] += event.get("tokens_in", 0)
    for copies in replies.values():
        first = min(copies, key=lambda e: (e["timestamp"], e["host"], e["session_id"], e["seq"]))
        if since <= first["timestamp"] < until:
            sums = groups[values(first)]
            for index, name in enumerate(TOKENS):
                sums[2 + index] += max(copy["usage"][name] for copy in copies)
            sums[7] += max(copy.get("cost_usd", 0) for copy in copies)
    names = ("sessions", "turns", *TOKENS.values(), "cost_usd")
    return {
        group: dict(zip(names, (len(sums[0]), *sums[1:7], round(sums[7], 6) or None), strict=True))
        for group, sums in groups.items()
    }


def flattened(events):
    """Events with what the archive knows of their session and turn."""
    directories = {}
    for event in events:
        key = (event["tool"], event["host"], event["session_id"])
        directories.setdefault(key, event["session_meta"].get("working_dir"))
    return [
        {"model": None, **event}
        | {"working_dir": directories[event["tool"], event["host"], event["session_id"]]}
        for event in events
    ]


def grouped(answer):
    """The groups of an answer, by their values."""
    names = answer["group_by"]
    groups = {}
    for group in answer["groups"]:
        values = tuple(group.pop(name) for name in names)
        del group["cost_estimate_usd"]
        group["cost_usd"] = group["cost_usd"] and round(group["cost_usd"], 6)
        groups[values] = group
    assert len(groups) == len(answer["groups"])
    return groups


@pytest.fixture
async def filled(archive):
    """An archive that got the events in disorder, in batches, some of them twice."""

    async def fill(events, seed=0, owner="alice"):
        chance = random.Random(seed)
        sent = [*events, *chance.sample(events, len(events) // 3)]
        chance.shuffle(sent)
        for begin in range(0, len(sent), 97):
            records = [
                prepare_record(decode_line(json.dumps(event).encode()))
                for event in sent[begin : begin + 97]
            ]
            await archive.app[STORE].ingest(owner, records)
        return archive

    return fill


CROSSINGS = ["tool", "host", "day", "week", "month", "model", "project", "role", "day,tool"]


@pytest.mark.promise("P4")
@pytest.mark.parametrize("seed", [1, 2])
async def test_p4_sums_equal_an_independent_count(filled, seed):
    """Forks, resumed copies, streamed records and repeated batches count once, in each group."""
    events = flattened(make_events(seed))
    archive = await filled(make_events(seed), seed)

    for crossing in [*CROSSINGS, "model,role,host", "week,project,tool"]:
        for zone in (dt.UTC, BERLIN):
            answer = await archive.get("/stats", group_by=crossing, tz=str(zone))
            expected = count(events, crossing.split(","), zone)
            assert grouped(answer) == expected, crossing


@pytest.mark.promise("P4")
async def test_p4_totals_are_the_groups_added_up(filled):
    """What is in no group is in no total, and the other way round."""
    archive = await filled(make_events(3))

    answer = await archive.get("/stats", group_by="tool,day")

    for name in ("turns", *TOKENS.values()):
        assert answer["totals"][name] == sum(group[name] for group in answer["groups"]), name


@pytest.mark.promise("Q12")
async def test_q12_spans_of_time_are_exact_to_the_second(filled):
    """`since` and `until` cut through quarters of an hour, and nothing is counted wrong."""
    events = make_events(4)
    archive = await filled(events)
    chance = random.Random(4)
    times = sorted(event["timestamp"] for event in events)

    for _ in range(40):
        since, until = sorted(chance.choice(times) + chance.choice([0, 0.1]) for _ in range(2))
        if chance.random() < 0.3:
            until = since + chance.choice([0, 1, 300])
        answer = await archive.get("/stats", group_by="role,day", since=since, until=until)
        expected = count(flattened(events), ("role", "day"), since=since, until=until)
        assert grouped(answer) == expected


@pytest.mark.promise("P4")
async def test_p4_order_of_arrival_moves_no_figure(filled):
    """The same events in another order give the same answer, to the byte."""
    events = make_events(5)
    archive = await filled(events, seed=1)
    await filled(events[::-1], seed=2, owner="bob")

    for crossing in CROSSINGS:
        answers = [
            await archive.as_user(user).get("/stats", group_by=crossing)
            for user in ("alice", "bob")
        ]
        assert answers[0] == answers[1]


@pytest.mark.promise("A17", "A3")
async def test_a17_figures_do_not_move_while_another_owner_ingests(filled):
    """Whatever others store, the answer stays the same."""
    archive = await filled(make_events(6))
    before = [await archive.get("/stats", group_by=crossing) for crossing in CROSSINGS]

    await filled(make_events(7), owner="bob")

    assert before == [await archive.get("/stats", group_by=crossing) for crossing in CROSSINGS]
