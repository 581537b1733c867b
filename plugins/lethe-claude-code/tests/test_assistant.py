"""What stands in assistant records, and whose tokens they are."""

from __future__ import annotations

import json

import pytest

from lethe_core import Usage
from lethe_core.limits import MAX_EVENT_BYTES
from lethe_core.wire import encode_event

TEXT = {"type": "text", "text": "Done."}


@pytest.mark.promise("C22", "P5")
def test_c22_growing_usage_has_one_key(read, make):
    """The lines of a reply name the same reply; the greatest of their numbers is the true one."""
    events = read(
        make.assistant([{"type": "thinking", "thinking": "Hm"}], uuid="u-1"),
        make.assistant([TEXT], {"usage": {"output_tokens": 118}}, uuid="u-2"),
    )

    assert [event.usage.key for event in events] == ["msg_01:req_01"] * 2
    assert [event.usage.output for event in events] == [2, 118]


def test_usage_is_told_by_the_fields_of_the_wire(read, make):
    """Input is neither read from nor written to a cache; thinking is a part of output."""
    usage = {
        "input_tokens": 1,
        "output_tokens": 20,
        "cache_read_input_tokens": 300,
        "cache_creation_input_tokens": 4000,
        "cache_creation": {"ephemeral_5m_input_tokens": 4000},
        "output_tokens_details": {"thinking_tokens": 5},
        "iterations": [{"input_tokens": 1}],
    }
    (event,) = read(make.assistant([TEXT], {"usage": usage}))

    assert event.usage == Usage(
        key="msg_01:req_01", input=1, output=20, cache_read=300, cache_write=4000, reasoning=5
    )


@pytest.mark.parametrize(
    ("message", "fields", "key"),
    [
        ({}, {"requestId": None}, "msg_01"),
        ({"id": ""}, {}, "u-1"),
        ({"id": "no key"}, {}, "u-1"),
    ],
)
def test_usage_has_a_key_without_ids(read, make, message, fields, key):
    """A reply without a request id has its message id alone, and without any the record's uuid."""
    (event,) = read(make.assistant([TEXT], message, **fields))

    assert event.usage.key == key


def test_usage_may_be_missing(read, make):
    """An answer whose stream broke off has none."""
    (event,) = read(make.assistant([TEXT], {"usage": None}, isAbortedMidStream=True))

    assert event.usage is None
    assert event.metadata["aborted"] is True


def test_each_block_is_a_turn(read, make):
    """A record with several blocks gives as many turns, all with the reply's model and usage."""
    blocks = [
        {"type": "thinking", "thinking": "Hm"},
        TEXT,
        {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}},
    ]
    events = read(make.assistant(blocks))

    assert [event.metadata["kind"] for event in events] == ["thinking", "answer", "tool_call"]
    assert [event.turn_id for event in events] == ["u-1", "u-1.1", "u-1.2"]
    assert {event.usage.key for event in events} == {"msg_01:req_01"}
    assert {event.model for event in events} == {"claude-sonnet-4-8"}


@pytest.mark.parametrize(
    "block", [{"type": "thinking", "thinking": ""}, {"type": "redacted_thinking", "data": "eA=="}]
)
def test_thinking_without_words_keeps_its_usage(read, make, block):
    """That there was thinking is archived; it may be the only line with the reply's usage."""
    (event,) = read(make.assistant([block]))

    assert (event.content, event.metadata["redacted"]) == ("", True)
    assert event.usage.output == 2


def test_usage_without_a_block_is_not_lost(read, make):
    """A record whose text is empty still says what the reply cost, and is no answer."""
    (event,) = read(make.assistant([{"type": "text", "text": ""}]))

    assert (event.role, event.metadata["kind"]) == ("system", "usage")
    assert (event.content, event.usage.output) == ("", 2)


def test_blank_text_is_no_answer(read, make):
    """White space alone says nothing; its turn tells the usage, and the next keeps its id."""
    call = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}}
    events = read(make.assistant([{"type": "text", "text": "\n\n"}, call]))

    kinds = [(event.turn_id, event.metadata["kind"], event.content) for event in events]
    assert kinds == [("u-1", "usage", ""), ("u-1.1", "tool_call", "Bash: ls")]
    assert [event.usage.output for event in events] == [2, 2]


def test_nothing_leaves_no_turn(read, make):
    """A record without words and usage is no turn."""
    assert read(make.assistant("", {"usage": None})) == []
    assert read(make.assistant("\n\n", {"usage": None})) == []


@pytest.mark.parametrize(
    ("name", "arguments", "content"),
    [
        ("Bash", {"command": "pytest -q", "description": "Run"}, "Bash: pytest -q"),
        ("Grep", {"path": "src", "pattern": "rose"}, "Grep: rose"),
        ("Task", {"prompt": "long", "description": "Weed the bed"}, "Task: Weed the bed"),
        ("TodoWrite", {"todos": [{"content": "x"}]}, "TodoWrite"),
        ("mcp__garden__water", {"bed": "north"}, "mcp__garden__water: north"),
        ("Odd", [1, 2], "Odd"),
    ],
)
def test_call_is_one_line(read, make, name, arguments, content):
    """A call is told in a line: the tool and its main argument. The arguments stand beside it."""
    (event,) = read(make.call(name, arguments))
    (call,) = event.tool_calls

    assert event.content == content
    assert (call.id, call.name, call.output) == ("t1", name, None)
    assert json.loads(bytes(call.input)) == arguments


def test_call_without_arguments(read, make):
    """A call that lacks its arguments is delivered."""
    (event,) = read(make.assistant([{"type": "tool_use", "id": "t1", "name": "Bash"}]))

    assert event.content == "Bash"
    assert event.tool_calls[0].input is None


def test_arguments_that_fit_no_event_are_cut(read, make):
    """Arguments that are too large for the wire leave their beginning, size and digest."""
    (event,) = read(make.call("Write", {"file_path": "a", "content": "x" * MAX_EVENT_BYTES}))

    assert event.content == "Write: a"
    assert event.metadata["input"]["head"].startswith('{"file_path":"a"')
    assert event.metadata["input"]["truncated_bytes"] > MAX_EVENT_BYTES / 2
    assert len(encode_event(event)) < MAX_EVENT_BYTES


def test_tools_of_the_server(read, make):
    """A tool that the API runs itself has its call and its result in the reply."""
    found = [{"type": "web_search_result", "title": "Roses", "url": "https://example.org/roses"}]
    events = read(
        make.assistant(
            [
                {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}},
                {"type": "web_search_tool_result", "tool_use_id": "s1", "content": found},
            ]
        )
    )

    assert [event.role for event in events] == ["assistant", "tool"]
    assert [event.tool_calls[0].id for event in events] == ["s1", "s1"]
    assert events[1].tool_calls[0].output == "Roses\nhttps://example.org/roses"


def test_fallback_is_a_notice(read, make):
    """That another model took over is told."""
    block = {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}}
    (event,) = read(make.assistant([block]))

    assert (event.role, event.content) == ("system", "The model changed from a to b.")


def test_unknown_block_is_kept_with_its_usage(read, make):
    """A block of a type that is not known is kept as it stands, and counted."""
    (event,) = read(make.assistant([{"type": "smell", "of": "roses"}]))

    assert event.metadata["block"] == {"type": "smell", "of": "roses"}
    assert event.usage.output == 2


class TestSynthetic:
    """What the client writes in the model's name."""

    def test_api_error(self, read, make):
        """A failed request is an error, without model and usage."""
        (event,) = read(
            make.assistant(
                [TEXT],
                {"model": "<synthetic>"},
                isApiErrorMessage=True,
                error="rate_limit",
                apiErrorStatus=429,
            )
        )

        assert (event.role, event.metadata["kind"]) == ("system", "api_error")
        assert (event.metadata["error"], event.metadata["status"]) == ("rate_limit", 429)
        assert (event.model, event.usage) == (None, None)

    def test_filler_is_nothing(self, read, make):
        """What fills a gap in a resumed session is no turn."""
        filler = [{"type": "text", "text": "No response requested."}]

        assert read(make.assistant(filler, {"model": "<synthetic>"})) == []

    def test_other_words_are_a_notice(self, read, make):
        """Other words of the client are kept, but not as an answer."""
        (event,) = read(make.assistant([TEXT], {"model": "<synthetic>"}))

        assert (event.role, event.metadata["kind"]) == ("system", "notice")
        assert (event.model, event.usage) == (None, None)


def test_cost_is_told_once_a_record(read, make):
    """The price of old versions stands at the first turn of its record alone."""
    events = read(make.assistant([TEXT, TEXT], costUSD=0.5))

    assert [event.cost_usd for event in events] == [0.5, None]
