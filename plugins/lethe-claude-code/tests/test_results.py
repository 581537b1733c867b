"""What tools answered, in the record and in files beside the transcript."""

from __future__ import annotations

import hashlib
import json
import os

import pytest

from lethe_core.limits import MAX_EVENT_BYTES
from lethe_core.wire import encode_event

IMAGE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": "aGFsbG8="},
}
PREVIEW = (
    "<persisted-output>\nOutput too large (9 B). Full output saved to: {}\n\n"
    "Preview (first 2KB):\nthe b\n</persisted-output>"
)


@pytest.mark.parametrize(
    ("content", "output"),
    [
        ("plain", "plain"),
        (None, ""),
        ([], ""),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "a\nb"),
        ([IMAGE], "[image image/png, 5 bytes]"),
        (
            [{"type": "image", "source": {"type": "url", "url": "https://x/a.png"}}],
            "[image https://x/a.png]",
        ),
        ([{"type": "tool_reference", "tool_name": "WebFetch"}], "[tool WebFetch]"),
        ([{"type": "search_result", "title": "T", "content": "a"}], "a"),
        ([{"type": "later"}], "[later]"),
    ],
)
def test_content_becomes_output(read, make, content, output):
    """The output is text, in which a line names each part that is none."""
    (event,) = read(make.result(content))

    assert (event.role, event.content) == ("tool", "")
    assert event.tool_calls[0].output == output
    assert event.tool_calls[0].id == "t1"


def test_images_stand_beside_the_output(read, make):
    """The bytes of an image are an attachment."""
    (event,) = read(make.result([IMAGE]))

    assert event.metadata["attachments"] == [
        {"type": "image", "media_type": "image/png", "data": "aGFsbG8=", "bytes": 5}
    ]


def test_failure_is_told(read, make):
    """A result says whether the tool failed, and who denied it."""
    block = {"type": "tool_result", "tool_use_id": "t1", "content": "no", "is_error": True}
    (event,) = read(make.user([block], toolDenialKind="user", toolUseResult="Error: no"))

    assert event.tool_calls[0].is_error is True
    assert event.metadata["denial"] == "user"


class TestOutcome:
    """``toolUseResult``, of which only the parts count that the output does not repeat."""

    def test_patch(self, read, make):
        """The patch of an edit is kept as it stands; nothing else of the files is."""
        patch = [{"oldStart": 1, "lines": ["-a", "+b"]}]
        outcome = {"structuredPatch": patch, "originalFile": "secret", "oldString": "a"}
        (event,) = read(make.result("ok", outcome))

        assert json.loads(bytes(event.metadata["patch"])) == patch
        assert b"secret" not in encode_event(event)

    @pytest.mark.parametrize("patch", [[], None, [{"lines": ["+" * 40_000]}]])
    def test_patch_may_be_missing(self, read, make, patch):
        """An empty patch says nothing, and a long one is bounded away."""
        (event,) = read(make.result("ok", {"structuredPatch": patch}))

        assert "patch" not in event.metadata

    def test_subagent(self, read, make):
        """The result of an agent names its session."""
        (event,) = read(make.result("ok", {"agentId": "0a1b", "usage": {"output_tokens": 9}}))

        assert event.metadata["subagent_session_id"] == "agent-0a1b"
        assert event.usage is None

    def test_interruption(self, read, make):
        """A command that was interrupted says so."""
        (event,) = read(make.result("ok", {"interrupted": True, "stdout": "ok"}))

        assert event.metadata["interrupted"] is True

    @pytest.mark.parametrize("outcome", ["text", ["list"], 5, None])
    def test_may_be_of_any_form(self, read, make, outcome):
        """It may be a text, a list or anything else."""
        (event,) = read(make.result("ok", outcome))

        assert event.tool_calls[0].output == "ok"

    def test_is_nobodys_among_several(self, read, make):
        """In a record with several results it is not guessed whose it is."""
        blocks = [{"type": "tool_result", "tool_use_id": name, "content": "x"} for name in "ab"]
        events = read(make.user(blocks, toolUseResult={"agentId": "0a1b"}))

        assert not any("subagent_session_id" in event.metadata for event in events)


class TestPersisted:
    """Outputs that stand in a file of their own."""

    @pytest.fixture
    def directory(self, tmp_path, make):
        """Where Claude Code puts the outputs of the session."""
        path = tmp_path / make.session / "tool-results"
        path.mkdir(parents=True)
        return path

    @pytest.mark.parametrize(
        "place",
        ["/anywhere/tool-results/b1.txt", "C:\\Users\\dev\\tool-results\\b1.txt", "b1.txt"],
    )
    def test_whole_output_is_read(self, read, make, directory, place):
        """The file of that name beside the transcript is the output, wherever it once was."""
        (directory / "b1.txt").write_text("the beans are blue")
        (event,) = read(make.result(PREVIEW.format(place)))

        assert event.tool_calls[0].output == "the beans are blue"
        assert event.metadata["persisted"] == {"file": "b1.txt", "bytes": 18}

    def test_path_in_the_outcome_comes_first(self, read, make, directory):
        """The structured result names the file more surely than the preview."""
        (directory / "b2.json").write_text("beans")
        outcome = {"persistedOutputPath": "/x/b2.json", "persistedOutputSize": 5}
        (event,) = read(make.result(PREVIEW.format("/x/b1.txt"), outcome))

        assert event.tool_calls[0].output == "beans"

    def test_preview_stays_if_the_file_is_gone(self, read, make):
        """Without the file there is the preview, and a note that there was more."""
        outcome = {"persistedOutputPath": "/x/b1.txt", "persistedOutputSize": 9}
        (event,) = read(make.result(PREVIEW.format("/x/b1.txt"), outcome))

        assert event.tool_calls[0].output == PREVIEW.format("/x/b1.txt")
        assert event.metadata["persisted"] == {"file": "b1.txt", "bytes": 9, "missing": True}

    @pytest.mark.parametrize("place", ["..", "/x/..", "/x/", ".", "a\0b"])
    def test_path_cannot_lead_elsewhere(self, read, make, directory, place):
        """A path without a plain name at its end leads nowhere."""
        (event,) = read(make.result(PREVIEW.format("/x/b1.txt"), {"persistedOutputPath": place}))

        assert event.metadata["persisted"]["missing"] is True

    def test_path_of_the_record_is_never_opened(self, read, make, directory, tmp_path):
        """A path that names another file on the machine gives nothing of it."""
        secret = tmp_path / "secret.txt"
        secret.write_text("do not read me")
        (event,) = read(make.result(PREVIEW.format(secret), {"persistedOutputPath": str(secret)}))

        assert b"do not read me" not in encode_event(event)

    @pytest.mark.parametrize("link", ["file", "directory", "session"])
    def test_links_are_not_followed(self, read, make, tmp_path, link):
        """A symbolic link anywhere on the way is no output."""
        elsewhere = tmp_path / "elsewhere" / "tool-results"
        elsewhere.mkdir(parents=True)
        (elsewhere / "b1.txt").write_text("do not read me")
        session = tmp_path / make.session
        if link == "session":
            session.symlink_to(elsewhere.parent)
        elif link == "directory":
            session.mkdir()
            (session / "tool-results").symlink_to(elsewhere)
        else:
            (session / "tool-results").mkdir(parents=True)
            (session / "tool-results" / "b1.txt").symlink_to(elsewhere / "b1.txt")
        (event,) = read(make.result(PREVIEW.format("/x/b1.txt")))

        assert event.metadata["persisted"]["missing"] is True

    def test_pipe_is_not_waited_for(self, read, make, directory):
        """What is no plain file is not opened."""
        os.mkfifo(directory / "b1.txt")
        (event,) = read(make.result(PREVIEW.format("/x/b1.txt")))

        assert event.metadata["persisted"]["missing"] is True

    def test_long_output_is_cut_with_its_digest(self, read, make, directory):
        """Of an output that is larger than an event, beginning, size and digest are kept."""
        data = b"bean\n" * (MAX_EVENT_BYTES // 5 + 1000)
        (directory / "b1.txt").write_bytes(data)
        (event,) = read(make.result(PREVIEW.format("/x/b1.txt")))
        (call,) = event.tool_calls

        assert len(call.output) == MAX_EVENT_BYTES
        assert call.truncated_bytes == len(data) - MAX_EVENT_BYTES
        assert call.sha256 == hashlib.sha256(data).hexdigest()

        encode_event(event)

        assert call.truncated_bytes == len(data) - len(call.output)
        assert call.sha256 == hashlib.sha256(data).hexdigest()

    @pytest.mark.parametrize(
        "name",
        [
            "{}/subagents/agent-1.jsonl",
            "{}/subagents/workflows/wf_1/agent-1.jsonl",
            "agent-1.jsonl",
        ],
    )
    def test_subagents_share_the_directory(self, read, make, directory, name):
        """The outputs of a subagent stand with those of its session."""
        (directory / "b1.txt").write_text("beans")
        record = make.result(PREVIEW.format("/x/b1.txt"), isSidechain=True, agentId="1")
        (event,) = read(record, name=name.format(make.session))

        assert event.tool_calls[0].output == "beans"
