"""What is indexed of a text."""

from __future__ import annotations

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe_server.search.terms import (
    MARK_END,
    MARK_START,
    has_words,
    index_terms,
    index_text,
    query_text,
    split_identifier,
)


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("getUserName", ["get", "User", "Name"]),
        ("HTTPServer", ["HTTP", "Server"]),
        ("XMLHttpRequest", ["XML", "Http", "Request"]),
        ("utf8Decode", ["utf8", "Decode"]),
        ("GitHub", ["Git", "Hub"]),
        ("Hello", []),
        ("README", []),
        ("snake_case", []),
        ("naïveBayes", []),
        ("aB" * 40, []),
    ],
)
def test_identifiers_are_split_where_capitals_begin(word, parts):
    """Words in camel case have parts; others, and data that only looks like it, have none."""
    assert split_identifier(word) == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("plain words only", ""),
        ("call getUserName twice: getUserName", "get User Name UserName"),
        ("GitHub, then HTTPServer", "Git Hub \ue000 HTTP Server"),
        ("größeMessen isn't split, mySize is", "e Messen \ue000 my Size"),
        ("ends in fooBar", "foo Bar"),
    ],
)
def test_parts_of_identifiers_stand_apart(text, parts):
    """Each identifier counts once, with its endings, and a border stands between two."""
    assert index_terms(text).parts == parts


@pytest.mark.parametrize(
    ("text", "indexed"),
    [
        ("plain", "plain"),
        ("数据库", " 数据 据库 库 "),
        ("修复login页面", " 修复 复 login 页面 面 "),
        ("テスト・ケース", " テス スト ト ・ ケー ース ス "),
        ("ok 🚀", "ok  u1f680 "),
        ("e\u0301", "é"),
        (f"a{MARK_START}b{MARK_END}c", "abc"),
    ],
)
def test_text_without_blanks_becomes_pairs(text, indexed):
    """Runs without blanks become pairs and their last character; marks are removed."""
    assert index_text(text) == indexed


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [("数据库", "数据 据库"), ("数", "数"), ("库 ", "库"), ("页面 login", "页面 面 login")],
)
def test_query_ends_where_the_text_may_go_on(typed, wanted):
    """The last character alone is left out where more may follow in the text."""
    assert query_text(typed) == wanted


@given(st.text())
def test_any_text_is_indexed_without_marks(text):
    """No text breaks the index, and no mark gets in."""
    terms = index_terms(text)

    assert not {MARK_START, MARK_END} & set(terms.text + terms.parts)


@given(st.text(alphabet="aB数据テ데한🚀 _-.\u0301", min_size=1, max_size=12))
def test_any_part_of_a_text_in_blanks_is_found_as_a_phrase(text):
    """What stands between blanks is found by typing it."""
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5(text)")
    connection.execute("INSERT INTO t VALUES (?)", (index_text(f"before {text} after"),))

    if has_words(text):
        words = query_text(text)
        star = "*" if len(words) == 1 and ord(words) > 0x3000 else ""
        assert connection.execute(
            "SELECT count(*) FROM t WHERE t MATCH ?", (f'"{words}"{star}',)
        ).get
