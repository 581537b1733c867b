"""How the cost of a search grows with the archive, and how it compares with tantivy.

The turns are made up: words by Zipf's law, some of known frequency among them, some of them
identifiers. They are stored and indexed without HTTP, searched by the function that the server
calls, and indexed by tantivy as they are. Each figure is the median of several runs, in
milliseconds of CPU.
"""

from __future__ import annotations

import itertools
import random
import shutil
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

try:
    import tantivy
except ImportError:
    raise SystemExit("search-scale compares with tantivy: pip install tantivy") from None

from lethe_server.search.expressions import compile_match
from lethe_server.search.fts5_syntax import parse_fts5
from lethe_server.search.query import parse_query
from lethe_server.search.searching import Search, search_turns
from lethe_server.search.terms import NO_TERMS, index_terms
from lethe_server.storage import hit_counts
from lethe_server.storage.database import open_database, prepare_directory
from lethe_server.storage.migrations import migrate
from lethe_server.storage.search_hits import HitReader, Wanted
from lethe_server.storage.search_index import IndexedTurn, facets_of, index_turns
from lethe_server.storage.transactions import write_transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lethe_server.search.query import Query

TURNS: Final = {"100k": 100_000, "1M": 1_000_000, "3M": 3_000_000}

_ROUNDS: Final = 5
_BATCH: Final = 2000
_TURNS_OF_SESSION: Final = 200
#: One session in so many belongs to the small owner, one to the seldom host.
_SMALL, _SELDOM = 20, 50
_VOCABULARY: Final = 60_000
_EPOCH: Final = 1_700_000_000.0
_KNOWN: Final = {
    "thirtyw": 0.3,
    "tenw": 0.1,
    "onew": 0.01,
    "milliw": 0.001,
    "rareword": 0.00002,
}
#: Name of a class of queries: what is typed, its syntax, parameters of the search.
_QUERIES: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "30 % word": ("thirtyw ", "words", {}),
    "10 % word": ("tenw ", "words", {}),
    "1 % word": ("onew ", "words", {}),
    "0.1 % word": ("milliw ", "words", {}),
    "rare word": ("rareword ", "words", {}),
    "30 % word as typed (prefix)": ("thirtyw", "words", {}),
    "prefix of 3": ("til", "words", {}),
    "30 % AND 10 %": ("thirtyw tenw ", "words", {}),
    "10 % AND 1 %": ("tenw onew ", "words", {}),
    "30 % OR 10 %": ("thirtyw OR tenw", "fts5", {}),
    "phrase of 30 % and 10 %": ('"thirtyw tenw"', "words", {}),
    "30 % word, newest first": ("thirtyw ", "words", {"order": "time"}),
    "30 % word, 2 % host": ("thirtyw host:seldom ", "words", {}),
    "30 % word, last day": ("thirtyw after:LATEST ", "words", {}),
    "30 % word, 5 % owner": ("thirtyw ", "words", {"owner": "small"}),
}


def measure(sizes: list[str]) -> dict[str, dict[str, float]]:
    """Build an archive of each size and search it."""
    return {size: _measure(TURNS[size]) for size in sizes}


def _measure(turns: int) -> dict[str, float]:
    scratch = Path(tempfile.mkdtemp(prefix="lethe-bench-search-"))
    try:
        figures = _build(scratch, turns)
        figures |= _search(scratch, turns)
        return figures | _measure_tantivy(scratch, turns)
    finally:
        shutil.rmtree(scratch)


# Texts -------------------------------------------------------------------------------------


def _texts(turns: int) -> Iterator[tuple[float, str]]:
    chance = random.Random(2)
    words = _vocabulary()
    weights = list(itertools.accumulate(1 / (rank + 10) for rank in range(len(words))))
    now = _EPOCH
    for _ in range(turns):
        now += chance.random() * 20
        text = chance.choices(words, cum_weights=weights, k=chance.randint(8, 32))
        for word, share in _KNOWN.items():
            if chance.random() < share:
                text.insert(chance.randrange(len(text)), word)
        if "thirtyw" in text and chance.random() < 0.2:
            text.insert(text.index("thirtyw") + 1, "tenw")
        yield now, " ".join(text)


def _vocabulary() -> list[str]:
    chance = random.Random(1)
    syllables = [a + b for a in "bdfghklmnprstvz" for b in "aeiou"]
    words: dict[str, None] = {}
    while len(words) < _VOCABULARY:
        word = "".join(chance.choices(syllables, k=chance.randint(2, 4)))
        if chance.random() < 0.15:
            word += "".join(chance.choices(syllables, k=2)).capitalize()
        words[word] = None
    return list(words)


def _owner_of(session: int) -> int:
    return 2 if session % _SMALL == 0 else 1


# lethe -------------------------------------------------------------------------------------


def _build(scratch: Path, turns: int) -> dict[str, float]:
    path = prepare_directory(scratch / "data")
    database = open_database(path, writer=True)
    connection = database.connection()
    migrate(connection)
    with write_transaction(connection):
        connection.execute("INSERT INTO owners VALUES (1, 'large'), (2, 'small')")
        for session in range(turns // _TURNS_OF_SESSION + 1):
            host = "seldom" if session % _SELDOM == 0 else "laptop"
            values = (session, _owner_of(session), "bench", host, f"s{session}", b"{}")
            connection.execute(
                "INSERT INTO sessions (id, owner, tool, host, session_id, state) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )
    spent = 0.0
    texts = enumerate(_texts(turns), start=1)
    while batch := list(itertools.islice(texts, _BATCH)):
        with write_transaction(connection):
            _insert_turns(connection, batch)
            begun = time.process_time()
            for owner in (1, 2):
                index_turns(
                    connection, owner, [_indexed(*turn) for turn in batch if _whose(turn) == owner]
                )
            spent += time.process_time() - begun
    connection.wal_checkpoint(mode=3)
    size = connection.execute(
        "SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'search%' AND aggregate = TRUE"
    ).get
    database.close()
    return {"build turns/CPU s": turns / spent, "index MB": size / 1e6}


def _whose(turn: tuple[int, tuple[float, str]]) -> int:
    return _owner_of(turn[0] // _TURNS_OF_SESSION)


def _insert_turns(connection: Any, batch: list[tuple[int, tuple[float, str]]]) -> None:
    connection.executemany(
        "INSERT INTO turns (id, owner, session, turn_id, seq, role, timestamp, content, "
        "seq_version, revision, parser_version, digest, calls, tokens_in, tokens_out, "
        "cache_read, cache_write, reasoning, cost_nano) "
        "VALUES (?1, ?2, ?3, ?1, ?1, 'user', ?4, ?5, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)",
        (
            (number, _owner_of(number // _TURNS_OF_SESSION), number // _TURNS_OF_SESSION, now, text)
            for number, (now, text) in batch
        ),
    )


def _indexed(number: int, turn: tuple[float, str]) -> IndexedTurn:
    session = number // _TURNS_OF_SESSION
    host = "seldom" if session % _SELDOM == 0 else "laptop"
    facets = facets_of(session, "bench", host, "user")
    return IndexedTurn(number, session, facets, turn[0], index_terms(turn[1]), NO_TERMS)


def _search(scratch: Path, turns: int) -> dict[str, float]:
    vars(hit_counts)["REMEMBERED"] = 0  # nobody has asked for these words before
    database = open_database(prepare_directory(scratch / "data"), writer=False)
    connection = database.connection()
    latest = connection.execute("SELECT max(timestamp) FROM turns").get - 86_400
    now = datetime.fromtimestamp(latest, UTC)
    figures: dict[str, float] = {}
    for name, (words, syntax, given) in _QUERIES.items():
        typed = words.replace("LATEST", str(int(latest)))
        query: Query = parse_fts5(typed) if syntax == "fts5" else parse_query(typed, now)
        search = Search(
            query=query,
            identity=(typed,),
            owner=given.get("owner", "large"),
            order=given.get("order", "rank"),
        )
        figures[f"{name}: search"] = _milliseconds(lambda: search_turns(connection, search))  # noqa: B023 - called at once
        reader = HitReader(connection, "turns", 2 if "owner" in given else 1)
        expression = compile_match(query.wanted).expression
        figures[f"{name}: match"] = _milliseconds(
            lambda: reader.tally(Wanted(expression), turns)  # noqa: B023 - called at once
        )
    database.close()
    return figures


def _milliseconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_ROUNDS):
        begun = time.process_time()
        work()
        times.append((time.process_time() - begun) * 1000)
    return statistics.median(times)


# tantivy -----------------------------------------------------------------------------------


def _measure_tantivy(scratch: Path, turns: int) -> dict[str, float]:
    schema = tantivy.SchemaBuilder()
    schema.add_integer_field("number", stored=True)
    schema.add_text_field("owner", tokenizer_name="raw")
    schema.add_text_field("text")
    folder = scratch / "tantivy"
    folder.mkdir()
    index = tantivy.Index(schema.build(), path=str(folder))
    writer = index.writer(heap_size=128_000_000, num_threads=1)
    spent = 0.0
    for number, (_, text) in enumerate(_texts(turns), start=1):
        begun = time.process_time()
        owner = str(_owner_of(number // _TURNS_OF_SESSION))
        writer.add_document(tantivy.Document(number=number, owner=owner, text=text))
        spent += time.process_time() - begun
    begun = time.process_time()
    writer.commit()
    writer.wait_merging_threads()
    spent += time.process_time() - begun
    size = sum(file.stat().st_size for file in folder.iterdir())
    figures = {"tantivy build turns/CPU s": turns / spent, "tantivy index MB": size / 1e6}
    index.reload()
    searcher = index.searcher()
    asked = {
        "30 % word": '+owner:"1" +thirtyw',
        "10 % word": '+owner:"1" +tenw',
        "1 % word": '+owner:"1" +onew',
        "0.1 % word": '+owner:"1" +milliw',
        "rare word": '+owner:"1" +rareword',
        "30 % AND 10 %": '+owner:"1" +thirtyw +tenw',
        "10 % AND 1 %": '+owner:"1" +tenw +onew',
        "30 % OR 10 %": '+owner:"1" +(thirtyw tenw)',
        "phrase of 30 % and 10 %": '+owner:"1" +"thirtyw tenw"',
        "30 % word, 5 % owner": '+owner:"2" +thirtyw',
    }
    for name, words in asked.items():
        query = index.parse_query(words, ["text"])
        figures[f"{name}: tantivy"] = _milliseconds(lambda: searcher.search(query, 50))  # noqa: B023 - called at once
    return figures
