"""The wire: the hot path accepts what the contract accepts, and what is too long is cut."""

from __future__ import annotations

import hashlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe_core import SessionEvent, SessionMeta, ToolCall, TurnEvent, Usage
from lethe_core.errors import InvalidEvent, TooLarge
from lethe_core.limits import MAX_EVENT_BYTES, MAX_INTEGER, MAX_SEQ, MAX_TIMESTAMP, MIB
from lethe_core.schema import SessionSchema, TurnSchema
from lethe_core.wire import check_line, decode_line, encode_event

TURN, SESSION = TurnSchema(), SessionSchema()


def line_of(**fields):
    """Make the line of a turn; a field that is `...` is left out."""
    turn = {
        "tool": "claude-code",
        "host": "laptop",
        "session_id": "6f0c1f0e",
        "turn_id": "t-1",
        "seq": 7,
        "role": "user",
        **fields,
    }
    return json.dumps({name: value for name, value in turn.items() if value is not ...}).encode()


def full_turn():
    """Make a turn with every field set."""
    return TurnEvent(
        tool="claude-code",
        session_id="6f0c1f0e",
        turn_id="t-1",
        seq=7,
        role="assistant",
        timestamp=1_767_225_600.25,
        content="Grüße",
        model="demo-1",
        tokens_in=1,
        tokens_out=2,
        cost_usd=0.5,
        tool_calls=[ToolCall(id="c", name="Bash", input={"command": "ls"}, output="a")],
        metadata={"kind": "answer", "n": 1},
        session_meta=SessionMeta(title="T", title_source="custom", relation="fork"),
        usage=Usage(key="m:r", input=1, output=2, cache_read=3, cache_write=4, reasoning=1),
        revision=2,
        parser_version=3,
        host="laptop",
    )


# The hot path and the contract --------------------------------------------------------------

_text = st.one_of(st.text(max_size=5), st.just("x" * 300), st.just("a\ud83d"))
_scalar = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([MAX_SEQ, MAX_SEQ + 1, MAX_INTEGER, MAX_INTEGER + 1, 10**30, -1]),
    st.sampled_from([MAX_TIMESTAMP, MAX_TIMESTAMP + 1, 1.0, 1.5, -0.0, 1e300, -0.5]),
    _text,
)
_value = st.recursive(
    _scalar,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
_names = st.sampled_from(["claude-code", "a", "A.b_c-9", "", "-a", "a\n", "ä", "a" * 64, "a" * 65])
_keys = st.sampled_from(["t-1", "msg:req", "a b", "", "x\n", "ü", "k" * 256, "k" * 257])
_counts = st.sampled_from([0, 1, -1, MAX_SEQ, MAX_SEQ + 1, MAX_INTEGER, MAX_INTEGER + 1, 1.0, "1"])
_strings = st.one_of(st.none(), _text, st.integers(0, 1))


def _object(**fields):
    return st.fixed_dictionaries({}, optional=fields)


_usage = _object(key=_keys, input=_counts, output=_counts, cache_read=_counts, x=_value)
_call = _object(
    id=_strings,
    name=_strings,
    input=_value,
    output=_strings,
    is_error=st.sampled_from([True, False, 1, "true", None]),
    truncated_bytes=_counts,
    sha256=_strings,
    x=_value,
)
_meta = _object(
    source_file=_strings,
    working_dir=_strings,
    title=_strings,
    title_source=st.sampled_from(["custom", "prompt", "other", None, 1]),
    parent_session_id=st.one_of(_names, st.none()),
    relation=st.sampled_from(["fork", "subagent", "cousin", None, 0]),
    metadata=_value,
    x=_value,
)
_fields = {
    "tool": _names,
    "host": _names,
    "session_id": _names,
    "turn_id": _keys,
    "seq": _counts,
    "role": st.sampled_from(["user", "assistant", "tool", "system", "robot", None, 1]),
    "timestamp": _scalar,
    "content": _strings,
    "model": _strings,
    "tokens_in": st.one_of(_counts, st.none()),
    "tokens_out": st.one_of(_counts, st.none()),
    "cost_usd": _scalar,
    "tool_calls": st.one_of(st.lists(_call, max_size=2), _value),
    "metadata": _value,
    "session_meta": st.one_of(_meta, _value),
    "usage": st.one_of(_usage, _value),
    "revision": _counts,
    "parser_version": _counts,
    "kind": st.sampled_from(["turn", "session", "other", None, 1]),
    "owner": _value,
    "later": _value,
}
_changes = st.lists(st.sampled_from(sorted(_fields)), max_size=3, unique=True).flatmap(
    lambda names: st.fixed_dictionaries(
        {name: st.one_of(_fields[name], st.just(...)) for name in names}
    )
)


def contract_accepts(line):
    """Ask the marshmallow schemas whether a line keeps the contract."""
    try:
        value = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    if not isinstance(value, dict):
        return False
    schema = SESSION if value.get("kind") == "session" else TURN
    return not schema.validate(value)


def accepts(check, line):
    """Ask the decoder of the server, or the check of the collector."""
    try:
        check(line)
    except InvalidEvent:
        return False
    return True


@pytest.mark.promise("A9")
@given(changes=_changes)
def test_hot_path_accepts_what_the_contract_accepts(changes):
    """Whatever is changed in a sound line, all ways of checking agree."""
    line = line_of(**changes)

    assert accepts(decode_line, line) == contract_accepts(line)
    assert accepts(check_line, line) == contract_accepts(line)


@pytest.mark.promise("A9")
@given(changes=_changes, place=st.floats(0, 1, exclude_max=True), byte=st.binary(max_size=2))
def test_mutated_bytes_are_refused_alike(changes, place, byte):
    """Bytes that fell over are refused with words, or the line still keeps the contract."""
    line = bytearray(line_of(**changes))
    at = int(place * len(line))
    line[at : at + 1] = byte

    assert accepts(decode_line, bytes(line)) == contract_accepts(bytes(line))
    assert accepts(check_line, bytes(line)) == contract_accepts(bytes(line))


@pytest.mark.promise("A9")
@pytest.mark.parametrize("value", ["1e999", "-1E400", "7" * 5000, "[1e999]", '{"a":1e999}'])
@pytest.mark.parametrize("part", ['"metadata":{"x":%s}', '"tool_calls":[{"input":%s}]'])
def test_numbers_beyond_reach_are_refused_inside_too(part, value):
    """What is stored as it came can be read again: it holds no number that no float holds."""
    line = line_of()[:-1] + b"," + (part % value).encode() + b"}"

    for check in (decode_line, check_line):
        with pytest.raises(InvalidEvent):
            check(line)


@pytest.mark.parametrize("part", ["session_meta", "usage"])
def test_text_that_is_skipped_is_checked(part):
    """A field that nobody knows holds UTF-8, wherever it stands."""
    line = line_of(**{part: {"key": "k", "x": "later"}}).replace(b"later", b"\x80")

    for check in (decode_line, check_line):
        with pytest.raises(InvalidEvent, match="no UTF-8"):
            check(line)


@pytest.mark.parametrize("event", [full_turn()], ids=["turn"])
def test_turn_passes_whole(event):
    """Every field of a turn arrives as it was sent."""
    decoded = decode_line(encode_event(event))
    turn = decoded.event

    assert decoded.unknown_fields == 0
    assert msgspec.json.decode(turn.metadata) == event.metadata == decoded.metadata
    assert [(c.id, c.name, c.input, c.output) for c in decoded.calls] == [
        ("c", "Bash", {"command": "ls"}, "a")
    ]
    assert b'"input":{"command":"ls"}' in bytes(turn.tool_calls)
    for name in set(event.__struct_fields__) - {"metadata", "tool_calls", "usage", "session_meta"}:
        assert getattr(turn, name) == getattr(event, name)
    assert msgspec.structs.asdict(turn.usage) == msgspec.structs.asdict(event.usage)
    assert msgspec.structs.asdict(turn.session_meta) == msgspec.structs.asdict(event.session_meta)


def test_session_event_passes_whole():
    """An event of the session alone is told from a turn by its kind."""
    event = SessionEvent(
        tool="t", host="h", session_id="s", seq=3, session_meta=SessionMeta(title="T")
    )
    decoded = decode_line(encode_event(event))

    assert (decoded.event.kind, decoded.event.session_meta.title) == ("session", "T")
    assert decoded.unknown_fields == 0


def test_unknown_fields_are_counted():
    """Fields of a newer collector are ignored and counted."""
    assert decode_line(line_of(later=1, other={})).unknown_fields == 2
    session = line_of(kind="session", session_meta={}, turn_id=..., role=..., later=1)
    assert decode_line(session).unknown_fields == 1


@pytest.mark.promise("A3")
@pytest.mark.parametrize("kind", ["turn", "session"])
def test_owner_is_refused(kind):
    """Whoever names an owner on the wire is refused: the server sets it."""
    with pytest.raises(InvalidEvent) as caught:
        decode_line(line_of(owner="somebody", kind=kind, session_meta={}))

    assert caught.value.field == "owner"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (line_of(seq=-1), "seq: Must be greater than or equal to 0"),
        (line_of(role="robot"), "role: Must be one of: user, assistant, tool, system."),
        (line_of(tool="a b"), "tool: String does not match expected pattern."),
        (line_of(turn_id=...), "turn_id: Missing data for required field."),
        (line_of(usage={"key": "k", "input": "1"}), "usage.input: Not a valid integer."),
        (line_of(tool_calls=[{}, {"is_error": 1}]), "tool_calls.1.is_error: Not a valid boolean."),
        (line_of(session_meta={"relation": "cousin"}), "session_meta.relation: Must be one of"),
        (line_of(content="a\ud83d"), "the line is no JSON"),
        (b"[]", "the line must be a JSON object"),
        (b"", "the line is no JSON"),
        (b'{"a":1', "the line is no JSON"),
        (b"\xff", "the line is no JSON"),
        (line_of()[:-1] + b',"content":"\xff"}', "the line is no UTF-8 at byte"),
        (b"[" * 100_000, "the line is nested too deeply"),
        (line_of()[:-1] + b',"seq":"x","seq":1}', "the line holds a value that cannot be read"),
    ],
)
def test_refusals_name_the_field(line, message):
    """A refusal says in one line which field breaks the contract, and how."""
    with pytest.raises(InvalidEvent) as caught:
        decode_line(line)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.promise("A7")
@given(name=st.sampled_from(sorted(set(_fields) - {"later"})), value=_value)
def test_refusals_quote_no_content(name, value):
    """A refusal never quotes what a field holds."""
    canary = "hunter2"
    line = line_of(**{"content": canary, "metadata": {"a": canary}, name: [canary, value, canary]})

    with pytest.raises(InvalidEvent) as caught:
        decode_line(line)

    assert canary not in str(caught.value)


@pytest.mark.promise("A5")
def test_long_lines_are_refused_unread():
    """A line beyond the bound is refused before it is decoded."""
    with pytest.raises(TooLarge):
        decode_line(b"{" * (MAX_EVENT_BYTES + 1))


# Encoding and cutting -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "metadata",
    [{"a": "\ud83d"}, {"a": {1, 2}, "b": object()}, {"a": 2**70 + 0.5 * 1j}],
    ids=["surrogate", "object", "complex"],
)
def test_what_is_no_json_is_refused(metadata):
    """An event that cannot be written as JSON is the parser's fault, told as such."""
    event = full_turn()
    event.metadata = metadata

    with pytest.raises(InvalidEvent):
        encode_event(event)


@pytest.mark.promise("C15", "P13")
def test_c15_longest_output_is_cut():
    """Of a turn that is too long the longest outputs are cut, and say what is missing."""
    event = full_turn()
    output = "línea\n" * MIB
    event.tool_calls = [ToolCall(id="a", output="short"), ToolCall(id="b", output=output)]

    line = encode_event(event)
    short, cut = decode_line(line).calls

    assert MAX_EVENT_BYTES - 64 * 1024 < len(line) <= MAX_EVENT_BYTES
    assert (short.output, short.truncated_bytes) == ("short", 0)
    assert output.startswith(cut.output)
    assert len(cut.output.encode()) + cut.truncated_bytes == len(output.encode())
    assert cut.sha256 == hashlib.sha256(output.encode()).hexdigest()


@pytest.mark.promise("P13")
def test_attachments_are_cut_before_the_text():
    """An image that is too large goes; the text stays."""
    event = full_turn()
    data = "A" * (5 * MIB)
    event.metadata["attachments"] = [{"type": "image", "data": data}, {"type": "odd"}, "odd"]

    turn = decode_line(encode_event(event)).event
    first = msgspec.json.decode(turn.metadata)["attachments"][0]

    assert (first["data"], first["truncated_bytes"]) == ("", len(data))
    assert first["sha256"] == hashlib.sha256(data.encode()).hexdigest()
    assert turn.content == "Grüße"


@pytest.mark.promise("P13")
def test_text_is_cut_last():
    """A text that is too long is cut, and the metadata says so."""
    event = full_turn()
    event.content = "\x00" * (2 * MIB)
    event.tool_calls = []

    line = encode_event(event)
    turn = decode_line(line).event

    assert len(line) <= MAX_EVENT_BYTES
    assert msgspec.json.decode(turn.metadata)["truncated_bytes"] == 2 * MIB - len(turn.content)


@pytest.mark.promise("P13")
def test_many_small_outputs_are_cut_too():
    """Thousands of outputs are cut as well, with all that the marks themselves take."""
    event = full_turn()
    event.tool_calls = [ToolCall(id=str(n), output="x" * 1000) for n in range(6000)]

    assert len(encode_event(event)) <= MAX_EVENT_BYTES


@pytest.mark.promise("P13")
@pytest.mark.parametrize("text", ["x", "\x00", '"\n', "é"])
def test_inputs_are_cut_when_nothing_else_is_left(text):
    """What a tool was called with is archived as its beginning if it is too long."""
    event = full_turn()
    given = {"path": "a.txt", "content": text * (5 * MIB)}
    event.tool_calls = [ToolCall(name="Write", input=given), ToolCall(name="Read", input={"a": 1})]

    line = encode_event(event)
    cut, whole = (call.input for call in decode_line(line).calls)
    encoded = msgspec.json.encode(given)

    assert MAX_EVENT_BYTES // 2 - 64 * 1024 < len(line) <= MAX_EVENT_BYTES
    assert encoded.startswith(cut["beginning"].encode())
    assert len(cut["beginning"].encode()) + cut["truncated_bytes"] == len(encoded)
    assert cut["sha256"] == hashlib.sha256(encoded).hexdigest()
    assert whole == {"a": 1}


@pytest.mark.promise("P13")
def test_what_cannot_be_cut_is_too_large():
    """An event that stays too long, whatever is cut, is refused."""
    event = full_turn()
    event.metadata = {"blob": "x" * (5 * MIB)}
    with pytest.raises(TooLarge):
        encode_event(event)

    session = SessionEvent(
        tool="t", session_id="s", seq=0, session_meta=SessionMeta(title="x" * (5 * MIB))
    )
    with pytest.raises(TooLarge):
        encode_event(session)
