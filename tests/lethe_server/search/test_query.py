"""What people type, as a tree of words."""

from __future__ import annotations

from datetime import UTC, datetime

import apsw
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lethe_server.errors import InvalidRequest
from lethe_server.search.expressions import compile_match, compile_matches
from lethe_server.search.fts5_syntax import parse_fts5
from lethe_server.search.query import All, Condition, Phrase, parse_query

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def _expression(typed: str) -> str:
    query = parse_query(typed, NOW)
    return compile_match(query.wanted, query.excluded).expression


@pytest.mark.parametrize(
    ("typed", "expression"),
    [
        ("rose ", '({text parts} : "rose")'),
        ("rose", '({text parts} : "rose" OR {text parts} : "rose"*)'),
        ("ro", '({text parts} : "ro")'),
        ("rose bud ", '(({text parts} : "rose") AND ({text parts} : "bud"))'),
        ('"rose bud"', '(text : "rose bud")'),
        ('say "rose', '(({text parts} : "say") AND (text : "rose"))'),
        ("rose -bud ", '(({text parts} : "rose")) NOT ({text parts} : "bud")'),
        ('-"rose bud"', '((facets : ("a"))) NOT (text : "rose bud")'),
        ("--no-verify ", '({text parts} : "--no-verify")'),
        ("getUser ", '({text parts} : "getUser" OR parts : "get User")'),
        ('5" disk ', '(({text parts} : "5""") AND ({text parts} : "disk"))'),
        ("库 ", '({text parts} : "库" OR {text parts} : "库"*)'),
    ],
)
def test_words_become_strings(typed, expression):
    """Each word is a string of FTS5, whatever signs it holds; the last one is a prefix."""
    assert _expression(typed) == expression


def test_conditions_are_taken_out_of_the_words():
    """Conditions of one field are alternatives; an unknown key is a word."""
    query = parse_query('tool:codex x:y Tool:"claude-code" -host:desk role:USER', NOW)

    assert query.conditions == (
        Condition("tool", ("codex", "claude-code")),
        Condition("host", ("desk",), negated=True),
        Condition("role", ("user",)),
    )
    assert query.wanted == Phrase("x:y", "x:y")


def test_the_narrower_time_counts():
    """Of several times the latest beginning and the earliest end hold."""
    query = parse_query("after:2026-01-01 after:2026-02-01 before:2026-04-01", NOW)
    narrowed = query.narrowed(since=1.0, until=2.0)

    assert query.since == datetime(2026, 2, 1, tzinfo=UTC).timestamp()
    assert query.until == datetime(2026, 4, 1, tzinfo=UTC).timestamp()
    assert (narrowed.since, narrowed.until) == (query.since, 2.0)


def test_words_of_phrases_count():
    """The bound on words counts those between quotation marks."""
    with pytest.raises(InvalidRequest):
        parse_query(f'"{"rose " * 33}"', NOW)
    assert isinstance(parse_query("rose " * 32, NOW).wanted, All)


@pytest.mark.promise("Q06", "A6", "A9")
@given(st.text(max_size=100))
@example("\x00")
@example('a"b"c')
@example("-\ue000")
def test_q06_any_text_makes_an_expression_that_fts5_takes(typed):
    """Nothing that is typed is syntax to FTS5."""
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5(text, parts, facets)")
    try:
        expression = _expression(typed)
    except InvalidRequest:
        assert not typed.strip() or ":" in typed or len(typed.split()) > 32
        return
    connection.execute("SELECT count(*) FROM t WHERE t MATCH ?", (expression,)).fetchall()


@pytest.mark.promise("Q07", "A6", "A9")
@given(
    st.lists(
        st.sampled_from(["rose", "AND", "OR", "NOT", "NEAR", "(", ")", '"a b"', "+", "*", "^"])
        | st.sampled_from(["text", ":", ",", "3", "数据", "->", '"', "owner"]),
        max_size=12,
    ).map(" ".join)
)
def test_q07_any_text_in_syntax_is_taken_or_refused_here(typed):
    """What is not refused here is not refused by FTS5."""
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5(text, parts, facets)")
    try:
        query = parse_fts5(typed)
    except InvalidRequest:
        return
    expression = compile_match(query.wanted).expression
    connection.execute("SELECT count(*) FROM t WHERE t MATCH ?", (expression,)).fetchall()


def test_a_lone_word_that_goes_on_is_looked_for_apart():
    """The word and longer ones have an expression each, and no turn is a hit of both."""
    query = parse_query("-thorn rose", NOW)

    word, longer = compile_matches(query.wanted, query.excluded)

    assert word.expression == '(({text parts} : "rose")) NOT ({text parts} : "thorn")'
    assert longer.expression == (
        '((({text parts} : "rose"*) NOT ({text parts} : "rose"))) NOT ({text parts} : "thorn")'
    )
    assert [len(match.strings) for match in (word, longer)] == [1, 1]
    assert word.strings[0].worth > longer.strings[0].worth > 0
    assert (word.is_word, longer.is_word) == (True, False)


@pytest.mark.parametrize("typed", ["red rose", '"rose"', "getUs", "rose OR tulip", "ro"])
def test_all_else_is_looked_for_at_once(typed):
    """Several words, what was quoted, parts of identifiers and short words have one expression."""
    wanted = parse_query(typed, NOW).wanted

    assert compile_matches(wanted) == (compile_match(wanted),)


@pytest.mark.promise("Q06")
@pytest.mark.parametrize(
    ("typed", "hopeless"),
    [
        ('tool:codex -"=>"', False),
        ('tool:codex -foo -"=>"', False),
        ("tool:codex -", False),
        ("tool:codex =>", True),
        ("tool:codex word =>", False),
    ],
)
def test_q06_signs_that_nothing_has_exclude_nothing(typed, hopeless):
    """Alone they are looked for and not found; to exclude them leaves all."""
    assert parse_query(typed, NOW).hopeless == hopeless
