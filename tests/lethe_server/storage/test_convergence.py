"""Storing converges: order, repetition and splitting of what comes change nothing."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from fakes.archive import dump, fresh_database, store
from hypothesis import given, settings
from hypothesis import strategies as st

COUNTS = {
    "turns": "count(*)",
    "prompts": "sum(role = 'user' AND (kind IS NULL OR kind = 'prompt'))",
    "user_turns": "sum(role = 'user')",
    "assistant_turns": "sum(role = 'assistant')",
    "tool_turns": "sum(role = 'tool')",
    "system_turns": "sum(role = 'system')",
    "tool_calls": "sum(calls)",
    "unmapped": "sum(kind IS 'unmapped')",
    "started_at": "min(timestamp)",
    "last_activity": "max(timestamp)",
}
TOKENS = {
    "tokens_in": "input",
    "tokens_out": "output",
    "cache_read": "cache_read",
    "cache_write": "cache_write",
    "reasoning": "reasoning",
    "cost_nano": "cost_nano",
}

small = st.integers(0, 5)
#: A session has another one when something of it was told to who follows.
_VERSIONS = "SELECT session_id, version FROM sessions ORDER BY session_id"


@st.composite
def contents(draw):
    """What a copy of a turn says, apart from its place and the size of its usage."""
    calls = draw(st.integers(0, 2))
    kind = draw(st.sampled_from([None, "prompt", "unmapped", "answer"]))
    return {
        "role": draw(st.sampled_from(["user", "assistant", "tool", "system"])),
        "timestamp": draw(st.one_of(st.none(), small)),
        "content": draw(st.sampled_from(["", "a", "b c", "long " * 100])),
        "model": draw(st.sampled_from([None, "m1", "m2"])),
        "tool_calls": [{"id": str(number), "input": {}} for number in range(calls)],
        "metadata": {} if kind is None else {"kind": kind},
        "cost_usd": draw(st.sampled_from([None, 0.1, 0.2, 0.7])),
        "key": draw(st.sampled_from([None, "k1", "k2", "k3"])),
    }


@st.composite
def metas(draw):
    """What an event says of its session."""
    fields = {
        "title": st.sampled_from(["A", "B", " C \n D"]),
        "title_source": st.sampled_from(["custom", "generated", "summary", "prompt"]),
        "working_dir": st.sampled_from(["~/a", "~/b"]),
        "git_branch": st.sampled_from(["main", "dev"]),
        "relation": st.sampled_from(["fork", "subagent"]),
        "metadata": st.dictionaries(st.sampled_from("xy"), small, max_size=2),
    }
    return draw(st.one_of(st.none(), st.fixed_dictionaries({}, optional=fields)))


@st.composite
def copies(draw):
    """Copies of a few turns of a few sessions, and events of sessions; in any order."""
    said = {}
    lines = []
    for _ in range(draw(st.integers(1, 20))):
        name = (draw(st.sampled_from(["s1", "s2"])), draw(st.sampled_from(["t1", "t2"])))
        version = (draw(st.integers(0, 1)), draw(st.integers(1, 2)))
        event = {"tool": "t", "host": "h", "session_id": name[0], "seq": draw(st.integers(0, 8))}
        meta = draw(metas())
        event["parser_version"] = version[1]
        if meta is not None:
            event["session_meta"] = meta
        if meta is not None and draw(st.booleans()):
            lines.append(json.dumps(event | {"kind": "session"}).encode())
            continue
        if (name, version) not in said:
            said[name, version] = draw(contents())
        content = dict(said[name, version])
        key = content.pop("key")
        if key:
            event["usage"] = {"key": key, "input": draw(small), "output": draw(small)}
        else:
            event |= {"tokens_in": draw(small), "tokens_out": draw(small)}
        event |= {"turn_id": name[1], "revision": version[0], **content}
        lines.append(json.dumps(event).encode())
    return lines


def recount(connection):
    """Compute the figures of each session from its turns, as slowly as can be."""
    figures = {}
    for number, name in connection.execute("SELECT id, session_id FROM sessions").fetchall():
        sums = ", ".join(f"coalesce({sql}, 0)" for sql in list(COUNTS.values())[:8])
        row = connection.execute(
            f"SELECT {sums}, {COUNTS['started_at']}, {COUNTS['last_activity']}"
            " FROM turns WHERE session = ?",
            (number,),
        ).fetchone()
        found = dict(zip(COUNTS, row, strict=True))
        for column, field in TOKENS.items():
            shared = connection.execute(
                f"SELECT coalesce(sum({field}), 0) FROM usage WHERE id IN"
                " (SELECT usage FROM turns WHERE session = ?)",
                (number,),
            ).get
            own = connection.execute(
                f"SELECT coalesce(sum({column}), 0) FROM turns WHERE session = ? AND usage IS NULL",
                (number,),
            ).get
            found[column] = shared + own
        models = connection.execute(
            "SELECT model FROM turns WHERE session = ? AND model IS NOT NULL", (number,)
        )
        found["models"] = Counter(model for (model,) in models)
        first = connection.execute(
            "SELECT content FROM turns WHERE session = ? AND role = 'user'"
            " AND (kind IS NULL OR kind = 'prompt') ORDER BY seq, turn_id LIMIT 1",
            (number,),
        ).get
        found["preview"] = None if first is None else " ".join(first.split())
        figures[name] = found
    return figures


def assert_exact(connection):
    """The figures that are kept equal those that are computed."""
    sessions, _ = dump(connection)
    for name, expected in recount(connection).items():
        session = sessions[name]
        session["models"] = session["state"]["models"]
        preview = expected.pop("preview")
        for field, value in expected.items():
            assert value == session[field], field
        kept = session["preview"]
        assert (preview is None) == (kept is None)
        assert kept is None or preview[:100] == kept[:100]
    stored = connection.execute(
        "SELECT id, input, output, cache_read, cache_write, reasoning, cost_nano FROM usage"
    ).fetchall()
    computed = connection.execute(
        "SELECT usage, max(tokens_in), max(tokens_out), max(cache_read), max(cache_write),"
        " max(reasoning), max(cost_nano) FROM turns WHERE usage IS NOT NULL GROUP BY usage"
    ).fetchall()
    assert sorted(computed) == sorted(stored)


@pytest.mark.promise("P4", "P5", "P6", "I04", "I05", "I06")
@settings(max_examples=120)
@given(lines=copies(), data=st.data())
def test_i04_order_repetition_and_splitting_change_nothing(lines, data):
    """Whatever order, repetition and splitting the same lines come in, the rows are the same."""
    once = fresh_database()
    store(once, lines)

    again = data.draw(st.lists(st.sampled_from(lines), max_size=6), label="repeated")
    order = data.draw(st.permutations([*lines, *again]), label="order")
    cuts = sorted(data.draw(st.sets(st.integers(1, len(order)), max_size=5), label="cuts"))
    split = fresh_database()
    for begin, end in zip([0, *cuts], [*cuts, len(order)], strict=True):
        store(split, order[begin:end])
        assert_exact(split)

    assert_exact(once)
    assert dump(once) == dump(split)


@pytest.mark.promise("I04", "P4")
def test_i04_sending_again_writes_nothing(event):
    """A second sending of the same lines leaves the database untouched."""
    lines = [json.dumps(event(n, session_meta={"title": "T"})).encode() for n in range(5)]
    connection = fresh_database()
    store(connection, lines)
    changes = connection.total_changes()

    outcome = store(connection, lines)

    assert (0, 0, 5, 0) == tuple(outcome)
    assert changes == connection.total_changes()


@pytest.mark.promise("I04", "P4", "P5")
def test_i04_better_copies_that_say_the_same_only_raise_what_they_are_compared_by(event):
    """All that a new parser sends again is neither written nor told anew."""
    connection = fresh_database()
    store(connection, [json.dumps(event(n)).encode() for n in range(5)])
    told = connection.execute(_VERSIONS).fetchall()

    again = [json.dumps(event(n) | {"parser_version": 3}).encode() for n in range(5)]
    other = event(1) | {"parser_version": 2, "content": "older"}

    assert (0, 0, 5, 0) == tuple(store(connection, again))
    assert (0, 0, 1, 0) == tuple(store(connection, [json.dumps(other).encode()]))
    assert [(3,)] == connection.execute("SELECT DISTINCT parser_version FROM turns").fetchall()
    assert told == connection.execute(_VERSIONS).fetchall()


@pytest.mark.promise("I04", "P5", "Q14")
def test_i04_a_greater_revision_of_the_same_is_told(event):
    """Answers hold the revision: who has the one before must not be told that it holds."""
    connection = fresh_database()
    store(connection, [json.dumps(event(1)).encode()])
    told = connection.execute(_VERSIONS).fetchall()

    outcome = store(connection, [json.dumps(event(1) | {"revision": 7}).encode()])

    assert (0, 0, 1, 0) == tuple(outcome)
    assert [(7,)] == connection.execute("SELECT revision FROM turns").fetchall()
    assert told != connection.execute(_VERSIONS).fetchall()


@pytest.mark.promise("I04", "P5")
def test_i04_of_new_copies_that_say_the_same_the_best_rank_counts(event):
    """Both came in one request: a third one is compared with the better."""
    connection = fresh_database()
    copies = [event(1) | {"revision": revision} for revision in (2, 8)]
    store(connection, [json.dumps(copy).encode() for copy in copies])
    store(connection, [json.dumps(event(1) | {"revision": 5, "content": "x"}).encode()])

    rows = connection.execute("SELECT revision, content FROM turns").fetchall()
    assert [(8, event(1)["content"])] == rows


@pytest.mark.promise("I05", "P5")
def test_i05_of_equal_copies_the_first_stays_and_conflicts_are_counted(event):
    """Of one revision and parser version the first stays; a differing one is a conflict."""
    connection = fresh_database()
    store(connection, [json.dumps(event(content="first")).encode()])

    outcome = store(connection, [json.dumps(event(content="second")).encode()])

    assert (0, 0, 1, 1) == tuple(outcome)
    assert "first" == connection.execute("SELECT content FROM turns").get


def test_usage_that_grows_moves_all_sessions_that_share_it(event):
    """When a fork tells more of a reply, the session it was copied from counts that as well."""
    usage = {"key": "msg_1", "input": 10, "output": 1}
    connection = fresh_database()
    store(connection, [json.dumps(event(role="assistant", usage=usage)).encode()])

    more = usage | {"output": 50}
    fork = event(role="assistant", usage=more, session_id="fork")
    store(connection, [json.dumps(fork).encode()])

    rows = connection.execute("SELECT tokens_in, tokens_out FROM sessions").fetchall()
    assert [(10, 50), (10, 50)] == rows


@pytest.mark.promise("A15", "A3")
def test_a15_owners_never_share_a_row(event):
    """The same names of two owners are two sets of rows; changing one leaves the other."""
    line = json.dumps(event(usage={"key": "k", "input": 1})).encode()
    connection = fresh_database()
    store(connection, [line], "alice")
    alone = dump(connection, "alice")

    store(connection, [line], "bob")
    better = event(revision=3, content="other", usage={"key": "k", "input": 99})
    store(connection, [json.dumps(better).encode()], "bob")

    assert alone == dump(connection, "alice")


PLACES = 10


def part_of(part, version, fate):
    """The lines that a version of a parser makes of a part: turns, a stand-in, or nothing."""
    head = {"tool": "t", "host": "h", "session_id": "s", "parser_version": version}
    if fate == "unmapped":
        unmapped = {"code": "MALFORMED", "places": PLACES}
        yield head | {
            "turn_id": f"unmapped-{part * PLACES}",
            "seq": part * PLACES,
            "role": "system",
            "metadata": {"kind": "unmapped", "unmapped": unmapped},
        }
        return
    for index in fate:
        yield head | {
            "turn_id": f"turn-{part}-{index}",
            "seq": part * PLACES + index,
            "role": "user",
            "timestamp": part,
            "content": f"{version} {part} {index}",
        }


fates = st.one_of(st.just("unmapped"), st.sets(st.integers(0, PLACES - 1), max_size=3))


@pytest.mark.promise("P4", "P5", "P9")
@settings(max_examples=120)
@given(
    parts=st.lists(st.dictionaries(st.integers(1, 3), fates, min_size=1), min_size=1, max_size=4),
    data=st.data(),
)
def test_stand_ins_go_in_any_order(parts, data):
    """Of a part, a stand-in stays exactly if no greater parser version has made a turn of it."""
    lines = [
        json.dumps(line).encode()
        for part, versions in enumerate(parts)
        for version, fate in versions.items()
        for line in part_of(part, version, fate)
    ]
    again = data.draw(st.lists(st.sampled_from(lines), max_size=4) if lines else st.just([]))
    order = data.draw(st.permutations([*lines, *again]), label="order")
    cuts = sorted(data.draw(st.sets(st.integers(1, len(order) or 1), max_size=4), label="cuts"))
    split = fresh_database()
    for begin, end in zip([0, *cuts], [*cuts, len(order)], strict=True):
        store(split, order[begin:end])
        assert_exact(split)

    expected = {
        f"unmapped-{part * PLACES}"
        for part, versions in enumerate(parts)
        for failed in [max((v for v, fate in versions.items() if fate == "unmapped"), default=0)]
        if failed
        and not any(v > failed and fate for v, fate in versions.items() if fate != "unmapped")
    }
    rows = split.execute("SELECT turn_id FROM turns WHERE kind IS 'unmapped'")
    assert expected == {name for (name,) in rows}


def test_stand_ins_of_other_sessions_and_owners_stay(event):
    """A turn takes the place of what stands for its own part alone."""
    connection = fresh_database()
    [lost] = part_of(1, 1, "unmapped")
    [turn] = part_of(1, 2, {0})
    for owner, session in (("alice", "s"), ("alice", "other"), ("bob", "s")):
        store(connection, [json.dumps(lost | {"session_id": session}).encode()], owner)

    store(connection, [json.dumps(turn).encode()], "alice")

    left = connection.execute(
        "SELECT o.name, s.session_id FROM turns t JOIN sessions s ON s.id = t.session"
        " JOIN owners o ON o.id = t.owner WHERE t.kind = 'unmapped'"
    )
    assert {("alice", "other"), ("bob", "s")} == set(left.fetchall())
