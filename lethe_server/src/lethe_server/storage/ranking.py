"""Ranking: BM25 over the hits of one owner, with figures that stay the same from page to page.

FTS5 has a function of its own for this, but it counts all hits of each word before it scores the
first (measured: 9 ms for each million hits), looks up the length of each hit, and its figures move
while the archive grows. Here what a word counts is an argument: it is found out once, for the first
page, no further than `lethe_server.search.searching.CANDIDATES`, and travels in the cursor; and the
length of a text is told by the row's number. So a hit has the same score on each page, whatever is
stored meanwhile.

A word that stands in the parts of identifiers alone counts half of a whole word, an output of a
tool 0.7 of a text: it is seldom what somebody remembers.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lethe_server.storage.places import LENGTH_BITS, class_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

#: Names of the functions in SQL.
SCORE: Final = "lethe_score"
ROWS: Final = "lethe_rows"

_K1: Final = 1.2
_B: Final = 0.75
_PART: Final = 0.5
#: Columns of the index, by number.
_TEXT: Final = 0
_PARTS: Final = 1
#: A word that is everywhere still counts a little.
_LEAST_WEIGHT: Final = 0.05
_CLASSES: Final = 1 << LENGTH_BITS
_LENGTH_MASK: Final = _CLASSES - 1


class SourceScale(NamedTuple):
    """How hits of a source are scored.

    Args:
        weight: what a hit counts.
        length: characters of a text that is neither short nor long.
    """

    weight: float
    length: float


SCALES: Final = {"turns": SourceScale(1.0, 600.0), "outputs": SourceScale(0.7, 2400.0)}


def word_weight(rows: int, hits: int) -> float:
    """Return what a word counts: the rarer, the more.

    Args:
        rows: of the index.
        hits: rows that have the word; at most as far as they were counted.
    """
    weight = math.log((rows - hits + 0.5) / (hits + 0.5) + 1)
    return round(max(weight, _LEAST_WEIGHT), 4)


def score_argument(source: str, weights: Sequence[float]) -> str:
    """Return the argument of `SCORE`.

    Args:
        source: what is searched.
        weights: what each string of the expression counts, in order.
    """
    scale = SCALES[source]
    return json.dumps([scale.length, *(weight * scale.weight for weight in weights)])


def register_functions(connection: apsw.Connection) -> None:
    """Make the functions known to a connection.

    Args:
        connection: that reads.
    """
    connection.register_fts5_function(SCORE, _score)
    connection.register_fts5_function(ROWS, _rows)


class _Scale(NamedTuple):
    """What is the same for all hits of a query."""

    counted: list[tuple[int, float]]
    lengths: list[float]


def _scale_of(argument: str) -> _Scale:
    usual, *weights = json.loads(argument)
    return _Scale(
        [(index, weight) for index, weight in enumerate(weights) if weight],
        [_K1 * (1 - _B + _B * class_length(number) / usual) for number in range(_CLASSES)],
    )


def _score(api: apsw.FTS5ExtensionApi, /, *arguments: Any) -> float:
    scale: _Scale | None = api.aux_data
    if scale is None:
        scale = api.aux_data = _scale_of(arguments[0])
    counted, lengths = scale
    length = lengths[api.rowid & _LENGTH_MASK]
    score = 0.0
    for index, weight in counted:
        count: float = len(api.phrase_column_offsets(index, _TEXT))
        if not count:
            count = _PART * len(api.phrase_column_offsets(index, _PARTS))
        score += weight * count / (count + length)
    return score


def _rows(api: apsw.FTS5ExtensionApi, /, *_arguments: Any) -> int:
    return api.row_count
