"""``GET /api/v1/stats``: answers, parameters, days and owners."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

FIGURES = [
    "sessions",
    "turns",
    "tokens_in",
    "tokens_out",
    "cache_read",
    "cache_write",
    "reasoning",
    "cost_usd",
    "cost_estimate_usd",
]


def at(text, zone="UTC"):
    """Unix seconds of a local time."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


async def days(archive, **parameters):
    """The number of turns of each day."""
    answer = await archive.get("/stats", group_by="day", **parameters)
    return {group["day"]: group["turns"] for group in answer["groups"]}


async def test_answer_has_all_fields_in_order(archive, event):
    """The answer says what was asked, the totals, and each group."""
    usage = {"key": "k", "input": 1, "output": 2, "cache_read": 3, "cache_write": 4, "reasoning": 5}
    await archive.send(event(1), event(2, role="assistant", usage=usage, cost_usd=0.5))

    answer = await archive.get("/stats", group_by="role,model", tz="Europe/Berlin")

    assert list(answer) == [
        "group_by",
        "since",
        "until",
        "tz",
        "totals",
        "groups",
        "estimate",
    ]
    assert (answer["group_by"], answer["tz"]) == (["role", "model"], "Europe/Berlin")
    assert dict(zip(FIGURES, (1, 2, 1, 2, 3, 4, 5, 0.5, None), strict=True)) == answer["totals"]
    assert [list(group) for group in answer["groups"]] == [["role", "model", *FIGURES]] * 2
    assert [group["role"] for group in answer["groups"]] == ["assistant", "user"]


async def test_empty_archive_has_zeros(archive):
    """Who has stored nothing has no groups and totals of zero."""
    answer = await archive.get("/stats", group_by="day")

    assert (answer["groups"], answer["totals"]["turns"]) == ([], 0)


async def test_cost_is_absent_where_no_tool_reports_it(archive, event):
    """Without a reported price there is none, whatever is estimated."""
    await archive.send(event(1, role="assistant", usage={"key": "k", "output": 9}))

    assert (await archive.get("/stats"))["totals"]["cost_usd"] is None


async def test_dimensions_cross_with_commas_and_repeated(archive, event):
    """`group_by` may come several times; nothing else may, and a dimension may not either."""
    await archive.send(event(1), event(2, role="assistant"))
    headers = {"Remote-User": "alice"}

    async def ask(query):
        answer = await archive.client.get(f"/api/v1/stats?{query}", headers=headers)
        return answer.status, await answer.json()

    joined = await ask("group_by=tool,role,host")
    assert joined == await ask("group_by=tool&group_by=role,host")
    assert ["tool", "role", "host"] == joined[1]["group_by"]
    for wrong in ("group_by=tool&group_by=tool", "group_by=tool&group_by=", "tool=a&tool=b"):
        assert 400 == (await ask(wrong))[0]


async def test_sessions_are_those_of_the_list(archive, event):
    """A session of which no turn has come counts, unless turns or a time are asked for."""
    title = {"session_meta": {"title": "Garden", "working_dir": "/src/garden"}}
    await archive.send(
        event(1), {"kind": "session", **event(2, session_id="s2", turn_id=..., role=...)} | title
    )

    listed = (await archive.get("/sessions"))["total"]
    stats = await archive.get("/stats", group_by="project")
    tools = (await archive.get("/tools"))["tools"]
    projects = (await archive.get("/projects"))["projects"]

    assert 2 == listed == stats["totals"]["sessions"] == sum(each["sessions"] for each in tools)
    assert [(None, 1, 1), ("/src/garden", 1, 0)] == [
        (each["project"], each["sessions"], each["turns"]) for each in stats["groups"]
    ]
    assert {None: 1, "/src/garden": 1} == {each["project"]: each["sessions"] for each in projects}
    for asked in ({"since": "0"}, {"role": "user"}):
        assert 1 == (await archive.get("/stats", **asked))["totals"]["sessions"]
    assert ["user"] == [
        each["role"] for each in (await archive.get("/stats", group_by="role"))["groups"]
    ]


async def test_turns_without_a_time_stand_in_no_period(archive, event):
    """They count in the totals, and in no span of time."""
    await archive.send(event(1, timestamp=None), event(2, timestamp=at("2026-05-05")))

    assert await days(archive) == {None: 1, "2026-05-05": 1}
    assert await days(archive, since="0") == {"2026-05-05": 1}


@pytest.mark.promise("Q12")
async def test_q12_last_millisecond_belongs_to_its_day(archive, event):
    """23:59:59.999 is of the day that ends, midnight of the one that begins."""
    zone = "America/New_York"
    await archive.send(
        event(1, timestamp=at("2026-02-01 23:59:59.999", zone)),
        event(2, timestamp=at("2026-02-02 00:00", zone)),
    )

    assert await days(archive, tz=zone) == {"2026-02-01": 1, "2026-02-02": 1}
    assert await days(archive) == {"2026-02-02": 2}


@pytest.mark.promise("Q12")
@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/New_York", "2026-03-08", 23),
        ("America/New_York", "2026-11-01", 25),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Asia/Kathmandu", "2026-04-05", 24),
    ],
)
async def test_q12_day_of_the_asker_has_all_its_hours(archive, event, zone, day, hours):
    """A day has 23 or 25 hours where clocks are set, and holds each quarter of them."""
    begin = at(f"{day} 00:00", zone)
    quarters = range(-8, 27 * 4)
    await archive.send(*(event(10 + number, timestamp=begin + number * 900) for number in quarters))

    found = await days(archive, tz=zone)
    until = dt.date.fromisoformat(day) + dt.timedelta(days=1)

    assert found[day] == hours * 4
    assert await days(archive, tz=zone, since=day, until=until.isoformat()) == {day: hours * 4}


@pytest.mark.promise("Q12")
async def test_q12_weeks_begin_on_monday_and_months_on_the_first(archive, event):
    """A week is named by its Monday, a month by its number."""
    await archive.send(
        event(1, timestamp=at("2026-11-01 23:00")),
        event(2, timestamp=at("2026-11-02 01:00")),
        event(3, timestamp=at("2026-10-31 23:30")),
    )

    weeks = await archive.get("/stats", group_by="week", tz="UTC")
    months = await archive.get("/stats", group_by="month", tz="Europe/Paris")

    assert [(each["week"], each["turns"]) for each in weeks["groups"]] == [
        ("2026-10-26", 2),
        ("2026-11-02", 1),
    ]
    assert [(each["month"], each["turns"]) for each in months["groups"]] == [("2026-11", 3)]


async def test_times_at_the_ends_of_the_calendar_are_counted(archive, event):
    """A turn of 1970 and one of the year 9999 have their days."""
    await archive.send(event(1, timestamp=0), event(2, timestamp=253_402_300_799))

    assert await days(archive) == {"1970-01-01": 1, "9999-12-31": 1}


async def test_filters_choose_turns(archive, event):
    """Tool, host, project, model and role narrow what is counted."""
    await archive.send(
        event(1),
        event(2, tool="codex", session_id="s2"),
        event(3, host="desk"),
        event(4, role="assistant", model="m1"),
        event(5, session_id="s3", session_meta={"working_dir": "/src/garden"}),
    )

    async def turns(**parameters):
        return (await archive.get("/stats", **parameters))["totals"]["turns"]

    assert await turns() == 5
    assert await turns(tool="codex") == 1
    assert await turns(host="desk") == 1
    assert await turns(project="garden") == 1
    assert await turns(project="arden") == 0
    assert await turns(model="m1", role="assistant") == 1
    assert await turns(role="user", tool="claude-code") == 3


@pytest.mark.promise("Q11", "Q12", "A9")
@pytest.mark.parametrize(
    "parameters",
    [
        {"tz": "../../etc"},
        {"tz": "Europe"},
        {"tz": ""},
        {"tz": "Nowhere/Land"},
        {"since": "yesteryear"},
        {"since": "1e3"},
        {"since": "10000-01-01"},
        {"since": "1000-01-01"},
        {"since": "2026-02-01", "until": "2026-01-01"},
        {"group_by": "colour"},
        {"group_by": ""},
        {"group_by": "tool,tool"},
        {"group_by": "day,month"},
        {"group_by": "tool,host,model,role"},
        {"role": "robot"},
        {"limit": "5"},
    ],
    ids=str,
)
async def test_q11_wrong_parameter_is_refused_by_name(archive, parameters):
    """Unknown and wrong parameters are a 400 that names the parameter."""
    problem = await archive.get("/stats", status=400, **parameters)

    assert (problem["code"], problem["parameter"]) == ("INVALID", next(iter(parameters)))


@pytest.mark.promise("Q11")
async def test_q11_repeated_parameter_is_refused(archive):
    """A parameter that is given twice is a 400."""
    answer = await archive.client.get(
        "/api/v1/stats?tz=UTC&tz=UTC", headers={"Remote-User": "alice"}
    )

    assert answer.status == 400


@pytest.mark.promise("Q11")
async def test_q11_too_many_groups_are_refused(archive, event, monkeypatch):
    """An answer without an end is a 400 that says how to ask for less."""
    monkeypatch.setattr("lethe_server.stats.handler.MAX_GROUPS", 2)
    await archive.send(*(event(n, timestamp=n * 86400.0) for n in range(3)))

    problem = await archive.get("/stats", status=400, group_by="day")

    assert problem["parameter"] == "group_by"
    assert problem["hint"]


@pytest.mark.promise("A14", "A3")
@pytest.mark.parametrize("owner", ["alice", "bob", "*", "", "Alice"])
async def test_a14_only_admins_ask_for_an_owner(archive, event, owner):
    """Whatever the value, `owner` is 403 for all but admins."""
    problem = await archive.get("/stats", status=403, owner=owner)

    assert problem["code"] == "FORBIDDEN"


@pytest.mark.promise("A15", "A3")
async def test_a15_each_owner_counts_alone(archive, event):
    """Equal names of another owner's sessions and replies add nothing; admins may ask for them."""
    usage = {"key": "k", "output": 5}
    await archive.send(event(1, usage=usage))
    await archive.as_user("bob").send(event(1, usage=usage), event(2, usage=usage | {"output": 9}))

    mine = await archive.get("/stats")
    his = await archive.as_user("root").get("/stats", owner="bob")

    assert (mine["totals"]["turns"], mine["totals"]["tokens_out"]) == (1, 5)
    assert (his["totals"]["turns"], his["totals"]["tokens_out"]) == (2, 9)
