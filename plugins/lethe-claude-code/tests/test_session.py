"""What is told of the session: titles, parents, copies, and what else is known of it."""

from __future__ import annotations

import json

import pytest

from lethe_claude_code.parser import ClaudeCodeParser
from lethe_core import SessionEvent

PARENT = "5e551000-0000-4000-8000-00000000000f"
AGENT = "{}/subagents/agent-0a1b.jsonl"


def titles(events):
    """List the titles that are told."""
    metas = [event.session_meta for event in events]
    return [(meta.title, meta.title_source) for meta in metas if meta.title]


class TestTitle:
    """Titles and where they come from."""

    @pytest.mark.parametrize(
        ("record", "source"),
        [
            ({"type": "custom-title", "customTitle": "Roses"}, "custom"),
            ({"type": "ai-title", "aiTitle": "Roses"}, "generated"),
        ],
    )
    def test_record_tells_a_title(self, read, record, source):
        """A title is a statement of the session and no turn."""
        (event,) = read(record)

        assert isinstance(event, SessionEvent)
        assert titles([event]) == [("Roses", source)]

    @pytest.mark.parametrize("title", ["", " \n ", None, 5])
    def test_empty_title_is_nothing(self, read, title):
        """A title without a word is none."""
        assert read({"type": "custom-title", "customTitle": title}) == []

    def test_first_prompt_is_a_title(self, read, make):
        """The first prompt gives its first line; later ones and commands give nothing."""
        events = read(
            make.user("<command-name>/clear</command-name>", uuid="u-1"),
            make.user("\n  Plant roses\nin the north", uuid="u-2"),
            make.user("Water them", uuid="u-3"),
        )

        assert titles(events) == [("Plant roses", "prompt")]

    def test_title_is_bounded(self, read, make):
        """A long first line is cut."""
        ((title, _),) = titles(read(make.user("rose " * 100)))

        assert len(title) <= 120
        assert title.endswith("…")

    @pytest.mark.parametrize(
        ("place", "expected"),
        [("before", [("Roses planted", "summary")]), ("after", []), ("elsewhere", [])],
    )
    def test_summary_counts_if_its_last_record_is_further_up(self, read, make, place, expected):
        """A summary of another session, which stands in this file by chance, is no title."""
        summary = {"type": "summary", "summary": "Roses planted", "leafUuid": "u-9"}
        leaf = make.assistant("Done", uuid="u-9")
        lines = {"before": [leaf, summary], "after": [summary, leaf], "elsewhere": [summary]}

        assert titles(read(*lines[place])) == expected

    def test_summary_is_found_across_blocks(self, read, make):
        """Wherever the record stands before it, also at the border of what is read at once."""
        summary = {"type": "summary", "summary": "Roses planted", "leafUuid": "u-9"}
        leaf = make.assistant("Done", uuid="u-9")
        place = json.dumps(leaf, separators=(",", ":")).index('"uuid"')
        for shift in (0, 4, 10):
            filler = b" " * (1024 * 1024 - place - shift - 1) + b"\n"
            assert titles(read(filler, leaf, summary)) == [("Roses planted", "summary")]


class TestParent:
    """Parents and relations."""

    def relation(self, events):
        """Tell parent and relation of the first event."""
        meta = events[0].session_meta
        return meta.parent_session_id, meta.relation

    def test_session_has_none(self, read, make):
        """A session that names itself has no parent."""
        assert self.relation(read(make.user("Hello"))) == (None, None)

    def test_subagent_has_the_session_of_its_records(self, read, make):
        """The records of a subagent name the session that it works for."""
        record = make.user("Weed", isSidechain=True, agentId="0a1b")
        for name in (AGENT.format(make.session), "agent-0a1b.jsonl"):
            events = read(record, name=name)

            assert self.relation(events) == (make.session, "subagent")
            assert events[0].session_id == "agent-0a1b"
            assert "session_id" not in events[0].metadata

    def test_copy_is_a_continuation(self, read, make):
        """Records of another session at the beginning are those that this one goes on from."""
        events = read(make.user("Hello", sessionId=PARENT))

        assert self.relation(events) == (PARENT, "continuation")

    def test_branch_is_a_fork(self, read, make):
        """A branch names where it was copied from."""
        fork = {"sessionId": PARENT, "messageUuid": "u-0"}

        assert self.relation(read(make.user("Hello", forkedFrom=fork))) == (PARENT, "fork")

    def test_renamed_file_has_none(self, read, make):
        """The session in the records of a renamed file is what it once was, and no parent."""
        events = read(make.user("Hello", isSidechain=True, agentId="1"), name="notes.jsonl")
        (event,) = events

        assert self.relation(events) == (None, None)
        assert event.session_id == "notes"
        assert event.session_meta.metadata["session_id"] == make.session
        assert event.metadata["session_id"] == make.session
        assert event.metadata["agent_id"] == "1"

    def test_odd_name_is_cleaned(self, read, make):
        """A session that the wire could not name is named safely."""
        assert self.relation(read(make.user("Hello", sessionId="a b")))[0] == "a-b"


@pytest.mark.promise("C20", "P4", "P6")
def test_c20_repeated_record_is_the_same_turn(read, make):
    """A record that compaction wrote again is the same turn at another place."""
    events = read(*[make.user("Hello", uuid="u-1")] * 5)

    assert {event.turn_id for event in events} == {"u-1"}
    assert [event.seq for event in events] == sorted({event.seq for event in events})
    version = ClaudeCodeParser.version
    assert {(event.revision, event.parser_version) for event in events} == {(0, version)}


@pytest.mark.promise("C21", "P6")
def test_c21_one_file_is_one_session(read, make):
    """Records of other sessions belong to the file's session and keep the name they bear."""
    events = read(
        make.user("one", uuid="u-1"),
        make.user("two", uuid="u-2", sessionId="another"),
        make.user("three", uuid="u-3", sessionId=PARENT),
    )

    assert {event.session_id for event in events} == {make.session}
    assert [event.metadata.get("session_id") for event in events] == [None, "another", PARENT]


class TestAgentDescription:
    """``agent-<id>.meta.json``."""

    @pytest.fixture
    def describe(self, read, make, tmp_path):
        """Reads a subagent with a description beside it."""

        def write_and_read(data):
            place = tmp_path / AGENT.format(make.session)
            place.parent.mkdir(parents=True)
            place.with_suffix(".meta.json").write_bytes(data)
            (event,) = read(make.user("Weed", isSidechain=True), name=AGENT.format(make.session))
            return event.session_meta

        return write_and_read

    def test_tells_of_the_agent(self, describe):
        """Type, task and call are told, and the task is the title."""
        meta = describe(
            b'{"agentType":"gardener","description":"Weed the bed","toolUseId":"t1","spawnDepth":1}'
        )

        assert (meta.title, meta.title_source) == ("Weed the bed", "generated")
        assert meta.metadata["agent_type"] == "gardener"
        assert meta.metadata["tool_use_id"] == "t1"

    @pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"agentType":5}', b"\xff", b"[" * 9999])
    def test_may_be_damaged(self, describe, data):
        """A description that cannot be read is none."""
        assert describe(data).title == "Weed"

    def test_link_is_not_followed(self, read, make, tmp_path):
        """A description must stand where it belongs."""
        secret = tmp_path / "secret.json"
        secret.write_text('{"description":"do not read me"}')
        place = tmp_path / "agent-1.meta.json"
        place.symlink_to(secret)
        (event,) = read(make.user("Weed"), name="agent-1.jsonl")

        assert event.session_meta.title == "Weed"


def test_compaction_helper_is_told(read, make):
    """The helper that compacts a conversation, and so repeats it, can be told from others."""
    (event,) = read(make.user("All of it"), name="agent-acompact-1.jsonl")

    assert event.session_meta.metadata["agent_type"] == "compaction"


def test_envelope_tells_of_the_session(read, make):
    """Directory, branch, version and the like go with each turn, as they were then."""
    first, second = read(
        make.user("one", uuid="u-1", entrypoint="cli", teamName="growers", agentName="ann"),
        make.user("two", uuid="u-2", cwd="/home/dev/orchard", gitBranch="", version=None),
    )

    assert first.session_meta.working_dir == "/home/dev/garden"
    assert first.session_meta.git_branch == "main"
    assert first.session_meta.source_file.endswith(f"{make.session}.jsonl")
    assert first.session_meta.metadata == {
        "version": "2.1.270",
        "entrypoint": "cli",
        "team": "growers",
        "agent_name": "ann",
    }
    assert second.session_meta.working_dir == "/home/dev/orchard"
    assert second.session_meta.git_branch is None


def test_many_descriptions_take_bounded_memory(read, make):
    """A session whose directory changes with every record is described each time."""
    records = [make.user("x", uuid=f"u-{n}", cwd=f"/home/dev/{n}") for n in range(200)]
    places = [event.session_meta.working_dir for event in read(*records)]

    assert places == [f"/home/dev/{n}" for n in range(200)]


@pytest.mark.parametrize(
    ("record", "metadata"),
    [
        ({"type": "mode", "mode": "plan"}, {"mode": "plan"}),
        ({"type": "permission-mode", "permissionMode": "plan"}, {"permission_mode": "plan"}),
        ({"type": "agent-name", "agentName": "ann"}, {"agent_name": "ann"}),
        ({"type": "tag", "tag": "roses"}, {"tag": "roses"}),
        ({"type": "relocated", "relocatedCwd": "/a"}, {"relocated_cwd": "/a"}),
        (
            {"type": "pr-link", "prNumber": 7, "prUrl": "https://x/7", "prRepository": "a/b"},
            {"pr_url": "https://x/7", "pr_number": 7, "pr_repository": "a/b"},
        ),
        (
            {"type": "worktree-state", "worktreeSession": {"worktreeName": "w"}},
            {"worktree_name": "w"},
        ),
        ({"type": "cost-state", "totalCostUSD": 0.5}, {"cost": {"usd": 0.5}}),
    ],
)
def test_statements(read, record, metadata):
    """Records that tell something of the session are statements of it."""
    (event,) = read(record)

    assert isinstance(event, SessionEvent)
    assert event.session_meta.metadata == metadata


@pytest.mark.parametrize(
    "kind", ["mode", "tag", "pr-link", "worktree-state", "cost-state", "summary", "relocated"]
)
def test_empty_statements_are_nothing(read, kind):
    """A statement that states nothing is left out."""
    assert read({"type": kind}) == []


def test_costs_are_told_by_model(read):
    """What the client counted itself is kept beside the archive's own sums."""
    usage = {"inputTokens": 1, "outputTokens": 2, "thinkingTokens": 3, "costUSD": 0.25}
    (event,) = read({"type": "cost-state", "totalCostUSD": 0.25, "modelUsage": {"haiku": usage}})

    assert event.session_meta.metadata["cost"]["models"] == {
        "haiku": {
            "usd": 0.25,
            "input": 1,
            "output": 2,
            "reasoning": 3,
            "cache_read": 0,
            "cache_write": 0,
        }
    }
