"""What of a letter matters to who looks for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe_server.search.folding import compose, fold, fold_accents, fold_case, places_of_kept


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Été e\u0301te\u0301", "ete ete"),
        ("Tiếng Việt, phở", "tieng viet, pho"),
        ("Ёлка", "елка"),
        ("Ὁδός ΟΔΟΣ", "οδοσ οδοσ"),
        ("שָׁלוֹם", "שלום"),
        ("مَرْحَبًا", "مرحبا"),
        ("İstanbul Straße", "istanbul straße"),
        ("か\u3099 が ガ", "が が ガ"),
        ("हिन्दी", "हिन्दी"),
        ("ที่นี่", "ที่นี่"),
        ("한국어 数据库 →", "한국어 数据库 →"),
    ],
)
def test_case_and_accents_are_folded(text, folded):
    """Marks that people leave out are folded; those that make another letter stay."""
    assert fold(text) == folded


@given(st.text())
def test_each_character_is_folded_on_its_own(text):
    """What a character gives does not depend on others: places in a folded text can be told."""
    text = compose(text)

    plain = fold_accents(text)

    assert plain == "".join(map(fold_accents, text))
    assert all(len(fold_accents(char)) <= 1 for char in text)
    assert len(fold_case(plain)) == len(plain)
    kept = [place for place, char in enumerate(text) if fold_accents(char)]
    assert list(places_of_kept(text)) == kept
