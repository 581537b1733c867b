"""Where transcripts are looked for, which files are taken, and what sessions are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lethe_claude_code import ClaudeCodeParser, lethe_parsers

if TYPE_CHECKING:
    from pathlib import Path

UUID = "0a1b2c3d-0000-4000-8000-00000000abcd"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home directory without any settings."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    return tmp_path


def discover(root: Path, *names: str) -> list[str]:
    """Make empty files and return the names of those that are taken."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = ClaudeCodeParser().discover(root)
    return [source.path.relative_to(root).as_posix() for source in found]


class TestRoots:
    """`default_roots`."""

    def test_home_is_the_default(self, home):
        """Without settings it is `~/.claude/projects`, whether it is there or not."""
        assert list(ClaudeCodeParser().default_roots()) == [home / ".claude" / "projects"]

    def test_second_home_counts_if_it_is_there(self, home):
        """`~/.config/claude/projects` is a place too, once it exists."""
        second = home / ".config" / "claude" / "projects"
        second.mkdir(parents=True)

        assert list(ClaudeCodeParser().default_roots()) == [home / ".claude" / "projects", second]

    def test_variable_names_a_configuration(self, home, monkeypatch):
        """`CLAUDE_CONFIG_DIR` replaces the home directory."""
        (home / "elsewhere" / "projects").mkdir(parents=True)
        monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(home / "elsewhere"))

        assert list(ClaudeCodeParser().default_roots()) == [home / "elsewhere" / "projects"]

    def test_variable_names_a_collection(self, home, monkeypatch):
        """A `CLAUDE_CONFIG_DIR` without `projects` is itself the place."""
        (home / "collection").mkdir()
        monkeypatch.setenv("CLAUDE_CONFIG_DIR", "~/collection")

        assert list(ClaudeCodeParser().default_roots()) == [home / "collection"]


class TestDiscover:
    """`discover`."""

    def test_takes_sessions_and_subagents(self, tmp_path):
        """Sessions, subagents in all their places, and renamed transcripts are taken."""
        names = [
            "-p/agent-1.jsonl",
            f"-p/{UUID}.jsonl",
            f"-p/{UUID}/subagents/agent-2.jsonl",
            f"-p/{UUID}/subagents/workflows/wf_1/agent-3.jsonl",
            "notes/garden.jsonl",
        ]
        assert sorted(discover(tmp_path, *names)) == sorted(names)

    def test_leaves_what_is_no_transcript(self, tmp_path):
        """Journals, histories, files that were set aside and foreign directories are left."""
        names = [
            "history.jsonl",
            f"-p/{UUID}/subagents/workflows/wf_1/journal.jsonl",
            f"-p/{UUID}/workflows/wf_1.jsonl",
            f"-p/{UUID}/tool-results/a.jsonl",
            f"-p/{UUID}.orphaned-1.jsonl",
            f"-p/{UUID}.superseded.jsonl",
            f"-p/{UUID}.json",
            "-p/memory/a.jsonl",
            "todos/a.jsonl",
        ]
        assert discover(tmp_path, *names) == []

    def test_looks_below_the_root_alone(self, tmp_path):
        """What the directories above the root are called does not matter."""
        assert discover(tmp_path / "plans" / "memory", f"{UUID}.jsonl") == [f"{UUID}.jsonl"]


class TestSessionId:
    """`session_id`."""

    @staticmethod
    def name(root: Path, name: str) -> str:
        """Name the session of the one transcript below a root."""
        discover(root, name)
        parser = ClaudeCodeParser()
        (source,) = parser.discover(root)
        return parser.session_id(source)

    def test_is_the_tools_own(self, tmp_path):
        """A session's uuid and a subagent's name are kept, wherever the file lies."""
        assert self.name(tmp_path / "a", f"-p/{UUID}.jsonl") == UUID
        assert self.name(tmp_path / "b", f"{UUID}/subagents/agent-x1.jsonl") == "agent-x1"

    def test_other_names_tell_their_way(self, tmp_path):
        """Other names begin with the folders below the root, so that they differ."""
        assert self.name(tmp_path / "a", "north/session.jsonl") == "north.session"
        assert self.name(tmp_path / "b", "south/session.jsonl") == "south.session"

    def test_unsafe_names_stay_apart(self, tmp_path):
        """Names that are alike once they are made safe are told apart by a digest."""
        names = ["a b.jsonl", "a-b.jsonl", "a.b.jsonl", "a/b.jsonl", "-a-b.jsonl"]
        ids = [self.name(tmp_path / str(place), name) for place, name in enumerate(names)]

        assert len(set(ids)) == len(ids)
        assert ids[1] == "a-b"
        assert ids[3] == "a.b"

    def test_long_names_are_bounded(self, tmp_path):
        """However deep a file lies, its session has a name that the wire takes."""
        assert len(self.name(tmp_path, "/".join(["x" * 100] * 3) + ".jsonl")) <= 200

    def test_single_file_has_its_own_name(self, tmp_path):
        """A file that is given itself is called as it is."""
        path = tmp_path / "deep" / "garden.jsonl"
        path.parent.mkdir()
        path.touch()
        parser = ClaudeCodeParser()

        assert [parser.session_id(source) for source in parser.discover(path)] == ["garden"]


def test_resume_command():
    """A session is resumed where it was held; a subagent and a renamed file cannot be."""
    parser = ClaudeCodeParser()

    assert parser.resume_command(UUID, None) == f"claude --resume {UUID}"
    assert parser.resume_command(UUID, "~/a b") == f"cd '~/a b' && claude --resume {UUID}"
    assert parser.resume_command("agent-1", "~/a") is None
    assert parser.resume_command("north.session", None) is None


def test_hook_provides_the_parser():
    """The plugin's hook gives the one parser."""
    (parser,) = lethe_parsers()

    assert parser.tool == "claude-code"
