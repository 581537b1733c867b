"""What stands in user records, and in attachments that were typed."""

from __future__ import annotations

import pytest

IMAGE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": "aGFsbG8="},
}
TEXT = {"type": "text", "text": "look"}
REMOVE = {"type": "queue-operation", "operation": "remove"}
DEQUEUE = {"type": "queue-operation", "operation": "dequeue"}
EMPTY = {"type": "queue-operation", "operation": "popAll"}


@pytest.mark.parametrize(
    ("text", "said", "content"),
    [
        ("Plant a tree", "user prompt", None),
        ("<div> is not a tag of Claude Code", "user prompt", None),
        (
            "<command-name>/a</command-name>\n<command-args>b c</command-args>",
            "user command",
            "/a b c",
        ),
        (
            "<command-message>a</command-message>\n<command-name>/a</command-name>",
            "user command",
            "/a",
        ),
        ("<command-message>alone</command-message>", "user command", None),
        ("<bash-input>ls -l</bash-input>", "user shell", "!ls -l"),
        (
            "<bash-stdout>a</bash-stdout><bash-stderr>b</bash-stderr>",
            "system shell_output",
            "a\nb",
        ),
        ("<bash-stderr>b</bash-stderr>", "system shell_output", "b"),
        ("<local-command-stdout>a</local-command-stdout>", "system command_output", "a"),
        ("<local-command-stderr>a</local-command-stderr>", "system command_output", "a"),
        ("<local-command-stdout>cut off", "system command_output", None),
        ("<local-command-caveat>Caveat", "system context", None),
        ("<system-reminder>The date", "system context", None),
        ("<task-notification>done", "system notification", None),
        ("<cross-session-message>hello", "system notification", None),
        ('<teammate-message teammate_id="a">hello', "system notification", None),
        ("[Request interrupted by user for tool use]", "system interrupt", None),
    ],
)
def test_text_tells_what_it_is(read, make, text, said, content):
    """The tag at the beginning of a text tells who wrote it; a text without one is a prompt."""
    (event,) = read(make.user(text))

    assert f"{event.role} {event.metadata['kind']}" == said
    assert event.content == (text if content is None else content)


@pytest.mark.parametrize(
    ("text", "said", "content"),
    [
        ("<bash-input>" * 100_000, "user prompt", None),
        ("<command-name>" * 100_000, "user command", None),
        ("<command-name>/a</command-name>" + "<command-args>" * 100_000, "user command", "/a"),
        (
            "<bash-stdout>a</bash-stdout>" + "<bash-stderr>" * 100_000,
            "system shell_output",
            "a",
        ),
        ("<ide_x>a</ide_x>" * 100_000 + "Plant a tree", "user prompt", "Plant a tree"),
    ],
)
def test_tags_that_never_end_hold_up_nobody(read, make, text, said, content):
    """A text of a megabyte of tags is read at once; looking for the end of each took an hour."""
    (event,) = read(make.user(text))

    assert f"{event.role} {event.metadata['kind']}" == said
    assert event.content == (text if content is None else content)


def test_end_of_a_tag_counts_behind_its_beginning_alone(read, make):
    """A tag without an end is passed over, and those behind it are found."""
    text = "<bash-stdout>a<bash-stderr>b</bash-stderr></bash-input><bash-stderr>c</bash-stderr>"
    (event,) = read(make.user(text))

    assert event.content == "b\nc"


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"isMeta": True}, "context"),
        ({"isCompactSummary": True, "isVisibleInTranscriptOnly": True}, "compact_summary"),
        ({"origin": {"kind": "human"}}, "prompt"),
        ({"origin": {"kind": "task-notification"}}, "notification"),
        ({"origin": {"kind": "peer"}}, "notification"),
        ({"promptSource": "queued"}, "prompt"),
        ({"isSidechain": True}, "prompt"),
    ],
)
def test_record_tells_what_it_is(read, make, fields, kind):
    """The record's own fields tell what no person typed."""
    (event,) = read(make.user("Plant a tree", **fields))

    assert event.metadata["kind"] == kind


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "<local-command-stdout></local-command-stdout>",
        "<bash-stdout></bash-stdout>",
        "<local-command-stdout>(no content)</local-command-stdout>",
    ],
)
def test_nothing_leaves_no_turn(read, make, text):
    """A text without a word is no turn."""
    assert read(make.user(text)) == []


def test_editor_is_told_apart_from_the_prompt(read, make):
    """What the editor put before a prompt is kept beside it."""
    opened = {"type": "text", "text": "<ide_opened_file>opened a.py</ide_opened_file>"}
    (event,) = read(make.user([opened, TEXT]))

    assert event.content == "look"
    assert event.metadata["ide"] == [{"type": "ide_opened_file", "text": "opened a.py"}]


def test_editor_alone_is_context(read, make):
    """What the editor told without a prompt is no prompt."""
    (event,) = read(make.user("<ide_selection>line 3</ide_selection>"))

    assert (event.role, event.metadata["kind"]) == ("system", "context")


def test_blocks_make_one_prompt(read, make):
    """Texts and images of a record are one prompt; the images stand beside the text."""
    (event,) = read(make.user([TEXT, IMAGE, TEXT, IMAGE]))

    assert event.content == "look\nlook"
    assert (
        event.metadata["attachments"]
        == [{"type": "image", "media_type": "image/png", "data": "aGFsbG8=", "bytes": 5}] * 2
    )


def test_image_without_bytes_is_no_attachment(read, make):
    """An image that lies elsewhere has no bytes to archive; the prompt is delivered."""
    remote = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    (event,) = read(make.user([TEXT, remote]))

    assert event.content == "look"
    assert "attachments" not in event.metadata


def test_words_beside_a_result_are_a_turn_of_their_own(read, make):
    """A record with results and words gives all of them, in the order of the blocks."""
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "out"}
    events = read(make.user([TEXT, result, TEXT]))

    assert [event.metadata["kind"] for event in events] == ["queued_prompt", "tool_result"]
    assert [event.turn_id for event in events] == ["u-1", "u-1.1"]
    assert [event.seq for event in events] == [0, 1]


def test_words_after_a_result_keep_their_place(read, make):
    """The first turn of a record has its uuid; the others add the number of their block."""
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "out"}
    events = read(make.user([result, TEXT], uuid="u-7"))

    assert [(event.turn_id, event.role) for event in events] == [("u-7", "tool"), ("u-7.1", "user")]


def test_unknown_block_is_kept(read, make):
    """A block of a type that is not known is kept as it stands."""
    (event,) = read(make.user([{"type": "smell", "of": "roses"}]))

    assert event.metadata["kind"] == "unknown_block"
    assert event.metadata["block"] == {"type": "smell", "of": "roses"}


def test_large_unknown_block_is_cut(read, make):
    """Of a block that is not known and large, the beginning and the size are kept."""
    (event,) = read(make.user([{"type": "smell", "of": "r" * 100_000}]))

    assert event.metadata["block_head"].startswith('{"type":"smell"')
    assert event.metadata["block_bytes"] > 100_000


class TestQueued:
    """Attachments of the type ``queued_command``."""

    @pytest.mark.parametrize(
        ("fields", "kind"),
        [
            ({}, "queued_prompt"),
            ({"origin": {"kind": "human"}}, "queued_prompt"),
            ({"origin": {"kind": "peer"}}, "notification"),
            ({"commandMode": "task-notification"}, "notification"),
            ({"commandMode": "bash"}, "shell"),
            ({"isMeta": True}, "context"),
        ],
    )
    def test_mode_and_origin_tell_what_it_is(self, read, make, fields, kind):
        """A prompt is one that a person typed while the model worked."""
        queued = {"type": "queued_command", "prompt": "Water it", "commandMode": "prompt"} | fields
        (event,) = read(make.record("attachment", attachment=queued))

        assert event.metadata["kind"] == kind

    def test_stands_for_the_queue(self, read, make):
        """The queue's own log holds the same words and is left out."""
        queued = {"type": "queued_command", "prompt": "Water it", "commandMode": "prompt"}
        events = read(
            {"type": "queue-operation", "operation": "enqueue", "content": "Water it"},
            make.record("attachment", attachment=queued),
        )
        assert [event.content for event in events] == ["Water it"]

    def test_may_hold_images(self, read, make):
        """Images are attachments here as well, with or without words."""
        queued = {"type": "queued_command", "prompt": [IMAGE], "commandMode": "prompt"}
        (event,) = read(make.record("attachment", attachment=queued))

        assert [one["bytes"] for one in event.metadata["attachments"]] == [5]

    @pytest.mark.parametrize("prompt", ["", [], None])
    def test_empty_one_is_nothing(self, read, make, prompt):
        """Nothing was typed."""
        queued = {"type": "queued_command", "prompt": prompt, "commandMode": "prompt"}

        assert read(make.record("attachment", attachment=queued)) == []


class TestQueueLog:
    """Records of the type ``queue-operation``."""

    @staticmethod
    def enqueue(text):
        """Make the record of a prompt that is put into the queue."""
        return {"type": "queue-operation", "operation": "enqueue", "content": text}

    def test_prompt_that_nothing_repeats_is_told(self, read, make):
        """Before 2.1.92 a prompt for the model at work stands in the log alone."""
        *_, event = read(make.user("Plant", version="2.1.36"), self.enqueue("Water it"), REMOVE)

        assert (event.metadata["kind"], event.role) == ("queued_prompt", "user")
        assert event.content == "Water it"

    def test_newer_versions_repeat_it(self, read, make):
        """Since 2.1.92 an attachment holds the words; so the log says nothing."""
        events = read(make.user("Plant", version="2.1.92"), self.enqueue("Water it"), REMOVE)

        assert [event.content for event in events] == ["Plant"]

    def test_unknown_version_says_nothing(self, read):
        """Without a version to go by, nothing is told twice."""
        assert read(self.enqueue("Water it"), REMOVE) == []

    def test_each_leaves_the_queue_in_turn(self, read, make):
        """What is dequeued comes as a prompt, what goes back to the editor was never sent."""
        _, *events = read(
            make.user("Plant", version="2.1.5"),
            self.enqueue("dequeued"),
            self.enqueue("removed"),
            DEQUEUE,
            REMOVE,
            self.enqueue("edited again"),
            EMPTY,
            REMOVE,
        )
        assert [event.content for event in events] == ["removed"]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("/model", "user command"),
            ("/model opus", "user command"),
            ("/home/dev is full", "user queued_prompt"),
            ("<task-notification>done</task-notification>", "system notification"),
        ],
    )
    def test_words_tell_what_it_is(self, read, make, text, said):
        """A command is one, and what no person typed is no prompt."""
        *_, event = read(make.user("Plant", version="2.1.5"), self.enqueue(text), REMOVE)

        assert f"{event.role} {event.metadata['kind']}" == said

    @pytest.mark.parametrize("content", [None, "", [], 5, {"odd": 1}, [5]])
    def test_odd_one_is_nothing(self, read, make, content):
        """A log without words, or with odd ones, harms nothing."""
        (event,) = read(make.user("Plant", version="2.1.5"), self.enqueue(content), REMOVE)

        assert event.content == "Plant"

    def test_blocks_are_joined(self, read, make):
        """The log may hold blocks, with images among them."""
        *_, event = read(make.user("Plant", version="2.1.5"), self.enqueue([TEXT, IMAGE]), REMOVE)

        assert event.content == "look"
        assert [one["bytes"] for one in event.metadata["attachments"]] == [5]
