"""Ranking: BM25 over the hits of one owner, with figures that stay the same from page to page.

FTS5 has a function of its own for this, but it counts all hits of each word before it scores the
first (measured: 9 ms for each million hits), and its figures move while the archive grows. Here
the figures are arguments: they are counted once, for the first page, no further than
`lethe_server.search.searching.CANDIDATES`, and travel in the cursor. So a hit has the same score
on each page, whatever is stored meanwhile.

A word in the parts of an identifier counts half of a whole word, an output of a tool 0.7 of a
text: it is long, and seldom what somebody remembers.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

#: Names of the functions in SQL.
SCORE: Final = "lethe_score"
TOTALS: Final = "lethe_totals"

_K1: Final = 1.2
_B: Final = 0.75
_PART: Final = 0.5
#: A word that is everywhere still counts a little.
_LEAST_WEIGHT: Final = 0.05

#: What the hits of a source count.
SOURCE_WEIGHTS: Final = {"turns": 1.0, "outputs": 0.7}


class Totals(NamedTuple):
    """The size of an index: its rows, and the words in their texts."""

    rows: int = 0
    words: int = 0

    def plus(self, other: Totals) -> Totals:
        """Return the size of both."""
        return Totals(self.rows + other.rows, self.words + other.words)

    @property
    def mean(self) -> float:
        """Words of a row."""
        return self.words / self.rows if self.rows else 1.0


def word_weight(rows: int, hits: int) -> float:
    """Return what a word counts: the rarer, the more.

    Args:
        rows: of the index.
        hits: rows that have the word; at most as far as they were counted.
    """
    weight = math.log((rows - hits + 0.5) / (hits + 0.5) + 1)
    return round(max(weight, _LEAST_WEIGHT), 4)


def score_argument(mean: float, weights: Sequence[float]) -> str:
    """Return the argument of `SCORE`.

    Args:
        mean: words of a row.
        weights: what each string of the expression counts, in order.
    """
    return json.dumps([max(mean, 1.0), *weights])


def register_functions(connection: apsw.Connection) -> None:
    """Make the functions known to a connection.

    Args:
        connection: that reads.
    """
    connection.register_fts5_function(SCORE, _score)
    connection.register_fts5_function(TOTALS, _totals)


def _score(api: apsw.FTS5ExtensionApi, /, *arguments: Any) -> float:
    figures: tuple[float, list[tuple[int, float]]] | None = api.aux_data
    if figures is None:
        mean, *weights = json.loads(arguments[0])
        counted = [(index, weight) for index, weight in enumerate(weights) if weight]
        figures = api.aux_data = (_K1 * _B / mean, counted)
    slope, counted = figures
    length = _K1 * (1 - _B) + slope * api.column_size(0)
    score = 0.0
    for index, weight in counted:
        places = api.phrase_locations(index)
        count = len(places[0]) + _PART * len(places[1])
        score += weight * count / (count + length)
    return score


def _totals(api: apsw.FTS5ExtensionApi, /, *_arguments: Any) -> str:
    return json.dumps([api.row_count, api.column_total_size(0)])
