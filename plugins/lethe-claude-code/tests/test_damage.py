"""Lines as no tool should write them, and fields that changed their type."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def line(make):
    """Makes a line with a prompt, its text as it stands between the quotes."""

    def make_line(text: str, **fields) -> bytes:
        record = json.dumps(make.user("TEXT", **fields)).encode()
        return record.replace(b"TEXT", text.encode()) + b"\n"

    return make_line


def kinds(events) -> list[str]:
    """Name the kinds of some turns."""
    return [event.metadata["kind"] for event in events]


@pytest.mark.promise("C16", "P7", "A9")
def test_c16_lines_end_at_the_newline_alone(read, line):
    """CRLF, empty lines, a BOM and Unicode's own line ends leave the texts as they are."""
    events = read(
        b"\xef\xbb\xbf" + line("first", uuid="u-1").replace(b"\n", b"\r\n"),
        b"\n",
        b"  \r\n",
        line("U+2028: \u2028, U+0085: \u0085.", uuid="u-2"),
    )

    assert [event.content for event in events] == ["first", "U+2028: \u2028, U+0085: \u0085."]


@pytest.mark.promise("C17", "P9")
def test_c17_invalid_utf8_is_replaced_and_said(read, line):
    """Bytes that are no UTF-8 become U+FFFD, the turn is delivered and says so."""
    (event,) = read(line("broken # here").replace(b"#", b"\xff"))

    assert event.content == "broken \ufffd here"
    assert event.metadata["encoding_error"] is True


@pytest.mark.promise("C17", "P9")
def test_c17_invalid_utf8_in_arguments_is_replaced(read, make):
    """Arguments that are passed on as they stand are no exception."""
    block = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "echo #"}}
    (event,) = read(json.dumps(make.assistant([block])).encode().replace(b"#", b"\xff") + b"\n")

    assert json.loads(bytes(event.tool_calls[0].input)) == {"command": "echo \ufffd"}
    assert event.metadata["encoding_error"] is True


@pytest.mark.promise("C19", "P9", "A9")
@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        pytest.param('"text":"lone \\ud83d half"', "lone \ufffd half", id="lone-surrogate"),
        pytest.param('"text":"pair \\ud83d\\ude00"', "pair \U0001f600", id="pair"),
        pytest.param('"text":"x","n":9223372036854775808', "x", id="2^63"),
        pytest.param('"text":"x","n":NaN', "x", id="NaN"),
        pytest.param('"text":"y","text":"x"', "x", id="duplicate-key"),
    ],
)
def test_c19_odd_values_are_delivered(read, make, written, read_as):
    """What a person can read is delivered in a form that every reader takes."""
    record = json.dumps(make.user([{"type": "text", "ODD": 0}]))
    (event,) = read(record.replace('"ODD": 0', written).encode() + b"\n")

    assert event.content == read_as


@pytest.mark.promise("C19", "P9")
@pytest.mark.parametrize("odd", ["[" * 100_000, "9" * 5_000], ids=["deep", "digits"])
def test_c19_hopeless_values_cost_their_line(read, make, line, odd):
    """Nesting and numbers beyond all bounds cost one turn, and nothing around it."""
    block = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"n": "ODD"}}
    hopeless = json.dumps(make.assistant([block])).replace('"ODD"', odd)
    events = read(line("before", uuid="u-1"), hopeless.encode() + b"\n", line("after", uuid="u-3"))

    assert kinds(events) == ["prompt", "unmapped", "prompt"]


def test_changed_type_costs_its_field_alone(read, make):
    """A field of the envelope with a new type is left out; the words are delivered."""
    (event,) = read(
        make.user("Hello", sessionId=12345, timestamp={"s": 1}, promptId=7, origin="human", cwd=[])
    )

    assert event.content == "Hello"
    assert event.timestamp is None
    assert event.session_meta.working_dir is None
    assert event.session_meta.git_branch == "main"


def test_changed_type_in_a_message_costs_its_field_alone(read, make):
    """Usage, model and parts of a block may change; the words are delivered."""
    (event,) = read(
        make.assistant(
            [{"type": "text", "text": "Hello", "title": 1}],
            {"usage": {"input_tokens": "many"}, "model": {"name": "x"}, "id": 5},
        )
    )

    assert (event.content, event.model, event.usage) == ("Hello", None, None)


def test_changed_type_in_usage_costs_its_number_alone(read, make):
    """What can be counted is counted, also if a detail or one of the numbers changed."""
    usage = {
        "input_tokens": 1.5,
        "output_tokens": 7,
        "cache_read_input_tokens": 3,
        "output_tokens_details": {"thinking_tokens": None},
    }
    (event,) = read(make.assistant([{"type": "text", "text": "Hello"}], {"usage": usage}))

    assert (event.usage.input, event.usage.output, event.usage.cache_read) == (0, 7, 3)


def test_changed_type_in_a_source_leaves_the_image(read, make):
    """An image whose description has an odd field is kept."""
    source = {"type": "base64", "media_type": "image/png", "data": "aGVsbG8=", "url": None}
    (event,) = read(make.user([{"type": "image", "source": source}]))

    assert event.metadata["attachments"][0]["bytes"] == len("hello")


def test_changed_type_in_a_structured_result_costs_its_field_alone(read, make):
    """The subagent that a result names is kept, whatever else changed."""
    (event,) = read(make.result("done", {"agentId": "ab12", "interrupted": "no"}))

    assert event.metadata["subagent_session_id"] == "agent-ab12"


def test_changed_type_in_an_attachment_costs_its_field_alone(read, make):
    """A prompt that was queued is delivered, whatever its mode became."""
    queued = {"type": "queued_command", "prompt": "Hello", "commandMode": {"new": "form"}}
    (event,) = read(make.record("attachment", attachment=queued))

    assert event.content == "Hello"


def test_changed_result_is_delivered(read, make):
    """A tool's result is delivered, though one of its blocks has an odd field."""
    content = [{"type": "text", "text": "out", "is_error": "no"}]
    (event,) = read(
        make.user(
            [{"type": "tool_result", "tool_use_id": "t1", "content": content, "is_error": "no"}]
        )
    )

    assert (event.tool_calls[0].output, event.tool_calls[0].is_error) == ("out", False)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        pytest.param("user", {"message": {"content": 12345}}, id="content is a number"),
        pytest.param("user", {"message": {"content": ["words"]}}, id="block is a text"),
        pytest.param("user", {"message": {"content": None}}, id="no content"),
        pytest.param("user", {}, id="no message"),
        pytest.param("assistant", {"message": "words"}, id="message is a text"),
        pytest.param("assistant", {}, id="no reply"),
        pytest.param("system", {"content": {"words": 1}}, id="content is an object"),
        pytest.param("attachment", {"attachment": [1]}, id="attachment is a list"),
        pytest.param(None, {"message": {"content": "words"}}, id="no type"),
    ],
)
def test_unreadable_words_are_kept_as_they_stand(read, make, kind, fields):
    """A record whose words cannot be read is archived as a whole."""
    record = make.record(kind, **fields)
    (event,) = read(record)

    assert event.metadata["kind"] == "unmapped"
    assert json.loads(event.metadata["unmapped"]["raw"]) == record


def test_unknown_records_are_skipped_whatever_they_hold(read):
    """A type of record that is not known leaves no turn, though its fields have other types."""
    assert read({"type": "later", "message": "words", "content": 1, "attachment": []}) == []


def test_uuid_that_the_wire_refuses_is_replaced(read, make):
    """A uuid with blanks cannot name a turn; a hash of the record does."""
    first, second = read(make.user("a", uuid="not a uuid"), make.user("b", uuid="x" * 300))

    assert first.turn_id != second.turn_id
    assert {len(first.turn_id), len(second.turn_id)} == {24}


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2026-09-14T10:00:00.500Z", 1789380000.5),
        ("2026-09-14T10:00:00", 1789380000.0),
        (1789380000, 1789380000.0),
        ("yesterday", None),
        ("0001-01-01T00:00:00Z", None),
    ],
)
def test_timestamps(read, make, written, seconds):
    """Times are read as far as they are times, and others are left out."""
    (event,) = read(make.user("Hello", timestamp=written))

    assert event.timestamp == seconds
