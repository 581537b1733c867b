"""The JSON Schema says what the contract says."""

from __future__ import annotations

import json

import jsonschema
import pytest
from click.testing import CliRunner

from lethe_core.cli import main
from lethe_core.errors import InvalidEvent
from lethe_core.json_schema import make_json_schema
from lethe_core.limits import MAX_SEQ
from lethe_core.wire import decode_line

TURN = {
    "tool": "claude-code",
    "host": "laptop",
    "session_id": "s",
    "turn_id": "t",
    "seq": 0,
    "role": "user",
}

CHANGES = [
    {},
    {"kind": "turn"},
    {"kind": "session", "session_meta": {}},
    {"kind": "session"},
    {"kind": "other"},
    {"seq": -1},
    {"seq": MAX_SEQ},
    {"seq": MAX_SEQ + 1},
    {"tool": "a b"},
    {"tool": None},
    {"turn_id": "a b"},
    {"role": "robot"},
    {"timestamp": None},
    {"timestamp": -1},
    {"timestamp": "1"},
    {"content": None},
    {"model": None},
    {"metadata": []},
    {"metadata": {"x": [1]}},
    {"tool_calls": [{"input": [1], "output": None, "is_error": True}]},
    {"tool_calls": [{"is_error": 1}]},
    {"tool_calls": [1]},
    {"tool_calls": None},
    {"session_meta": {"relation": "fork", "title_source": None}},
    {"session_meta": {"relation": "cousin"}},
    {"session_meta": None},
    {"usage": {"key": "k", "input": 1}},
    {"usage": {"input": 1}},
    {"usage": {"key": "k", "input": True}},
    {"later": {"x": 1}},
    {"owner": "somebody"},
    {"owner": None},
]


@pytest.fixture(scope="module")
def validator():
    """A validator of one line."""
    made = make_json_schema()
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


@pytest.mark.parametrize("change", CHANGES, ids=json.dumps)
def test_schema_accepts_what_the_wire_accepts(validator, change):
    """A line that the JSON Schema takes is taken by the server, and no other."""
    line = TURN | change
    try:
        decode_line(json.dumps(line).encode())
        accepted = True
    except InvalidEvent:
        accepted = False

    assert validator.is_valid(line) == accepted


@pytest.mark.parametrize("name", ["turn", "session", "session_meta", "tool_call", "usage"])
def test_every_field_is_described(name):
    """Each field says what it means."""
    properties = make_json_schema()["$defs"][name]["properties"]

    assert [field for field, made in properties.items() if not made.get("description")] == []


def test_command_prints_it():
    """`lethe schema` prints the JSON Schema."""
    done = CliRunner().invoke(main, ["schema"])

    assert json.loads(done.stdout) == make_json_schema()
