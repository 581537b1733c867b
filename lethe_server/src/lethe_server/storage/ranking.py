"""Ranking: BM25 over the hits of one owner, with figures that stay the same from page to page.

FTS5 has a function of its own for this, but it counts all hits of each word before it scores the
first (measured: 9 ms for each million hits), looks up the length of each hit, and its figures move
while the archive grows. Here what a word counts is an argument: it is found out once, for the first
page, no further than `lethe_server.search.surveys.CANDIDATES`, and travels in the cursor; and the
length of a text is told by the row's number. So a hit has the same score on each page, whatever is
stored meanwhile.

A word that stands in the parts of identifiers alone counts half of a whole word, an output of a
tool 0.7 of a text: it is seldom what somebody remembers. Where several strings stand for a word
(itself, longer ones), the first that is found counts.

Of a single word, which is what most people look for, only the hits are counted in Python, and
SQLite does the rest (measured: 0.4 instead of 0.8 µs for each hit).
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lethe_server.storage.places import LENGTH_BITS, class_length

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import apsw

    _Scorer = Callable[[apsw.FTS5ExtensionApi], float]

#: Names of the functions in SQL.
SCORE: Final = "lethe_score"
HITS: Final = "lethe_hits"
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
#: The score of a hit of the only string. `places.class_length` is written out, in steps of a half
#: power of two; all that does not depend on the row is a parameter.
_ONE: Final = f"""
    ? / (1.0 + (? + ? * (1 << ((rowid & {_LENGTH_MASK}) >> 1))
        * iif(rowid & 1, {math.sqrt(2)!r}, 1.0)) / {HITS}({{table}}))
"""


class Worth(NamedTuple):
    """What a string of FTS5 counts.

    Args:
        string: by index, in the expression.
        weight: of a hit.
    """

    string: int
    weight: float


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


class Scoring(NamedTuple):
    """The score of a hit, as SQL.

    Args:
        sql: of a row of a table, for whose name ``{table}`` stands.
        values: of its parameters.
    """

    sql: str
    values: tuple[str | float, ...]


def make_scoring(source: str, leaves: Iterable[Sequence[Worth]]) -> Scoring:
    """Say how hits are scored.

    Args:
        source: what is searched.
        leaves: of each word or phrase the strings that stand for it, the dearest first.
    """
    scale = SCALES[source]
    weighted = [
        [(string, weight * scale.weight) for string, weight in leaf] for leaf in leaves if leaf
    ]
    match weighted:
        case [[(0, weight)]]:
            return Scoring(_ONE, (weight, *_norm_terms(scale.length)))
    return Scoring(f"{SCORE}({{table}}, ?)", (json.dumps([scale.length, weighted]),))


def register_functions(connection: apsw.Connection) -> None:
    """Make the functions known to a connection.

    Args:
        connection: that reads.
    """
    connection.register_fts5_function(SCORE, _score)
    connection.register_fts5_function(HITS, _hits)
    connection.register_fts5_function(ROWS, _rows)


def _score(api: apsw.FTS5ExtensionApi, /, *arguments: Any) -> float:
    """Score a hit; what all hits of a query share is worked out at the first."""
    scorer: _Scorer | None = api.aux_data
    if scorer is None:
        scorer = api.aux_data = _scorer_of(arguments[0])
    return scorer(api)


def _scorer_of(argument: str) -> _Scorer:
    """Make the function that scores a hit: the hottest lines of a search."""
    usual, leaves = json.loads(argument)
    lengths = [_norm(class_length(number), usual) for number in range(_CLASSES)]
    words = [leaf[0] for leaf in leaves]  # nearly always all that there is of them

    def score(api: apsw.FTS5ExtensionApi) -> float:
        length = lengths[api.rowid & _LENGTH_MASK]
        offsets = api.phrase_column_offsets
        total = 0.0
        for leaf in leaves:
            for string, weight in leaf:
                count = len(offsets(string, _TEXT)) or _PART * len(offsets(string, _PARTS))
                if count:
                    total += weight * count / (count + length)
                    break
        return total

    def score_words(api: apsw.FTS5ExtensionApi) -> float:
        length = lengths[api.rowid & _LENGTH_MASK]
        offsets = api.phrase_column_offsets
        total = 0.0
        for string, weight in words:
            count = len(offsets(string, _TEXT)) or _PART * len(offsets(string, _PARTS))
            total += weight * count / (count + length)
        return total

    return score if any(len(leaf) > 1 for leaf in leaves) else score_words


def _hits(api: apsw.FTS5ExtensionApi, /, *_arguments: Any) -> float:
    """Count the hits of the only string."""
    offsets = api.phrase_column_offsets
    return len(offsets(0, _TEXT)) or _PART * len(offsets(0, _PARTS))


def _norm(length: float, usual: float) -> float:
    """Return what a text's length adds to the number of hits, in the denominator of BM25."""
    return _K1 * (1 - _B + _B * length / usual)


def _norm_terms(usual: float) -> tuple[float, float]:
    """Return `_norm` of a class as a constant and a factor of ``2 ** (class / 2)``."""
    first, third = (_norm(class_length(number), usual) for number in (0, 2))
    factor = third - first
    return first - factor, factor


def _rows(api: apsw.FTS5ExtensionApi, /, *_arguments: Any) -> int:
    return api.row_count
