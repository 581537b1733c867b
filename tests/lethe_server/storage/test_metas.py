"""What events say of a session merges to the same, whatever comes first."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe_core.wire import IncomingMeta
from lethe_server.storage.metas import MAX_TITLE, Registers, fold_text, outermost
from lethe_server.storage.records import SessionKey, SessionRecord


def merged(*statements):
    """Registers after statements of (seq, version, fields)."""
    registers = Registers()
    for seq, version, fields in statements:
        registers.merge(IncomingMeta(**fields), seq=seq, version=version)
    return registers


def test_each_field_has_its_rule():
    """The working directory is the first, others are the last; metadata goes key by key."""
    registers = merged(
        (5, 1, {"working_dir": "b", "git_branch": "b", "metadata": {"x": 1, "y": 1}}),
        (1, 1, {"working_dir": "a", "git_branch": "a", "metadata": {"x": 2, "z": 2}}),
        (9, 1, {"metadata": {"y": [3]}}),
    )

    assert ("a", "b") == (registers.get("working_dir"), registers.get("git_branch"))
    assert {"x": 1, "y": [3], "z": 2} == msgspec.json.decode(registers.metadata_json())
    assert registers.get("title") is None


def test_of_one_place_the_later_parser_is_right():
    """Of two statements of one place that of the greater parser version stays."""
    both = [(5, 1, {"working_dir": "old", "title": "old"}), (5, 2, {"working_dir": "new"})]

    assert ["new", "new"] == [merged(*order).get("working_dir") for order in (both, both[::-1])]


def test_repetition_changes_nothing():
    """What is known already does not count as a change."""
    meta = IncomingMeta(title="T", working_dir="a", metadata={"x": {"b": 1, "a": 2}})
    registers = Registers()

    assert registers.merge(meta, seq=1, version=1)
    assert not registers.merge(meta, seq=1, version=1)


_SAID = st.fixed_dictionaries(
    {},
    optional={
        "working_dir": st.sampled_from("ab"),
        "git_branch": st.sampled_from("ab"),
        "title": st.sampled_from("ab"),
        "title_source": st.sampled_from(["prompt", "custom"]),
        "metadata": st.dictionaries(
            st.sampled_from("xy"), st.sampled_from([0, 1, False, True, 1.0])
        ),
    },
)


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(1, 2), st.one_of(st.none(), _SAID)), max_size=12
    )
)
def test_what_is_left_out_of_runs_says_nothing(statements):
    """Registers are the same without those places of a run that cannot matter."""
    records = [
        SessionRecord(
            SessionKey("t", "h", "s"), seq, version, None if said is None else IncomingMeta(**said)
        )
        for seq, version, said in statements
    ]
    registers = Registers()
    for meta, seq, version in outermost(records):
        registers.merge(meta, seq=seq, version=version)

    assert merged(*(each for each in statements if each[2] is not None)) == registers


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("  a \n\t b\r\n", "a b"),
        ("\x1b[31mred\x00", "[31mred"),
        ("a\u202eb", "a b"),
        ("", ""),
        ("x" * 301, "x" * 299 + "…"),
        ("y " * 200, "y " * 149 + "y…"),
    ],
)
def test_titles_are_one_line(text, folded):
    """Blanks are folded, unprintable characters left out, long texts cut."""
    assert folded == fold_text(text, MAX_TITLE)


@given(st.text(max_size=1000), st.integers(1, 50))
def test_folded_text_is_printable_and_short(text, length):
    """Whatever the text, the result is one printable line within its length."""
    folded = fold_text(text, length)

    assert len(folded) <= length
    assert folded.isprintable()
