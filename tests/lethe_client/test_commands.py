"""The commands against a real server."""

from __future__ import annotations

import datetime as dt

import pytest

from lethe_client import output, server


@pytest.fixture
def terminal(monkeypatch):
    """Let the commands write for a person, on a wide terminal."""
    monkeypatch.setattr(output, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "160")


class TestSearch:
    """`lethe search`."""

    async def test_lines_for_a_pipe(self, asked, turn):
        """A hit is a line of seven fields with tabs between them, without marks."""
        await asked.send(turn(1, content="water\tthe roses\nat noon"), turn(2))
        result = await asked.lethe("search", "roses")

        assert result.stdout == (
            "2026-09-21T14:13:21Z\tclaude-code\tlaptop\t5f2e-first\tt1\tuser\t"
            "water the roses at noon\n"
        )

    async def test_table_for_a_person(self, asked, turn, terminal):
        """On a terminal there is a table, and how many hits there are."""
        await asked.send(turn(1, content="water the [red]roses[/red]"))
        result = await asked.lethe("search", "roses")

        assert "when" in result.stdout
        assert "water the [red]roses[/red]" in result.stdout
        assert "5f2e-fir" in result.stdout
        assert "\t" not in result.stdout
        assert result.stderr == "1 of 1 hits\n"

    async def test_json_is_the_answer(self, asked, turn):
        """`--json` prints what the server answers."""
        await asked.send(turn(1, content="roses"))
        answer = await asked.json("search", "roses")

        assert [hit["snippet"] for hit in answer["results"]] == ["\x02roses\x03"]

    async def test_words_that_look_like_options(self, asked, turn):
        """`--no-verify` is looked for, and `-not` excludes; options may stand anywhere."""
        await asked.send(turn(1, content="use --no-verify"), turn(2, content="--no-verify never"))
        hits = ["search", "--limit", "5", "--no-verify", "-never"]

        assert [hit["turn_id"] for hit in (await asked.json(*hits))["results"]] == ["t1"]

    async def test_filters_and_outputs(self, asked, turn):
        """Each option narrows or widens the search."""
        call = {"id": "c", "name": "Bash", "output": "roses in an output"}
        await asked.send(
            turn(1, content="roses", role="assistant"),
            turn(2, content="roses", host="desk"),
            turn(3, content="", role="tool", tool_calls=[call]),
        )

        async def found(*options):
            return [
                hit["turn_id"] for hit in (await asked.json("search", "roses", *options))["results"]
            ]

        assert await found("--newest") == ["t2", "t1"]
        assert await found("--role", "assistant") == ["t1"]
        assert await found("--host", "desk") == ["t2"]
        assert await found("--since", "2026-09-22") == []
        assert await found("--outputs", "--host", "laptop", "--newest") == ["t3", "t1"]

    async def test_refusal_is_told(self, asked):
        """What the server refuses ends the command with its words, and no trace."""
        result = await asked.lethe("search", "roses", "--role", "gardener", exit_code=2)

        assert result.stdout == ""
        assert "role: must be one of: " in result.stderr
        assert "(INVALID)" in result.stderr


class TestSessions:
    """`lethe sessions`."""

    async def test_lines_for_a_pipe(self, asked, turn):
        """A session is a line with tabs, the newest activity first."""
        await asked.send(turn(1), turn(9, session_id="s2", content="the\tother one"))
        lines = (await asked.lethe("sessions")).stdout.splitlines()

        assert [line.split("\t")[3] for line in lines] == ["s2", "5f2e-first"]
        assert lines[0].split("\t")[-1] == "the other one"

    async def test_table_and_limit(self, asked, turn, terminal):
        """On a terminal the titles stand in a table, and how many sessions there are."""
        await asked.send(*(turn(n, session_id=f"s{n}", content=f"title {n}") for n in range(1, 6)))
        result = await asked.lethe("sessions", "--limit", "2")

        assert "title 5" in result.stdout
        assert "title 3" not in result.stdout
        assert result.stderr == "2 of 5 sessions\n"

    async def test_json(self, asked, turn):
        """`--json` prints what the server answers."""
        await asked.send(turn(1))

        assert (await asked.json("sessions"))["total"] == 1


class TestShow:
    """`lethe show`."""

    async def test_text(self, asked, turn):
        """A session is its title, its figures and its turns in order."""
        call = {"id": "c", "name": "Bash", "output": "\n".join(f"line {n}" for n in range(12))}
        kinds = [{"kind": "tool_call"}, {"kind": "tool_result"}]
        await asked.send(
            turn(1, content="run\nit"),
            turn(2, role="assistant", content="Bash: ls", model="m-1", metadata=kinds[0]),
            turn(3, role="tool", content="", tool_calls=[call], metadata=kinds[1]),
        )
        text = (await asked.lethe("show", "5f2e")).stdout

        assert text.startswith("run it\nclaude-code/laptop/5f2e-first\n")
        assert "\nrun\nit\n" in text
        assert "\nassistant tool_call  " in text
        assert "  | line 7\n  | ... 4 more lines (--outputs)\n" in text
        assert "line 11" in (await asked.lethe("show", "5f2e-first", "--outputs")).stdout

    async def test_all_pages_are_shown(self, asked, turn, monkeypatch):
        """A long session is fetched page by page, as text and as one JSON document."""
        monkeypatch.setattr(server, "PAGE_TURNS", 2)
        await asked.send(*(turn(n) for n in range(1, 6)))
        answer = await asked.json("show", "claude-code/laptop/5f2e-first")

        assert [one["turn_id"] for one in answer["turns"]] == [f"t{n}" for n in range(1, 6)]
        assert answer["session"]["turns"] == 5
        assert "text 5" in (await asked.lethe("show", "5f2e")).stdout

    async def test_how_to_resume_is_told(self, asked, turn):
        """The command that resumes a session in its tool stands above the turns."""
        name = "5f2e0000-0000-4000-8000-00000000000a"
        await asked.send(turn(1, session_id=name))

        assert f"\n$ claude --resume {name}\n" in (await asked.lethe("show", "5f2e")).stdout

    @pytest.mark.parametrize(
        ("environ", "coloured"),
        [
            ({"TERM": "xterm", "NO_COLOR": ""}, True),
            ({"TERM": "dumb", "NO_COLOR": ""}, False),
            ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ],
    )
    async def test_colours_only_where_they_are_wanted(
        self, asked, turn, monkeypatch, environ, coloured
    ):
        """A terminal gets colours, unless it has none or the user wants none."""
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        await asked.send(turn(1))
        printed = (await asked.lethe("show", "5f2e", color=True)).stdout

        assert ("\x1b[" in printed) == coloured

    async def test_several_sessions_are_named(self, asked, turn):
        """A beginning that several ids have is refused, and names them."""
        await asked.send(turn(1), turn(1, session_id="5f2e-second"))
        result = await asked.lethe("show", "5f2e", exit_code=2)

        assert "2 sessions have such an id" in result.stderr
        assert "claude-code/laptop/5f2e-second" in result.stderr

    async def test_exact_id_wins(self, asked, turn):
        """An id that is the beginning of another one is that session."""
        await asked.send(turn(1), turn(1, session_id="5f2e"))

        assert (await asked.json("show", "5f2e"))["session"]["session_id"] == "5f2e"

    @pytest.mark.parametrize("name", ["nothing", "claude-code/laptop/nothing", "../../x"])
    async def test_unknown_session(self, asked, name):
        """What does not exist is said in a line."""
        result = await asked.lethe("show", name, exit_code=2)

        assert result.stderr.startswith("lethe: ")

    @pytest.mark.promise("A6")
    @pytest.mark.parametrize("columns", ["40", "160"])
    async def test_a_transcript_cannot_drive_the_terminal(
        self, asked, turn, terminal, monkeypatch, columns
    ):
        """Nothing but printable characters of a transcript reaches the terminal."""
        monkeypatch.setenv("COLUMNS", columns)
        evil = "a\x1b]0;owned\x07b\x9b31mc\u202ed\x00\re\x08"
        call = {"id": "c", "name": "Bash", "output": evil}
        await asked.send(
            turn(1, content=f"roses {evil}", session_meta={"title": evil, "working_dir": evil}),
            turn(2, role="tool", content="", tool_calls=[call]),
        )
        for command in (["search", "roses"], ["sessions"], ["show", "5f2e"]):
            printed = (await asked.lethe(*command)).output

            assert [c for c in printed if not c.isprintable() and c != "\n"] == []


class TestStats:
    """`lethe stats`."""

    async def test_lines_for_a_pipe(self, asked, turn):
        """A group is a line: its names, then its figures."""
        usage = {"key": "k", "input": 3, "output": 5}
        await asked.send(turn(1), turn(2, role="assistant", usage=usage), turn(3, tool="codex"))
        text = (await asked.lethe("stats", "--by", "tool")).stdout

        assert sorted(text.splitlines()) == [
            "claude-code\t1\t2\t3\t5\t0\t0\t\t",
            "codex\t1\t1\t0\t0\t0\t0\t\t",
        ]

    async def test_table_has_a_sum(self, asked, turn, terminal):
        """On a terminal the last line is the sum of all groups."""
        await asked.send(turn(1), turn(1, host="desk"))
        lines = (await asked.lethe("stats", "--by", "host,day")).stdout.rstrip().splitlines()

        assert lines[-1].split()[:3] == ["all", "2", "2"]

    async def test_a_narrow_terminal(self, asked, turn, terminal, monkeypatch):
        """What a narrow terminal has no room for is said."""
        monkeypatch.setenv("COLUMNS", "60")
        await asked.send(turn(1))
        result = await asked.lethe("stats", "--by", "host,day")

        assert result.stdout.splitlines()[-1].split()[:3] == ["all", "1", "1"]
        assert result.stderr == (
            "no room for: cache write, cache read, cost, tokens in (--json has all)\n"
        )

    async def test_days_are_those_of_this_machine(self, asked, turn, zone):
        """The time zone of the machine decides which day it was."""
        await asked.send(turn(1, timestamp=1_790_000_000 - 14 * 3600))
        days = []
        for name in ("Asia/Tokyo", "America/Los_Angeles"):
            zone(name)
            days += [one["day"] for one in (await asked.json("stats", "--by", "day"))["groups"]]

        assert days == ["2026-09-21", "2026-09-20"]


class TestZones:
    """Dates and days of the time zone of the machine."""

    @pytest.mark.parametrize("name", ["Pacific/Kiritimati", "CET-1CEST,M3.5.0,M10.5.0/3"])
    async def test_dates_are_those_of_this_machine(self, asked, turn, zone, name):
        """A day that an option names begins and ends by the clock of this machine."""
        zone(name)
        days = ("2025-07-02 23:59", "2025-07-03 00:00", "2025-07-03 23:59", "2025-07-04 00:00")
        moments = [dt.datetime.fromisoformat(day).timestamp() for day in days]
        await asked.send(
            *(
                turn(n, session_id=f"s{n}", timestamp=moment, content="roses")
                for n, moment in enumerate(moments)
            )
        )
        day = ("--since", "2025-07-03", "--until", "2025-07-04")
        hits = (await asked.json("search", "roses", *day))["results"]
        found = (await asked.json("sessions", *day))["sessions"]

        assert {hit["session_id"] for hit in hits} == {"s1", "s2"}
        assert {one["session_id"] for one in found} == {"s1", "s2"}
        assert (await asked.json("stats", *day))["totals"]["turns"] == 2

    @pytest.mark.parametrize(
        ("name", "told"), [("CET-1CEST", True), ("Nowhere/At_All", False), ("Asia/Tokyo", False)]
    )
    async def test_a_zone_without_a_name_is_told(self, asked, turn, zone, name, told):
        """Where no server can know the zone, days are those of UTC, and that is said."""
        zone(name)
        await asked.send(turn(1))
        result = await asked.lethe("stats", "--by", "day")

        assert result.stdout.startswith("2026-09-21\t1\t1\t")
        assert ("are those of UTC" in result.stderr) == told


@pytest.mark.promise("A14")
class TestOwner:
    """`--owner`, for admins."""

    async def test_an_admin_reads_what_others_have(self, asked, turn, settings):
        """Of one user or of everybody; without it there is the own archive alone."""
        await asked.send(turn(1, content="roses"))
        settings(TOKEN=asked.admin)

        assert [] == (await asked.json("sessions"))["sessions"]
        for owner in ("alice", "*"):
            given = ("--owner", owner)
            assert 1 == (await asked.json("stats", *given))["totals"]["turns"]
            assert 1 == len((await asked.json("search", "roses", *given))["results"])
            assert 1 == len((await asked.json("sessions", *given))["sessions"])
            assert "roses" in (await asked.lethe("show", "5f2e", *given)).stdout

    async def test_nobody_else_does(self, asked, turn):
        """Who is no admin is told so."""
        await asked.send(turn(1))
        result = await asked.lethe("sessions", "--owner", "alice", exit_code=2)

        assert "only admins" in result.stderr
