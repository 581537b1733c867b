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
    plain_text,
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
    ("text", "plain"),
    [
        ("\x1b[31merror\x1b[0m: no", "error: no"),
        ("\x1b[1;38;5;196mFAILED\x1b[m", "FAILED"),
        ("match\x1b[01;31m\x1b[Ked\x1b[m\x1b[K part", "matched part"),
        ("one\x1b[5Ctwo\x1b[2;3Hthree", "one two three"),
        ("\x1b]0;title\x07text", " text"),
        ("\x1b]8;;https://x\x1b\\link\x1b]8;;\x1b\\ on", " link  on"),
        ("\x1b]never ends", " never ends"),
        ("\x1b(Btext\x1b7", " text "),
        ("at the end \x1b", "at the end  "),
        ("\x1b[31", " 31"),
        ("no [31m sequence", "no [31m sequence"),
    ],
)
def test_sequences_for_terminals_are_removed(text, plain):
    """Colours leave no trace, moves of the cursor a blank, and what never ends hides nothing."""
    assert plain_text(text) == plain
    assert index_terms(text).text == plain


@given(st.text(alphabet="\x1b\x07[]\\;mKP 0a\n\x02", max_size=60))
def test_no_escape_is_left_and_letters_stay(text):
    """Whatever stands there: no escape is left, and reading it twice changes nothing."""
    plain = plain_text(text)

    assert "\x1b" not in plain
    assert plain_text(plain) == plain


@pytest.mark.parametrize(
    ("text", "indexed"),
    [
        ("plain", "plain"),
        ("数据库", " 数据 据库 库 "),
        ("修复login页面", " 修复 复 login 页面 面 "),
        ("テスト・ケース", " テス スト ト ・ ケー ース ス "),
        ("ok 🚀", "ok  u1f680 "),
        ("▶️ 1️⃣ ™ →", " u25b6  1 u20e3   u2122  →"),
        ("e\u0301", "e"),
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
