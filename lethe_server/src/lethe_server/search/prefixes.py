"""Beginnings that stand for too many words.

FTS5 puts all hits of a prefix together before it tells the first one, and hardly looks whether it
is to stop meanwhile (measured: 0.2 µs for each word of each text, and up to half of that until it
stops). So what a prefix stands for is counted first, word by word, which stops at once; a search
that could not be answered in time is not begun.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lethe_server.errors import QueryTimeout
from lethe_server.search.folding import fold
from lethe_server.search.terms import split_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lethe_server.search.expressions import Match
    from lethe_server.storage.search_hits import HitReader

#: Texts that the words of all prefixes of a search may stand in, each word counted on its own: what
#: is put together twice in less than the time budget.
MAX_POSTINGS: Final = 2_000_000


def check_prefixes(tables: Iterable[tuple[HitReader, Match]]) -> set[str]:
    """Refuse a search whose prefixes stand for too much.

    Args:
        tables: that are searched, and what is looked for in each.

    Returns:
        The prefixes that stand for nothing but themselves.

    Raises:
        QueryTimeout: it would take too long.
    """
    left = MAX_POSTINGS
    whole: dict[str, bool] = {}
    for reader, match in tables:
        for prefix in match.prefixes:
            words = split_words(fold(prefix))
            if not words:
                continue
            postings, longer = reader.postings(words[-1], left + 1)
            # FTS5 folds other scripts in ways of its own: it may have what was not looked up.
            alone = prefix.isascii() and not longer
            whole[prefix] = whole.get(prefix, True) and alone
            left -= postings
            if left < 0:
                raise QueryTimeout(
                    "too many words begin like the last one", hint="type more of the word"
                )
    return {prefix for prefix, is_whole in whole.items() if is_whole}
