"""The part of a text that is shown, and its marks."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe_server.search.expressions import compile_match
from lethe_server.search.query import parse_query
from lethe_server.search.snippets import LENGTH, SnippetMaker
from lethe_server.search.terms import plain_text

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def _cut(typed: str, text: str) -> str:
    leaves = compile_match(parse_query(typed, NOW).wanted).leaves
    return SnippetMaker(leaves).cut(text).replace("\x02", "[").replace("\x03", "]")


@pytest.mark.parametrize(
    ("typed", "text", "snippet"),
    [
        ("rose", "A rose, a Rose and roses", "A [rose], a [Rose] and [roses]"),
        ("rose ", "A rose and roses", "A [rose] and roses"),
        ("rose ", "primrose", "primrose"),
        ("User ", "call getUserName now", "call get[User]Name now"),
        ("UserName ", "call getUserName now", "call get[UserName] now"),
        ("user ", "call getUserName now", "call get[User]Name now"),
        ("foo_bar ", "set foo_bar_baz", "set [foo_bar]_baz"),
        ('"red rose"', "a red\n\n  rose, red", "a [red rose], red"),
        ("cafe ", "Das Café", "Das [Café]"),
        ("数据", "检查数据库", "检查[数据]库"),
        ("库", "数据库", "数据[库]"),
        ("🚀", "ship 🚀 it", "ship [🚀] it"),
        ("▶", "press ▶️ now", "press [▶️] now"),
        ("▶️", "press ▶ now", "press [▶] now"),
        ("Ⓜ️", "the Ⓜ️ here", "the [Ⓜ️] here"),
        ("#️⃣", "press #️⃣ now", "press [#️⃣] now"),
        ("rose -tulip", "rose tulip", "[rose] tulip"),
        ("absent", "nothing here", "nothing here"),
        ("error", "\x1b[31merror\x1b[0m[E0308]", "[error][E0308]"),
        ("matched ", "mat\x1b[1mch\x1b[0med", "[matched]"),
        ("e\u0301t\u00e9", "un été", "un [été]"),
        ("tieng viet ", "học Tiếng Việt mới", "học [Tiếng] [Việt] mới"),
        ("ελλαδα ", "στην Ελλάδα", "στην [Ελλάδα]"),
        ("שלום ", "אמר שָׁלוֹם לו", "אמר [שָׁלוֹם] לו"),
        ("שלו ", "אמר שָׁלוֹם לו", "אמר שָׁלוֹם לו"),
        ("مرحبا", "قال مَرْحَبًا له", "قال [مَرْحَبًا] له"),
    ],
)
def test_words_are_marked_where_they_stand(typed, text, snippet):
    """What FTS5 finds is marked: case, accents, parts of identifiers, runs without blanks."""
    assert _cut(typed, text) == snippet


def test_the_part_with_most_words_is_shown():
    """Of a long text the place with the most different words is shown, cut between words."""
    text = "rose " + "filler " * 200 + "a rose beside a tulip " + "filler " * 200

    snippet = _cut("rose tulip ", text)

    assert "a [rose] beside a [tulip]" in snippet
    assert snippet.startswith("…filler")
    assert snippet.endswith("filler…")
    assert len(snippet) <= LENGTH + 10


@pytest.mark.parametrize("typed", ["port ", "port line "])
def test_a_word_behind_many_longer_ones_is_shown(typed):
    """Where a word stands within others it is no hit, however often that is."""
    text = "import report " * 500 + "the port is closed"

    assert "the [port] is closed" in _cut(typed, text)


def test_words_at_the_end_of_a_very_long_text_are_shown():
    """Where the beginning of a text says nothing, the rest is looked at."""
    assert _cut("rose ", "filler " * 50_000 + "one rose").endswith("filler one [rose]")


@given(st.text(max_size=600), st.text(min_size=1, max_size=5))
def test_any_text_is_cut(text, word):
    """A snippet is short, whatever is looked for, and without its marks part of the text."""
    leaves = compile_match(parse_query(f'x "{word}"', NOW).wanted).leaves

    snippet = SnippetMaker(leaves).cut(text)

    plain = snippet.replace("\x02", "").replace("\x03", "")
    shown = "".join(plain.strip("…").split())
    text = unicodedata.normalize("NFC", plain_text(text))
    assert shown in "".join(text.split())
    assert snippet.count("\x02") == snippet.count("\x03")
