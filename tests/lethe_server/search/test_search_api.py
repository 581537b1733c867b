"""``GET /api/v1/search``: answers and parameters."""

from __future__ import annotations

import pytest

from lethe_server.search import handler, plans, prefixes, surveys

FIELDS = [
    "tool",
    "host",
    "session_id",
    "turn_id",
    "seq",
    "timestamp",
    "role",
    "working_dir",
    "title",
    "snippet",
    "match_source",
    "rank",
]

#: What somebody may type; every one is an answer, whatever it finds.
TYPED = (
    "don't",
    "multi-agent",
    "owner:x",
    "AND",
    "OR OR",
    "NOT",
    "a AND",
    "NEAR(a b, 5)",
    '"',
    '"" ""',
    '"open',
    'in"side',
    "*",
    "**",
    "a*",
    "^start",
    "(((",
    ")",
    "{text}: x",
    "text : x",
    "facets:a",
    "-",
    "--",
    "---x",
    '-"not this"',
    "+x",
    "x+y",
    "'; DROP TABLE turns; --",
    "%_%",
    "\\",
    "a\0b",
    "\0",
    "\x02mark\x03",
    "\x02",
    "\ue000",
    "\ufeff",
    "\u202eright to left",
    "שלום עולם",
    "مرحبا",
    "😀 👩‍👩‍👧",
    "数",
    "e\u0301",
    "İstanbul ß ﬁ",
    "tool:",
    "tool: x",
    'project:"',
    "before:",
    "http://[::1]:80/x?y=z",
    "C:\\x",
    "1e309",
    "NaN",
    "\t\n x \r\n",
    "x" * 512,
    " ".join("abcdefghijklmnopqrstuvwxyzabcdef"),
)


async def test_answer_has_all_fields_in_order(searches, archive, event):
    """A result names the turn, its session and where the words stand."""
    meta = {"working_dir": "/home/kim/garden", "title": "Roses"}
    await archive.send(event(7, content="water the roses", session_meta=meta))

    answer = await searches.answer("roses")

    assert list(answer) == ["results", "limit", "next_cursor", "total", "ranking", "took_ms"]
    assert list(answer["results"][0]) == FIELDS
    assert answer["results"][0] | {"rank": 1.0} == {
        "tool": "claude-code",
        "host": "laptop",
        "session_id": "s1",
        "turn_id": "turn-7",
        "seq": 70,
        "timestamp": 1_700_000_007.0,
        "role": "user",
        "working_dir": "/home/kim/garden",
        "title": "Roses",
        "snippet": "water the \x02roses\x03",
        "match_source": "turn",
        "rank": 1.0,
    }
    assert (answer["limit"], answer["next_cursor"]) == (50, None)
    assert answer["total"] == {"value": 1, "relation": "eq"}
    assert answer["ranking"] == "exact"


async def test_empty_archive_answers_nothing(searches):
    """Who has stored nothing finds nothing."""
    answer = await searches.answer("roses")

    assert (answer["results"], answer["total"]["value"]) == ([], 0)


@pytest.mark.promise("Q06", "A9", "A6")
@pytest.mark.parametrize("typed", TYPED, ids=range(len(TYPED)))
async def test_q06_whatever_is_typed_gives_an_answer(searches, archive, event, typed):
    """Nothing that somebody types is an error, and what stands in a turn is found."""
    await archive.send(event(1, content=f"before {typed} after"), event(2, content="unrelated"))

    answer = await searches.answer(typed)

    names = [result["turn_id"] for result in answer["results"]]
    assert set(names) <= {"turn-1", "turn-2"}


@pytest.mark.promise("Q06", "A9")
@pytest.mark.parametrize("typed", ["", "  ", "x" * 513, " ".join(["word"] * 33)])
async def test_q06_only_empty_and_endless_queries_are_refused(searches, typed):
    """No word, more than 512 characters and more than 32 words are 400 and say so."""
    problem = await searches.answer(typed, status=400)

    assert (problem["code"], problem["parameter"]) == ("INVALID", "q")


@pytest.mark.parametrize(
    ("typed", "said"),
    [("after:soon x", "after"), ("before:2026-13-01 x", "before"), ("role:robot x", "role")],
)
async def test_wrong_condition_is_refused_by_name(searches, typed, said):
    """A date or role that is none is a 400 that names it and tells what is allowed."""
    problem = await searches.answer(typed, status=400)

    assert problem["detail"].startswith(f"q: {said}:")
    assert problem["hint"]


@pytest.mark.promise("Q07", "A9", "A5")
@pytest.mark.parametrize(
    "typed",
    [
        "roses AND",
        "(roses",
        "roses)",
        '"roses',
        "owner:x",
        "facets : a",
        "{text parts} : roses",
        "- text : roses",
        "NEAR(roses tulips, 1000000000)",
        "NEAR(roses tulips, x)",
        " OR ".join(["rose"] * 100),
        " OR ".join(["rose"] * 33),
        "(" * 17 + "rose" + ")" * 17,
        "ro*",
        "roses ; tulips",
        "OR",
    ],
    ids=lambda typed: typed[:30],
)
async def test_q07_broken_syntax_is_refused(searches, archive, event, typed):
    """FTS5's syntax is checked: what is wrong or beyond a bound is a 400."""
    await archive.send(event(1, content="roses and tulips"))

    problem = await searches.answer(typed, status=400, syntax="fts5")

    assert (problem["code"], problem["parameter"]) == ("INVALID", "q")


@pytest.mark.promise("Q07")
async def test_q07_position_of_the_error_is_told(searches):
    """The problem says at which character the syntax breaks."""
    problem = await searches.answer("roses AND OR tulips", status=400, syntax="fts5")

    assert "at character 11" in problem["detail"]


@pytest.mark.promise("Q07")
@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("roses OR tulips", {"turn-1", "turn-2"}),
        ("(roses OR tulips) NOT water", {"turn-2"}),
        ("plant NOT (water OR roses)", {"turn-2"}),
        ("^plant", {"turn-2"}),
        ("NEAR(water roses, 2)", {"turn-1"}),
        ('text : "red roses"', {"turn-1"}),
        ("text : (tulips plant)", {"turn-2"}),
        ("daisy", {"turn-3"}),
        ("text : daisy", set()),
        ("text : (tulips OR (daisy))", {"turn-2"}),
        ("text : tulips OR daisy", {"turn-2", "turn-3"}),
        ("red + roses", {"turn-1"}),
        ("tul*", {"turn-2"}),
        ('"->" OR tulips', {"turn-2"}),
        ('"->" tulips', set()),
        ('"->"', set()),
    ],
)
async def test_q07_syntax_of_fts5_works_when_asked_for(searches, archive, event, typed, found):
    """Operators, columns, phrases, prefixes and NEAR mean what they mean in FTS5."""
    await archive.send(
        event(1, content="water the red roses, plant nothing"),
        event(2, content="plant tulips"),
        event(3, content="growDaisy"),
    )

    assert set(await searches.found(typed, syntax="fts5")) == found


@pytest.mark.parametrize(
    "parameters",
    [
        {"colour": "red"},
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "1e3"},
        {"limit": "-1"},
        {"order": "best"},
        {"syntax": "sql"},
        {"role": "robot"},
        {"tz": "../../etc/passwd"},
        {"tz": "Nowhere/Land"},
        {"since": "yesteryear"},
        {"since": "2026-02-01", "until": "2026-01-01"},
        {"include_tool_outputs": "maybe"},
        {"cursor": ""},
    ],
    ids=str,
)
async def test_wrong_parameter_is_refused_by_name(searches, parameters):
    """Unknown and wrong parameters are a 400 that names the parameter."""
    problem = await searches.answer("roses", status=400, **parameters)

    assert problem["parameter"] == next(iter(parameters))


async def test_query_is_required(archive):
    """A search without `q` is a 400."""
    problem = await archive.get("/search", status=400)

    assert problem["parameter"] == "q"


async def test_parameters_narrow_what_is_typed(searches, archive, event):
    """Parameters hold as well as the conditions in the query."""
    await archive.send(
        event(1, content="roses"),
        event(2, content="roses", tool="codex"),
        event(3, content="roses", role="assistant"),
        event(4, content="roses", host="desk", session_meta={"working_dir": "/src/garden"}),
    )

    assert await searches.found("roses", tool="codex") == ["turn-2"]
    assert await searches.found("roses", role="assistant") == ["turn-3"]
    assert await searches.found("roses", host="desk") == ["turn-4"]
    assert await searches.found("roses", project="garden") == ["turn-4"]
    assert await searches.found("roses", session="other") == []
    assert await searches.found("roses tool:codex", tool="claude-code") == []
    assert await searches.found("roses", since="1700000002", until="1700000003") == ["turn-2"]


async def test_tool_outputs_are_found_on_request_once_a_turn(searches, archive, event):
    """Of a turn whose text and output both match, the better match is the one result."""
    call = {"id": "c", "output": "roses everywhere, far away in a very long garden of outputs"}
    await archive.send(
        event(1, content="roses roses", tool_calls=[call]),
        event(2, content="", role="tool", tool_calls=[call]),
    )

    answer = await searches.answer("roses", include_tool_outputs="true")

    sources = {result["turn_id"]: result["match_source"] for result in answer["results"]}
    assert len(answer["results"]) == answer["total"]["value"] == 2
    assert sources == {"turn-1": "turn", "turn-2": "tool_output"}
    assert "\x02roses\x03 everywhere" in answer["results"][1]["snippet"]
    assert await searches.found("roses") == ["turn-1"]


async def test_order_of_time_puts_the_newest_first(searches, archive, event):
    """With order=time nothing is ranked."""
    await archive.send(event(1, content="roses roses"), event(2, content="a rose, many roses"))

    answer = await searches.answer("roses", order="time")

    assert [result["turn_id"] for result in answer["results"]] == ["turn-2", "turn-1"]
    assert {result["rank"] for result in answer["results"]} == {None}


async def test_common_words_are_ranked_among_the_newest_hits(searches, archive, event, monkeypatch):
    """Beyond the bound the answer says so, and an old hit stays out however good it is."""
    monkeypatch.setattr(surveys, "CANDIDATES", 10)
    best = event(1, content="roses roses roses")
    await archive.send(best, *(event(n, content="roses and thorns") for n in range(2, 13)))

    answer = await searches.answer("roses")
    exact = await searches.answer("roses", until="1700000010")

    assert answer["ranking"] == "recent"
    assert answer["total"] == {"value": 10, "relation": "gte"}
    assert "turn-1" not in [result["turn_id"] for result in answer["results"]]
    assert (exact["ranking"], exact["total"]) == ("exact", {"value": 9, "relation": "eq"})
    assert exact["results"][0]["turn_id"] == "turn-1"


async def test_common_word_is_no_prefix(searches, archive, event, monkeypatch):
    """A word that has hits enough is not widened to longer ones; a seldom one is."""
    monkeypatch.setattr(surveys, "CANDIDATES", 3)
    await archive.send(*(event(n, content="rose") for n in range(1, 5)))
    await archive.send(event(9, content="rosebud"), event(10, content="tulips"))

    assert "turn-9" not in await searches.found("rose")
    assert await searches.found("tuli") == ["turn-10"]


@pytest.mark.promise("A5")
async def test_time_budget_ends_a_search(searches, archive, event, monkeypatch):
    """A search beyond its budget is a 503 that says when to try again."""
    monkeypatch.setattr(handler, "SEARCH_SECONDS", 1e-9)
    monkeypatch.setattr("lethe_server.storage.readers._STEPS", 1)
    await archive.send(event(1, content="roses"))

    problem = await searches.answer("roses", status=503)

    assert problem["code"] == "QUERY_TIMEOUT"


@pytest.mark.promise("W05", "A6")
async def test_w05_marks_cannot_be_forged(searches, archive, event):
    """The runes of a mark are taken out of what is indexed and what is shown."""
    meta = {"title": "a \x02title\x03", "working_dir": "/a/\x02b\x03"}
    await archive.send(event(1, content="\x02forged\x03 ro\x02ses", session_meta=meta))

    (result,) = (await searches.answer("roses"))["results"]

    assert result["snippet"] == "forged \x02roses\x03"
    assert (result["title"], result["working_dir"]) == ("a title", "/a/b")


async def test_days_are_the_askers(searches, archive, event):
    """A date in the query begins at midnight in the time zone that is given."""
    before_midnight_utc = 1_790_809_200.0  # 2026-09-30T23:00Z, October in Berlin
    await archive.send(event(1, content="rose", timestamp=before_midnight_utc))

    assert await searches.found("rose after:2026-10-01", tz="Europe/Berlin") == ["turn-1"]
    assert await searches.found("rose after:2026-10-01") == []


async def test_project_of_very_many_sessions(searches, archive, event, monkeypatch):
    """Sessions that are too many to name are looked up instead, in every kind of answer."""
    monkeypatch.setattr(plans, "MAX_NAMED_SESSIONS", 2)
    meta = {"working_dir": "/src/garden"}
    await archive.send(
        *(event(n, content="rose", session_id=f"s{n}", session_meta=meta) for n in range(1, 6)),
        event(9, content="rose", session_id="elsewhere"),
    )
    garden = {f"turn-{number}" for number in range(1, 6)}

    for order in ("rank", "time"):
        answer = await searches.answer("rose project:garden", order=order)
        assert {result["turn_id"] for result in answer["results"]} == garden
        assert answer["total"]["value"] == 5
    assert await searches.found("rose -project:garden") == ["turn-9"]


@pytest.mark.parametrize(
    ("typed", "text"),
    [("한", "한국어"), ("が", "がっこう"), ("việt", "việtnam"), ("stra", "Straße")],
)
async def test_beginnings_of_words_of_any_script_are_found(searches, archive, event, typed, text):
    """However FTS5 folds a word, its beginning finds it, alone and beside another word."""
    await archive.send(event(1, content=f"rose {text}"))

    assert await searches.found(typed) == ["turn-1"]
    assert await searches.found(f"rose {typed}") == ["turn-1"]


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("tieng viet ", "Tiếng Việt"),
        ('"tiếng việt"', "tieng viet"),
        ("елка ", "ёлка"),
        ("οδος ", "ὁδός"),
        ("שלום ", "שָׁלוֹם"),
        ("مَرْحَبًا ", "مرحبا"),
    ],
)
async def test_accents_of_any_script_do_not_matter(searches, archive, event, typed, text):
    """Whether they are typed or left out, words are found, in turns and in titles alike."""
    meta = {"title": text}
    await archive.send(event(1, content=f"a {text} b", session_meta=meta))

    sessions = (await archive.get("/sessions", q=typed.strip('"')))["sessions"]

    assert await searches.found(typed) == ["turn-1"]
    assert [session["session_id"] for session in sessions] == ["s1"]


@pytest.mark.parametrize("syntax", ["words", "fts5"])
async def test_a_sentence_without_blanks_is_one_word(searches, archive, event, syntax):
    """Words are counted as they were typed, not as they are indexed."""
    sentence = "".join(map(chr, range(0x4E00, 0x4E00 + 400)))
    await archive.send(event(1, content=f"rose {sentence}"), event(2, content=sentence[1:]))

    assert await searches.found(f'"{sentence}"', syntax=syntax) == ["turn-1"]


@pytest.mark.parametrize(
    "sign", ["▶️", "◀️", "↔️", "‼️", "™️", "©️", "Ⓜ️", "㊙️", "⤴️", "〰️", "◾", "#️⃣", "🚀", "✓"]
)
async def test_signs_that_may_be_emoji_are_found(searches, archive, event, sign):
    """Whether in colours or not."""
    await archive.send(event(1, content=f"rose {sign}"), event(2, content="rose"))

    assert await searches.found(sign) == ["turn-1"]
    assert await searches.found(f"rose {sign}") == ["turn-1"]


async def test_signs_that_are_not_indexed_find_nothing_alone(searches, archive, event):
    """Among words they are passed over; beside conditions they do not stand for all turns."""
    await archive.send(event(1, content="rose -> tulip"))

    assert await searches.found("rose -> tulip") == ["turn-1"]
    assert await searches.found("host:laptop ->") == []
    assert await searches.found("->") == []
    assert await searches.found("host:laptop -->") == []
    assert await searches.found("host:laptop") == ["turn-1"]


async def test_marks_that_make_another_letter_matter(searches, archive, event):
    """A kana with a mark of voicing is another one, however it was written."""
    await archive.send(event(1, content="かき"), event(2, content="か\u3099き"))

    assert await searches.found("かき") == ["turn-1"]
    assert await searches.found("がき") == ["turn-2"]


@pytest.mark.parametrize("words", ["rose", "red rose"])
@pytest.mark.parametrize("condition", [{"since": "1700000005"}, {"session": "s2"}])
async def test_a_word_that_is_common_elsewhere_goes_on(
    searches, archive, event, monkeypatch, *, words, condition
):
    """Where conditions leave few hits, a word stands for longer ones, on each page."""
    monkeypatch.setattr(surveys, "CANDIDATES", 3)
    await archive.send(
        *(event(n, content="red rose") for n in range(1, 5)),
        *(event(n, content=f"red rosebud {n}", session_id="s2") for n in range(9, 12)),
    )

    found = await searches.pages(words, limit=2, **condition)

    assert sorted(found) == ["turn-10", "turn-11", "turn-9"]


@pytest.mark.parametrize("words", ["rose", "red rose"])
async def test_a_common_word_that_stands_for_too_much_is_found_as_it_is(
    searches, archive, event, monkeypatch, words
):
    """Where longer words cannot be looked for in time, those of the word itself are answered."""
    monkeypatch.setattr(surveys, "CANDIDATES", 3)
    monkeypatch.setattr(prefixes, "MAX_POSTINGS", 3)
    await archive.send(
        *(event(n, content="red rose") for n in range(1, 6)), event(9, content="red rosebud")
    )

    found = await searches.found(words, since="1700000004")

    assert found == ["turn-5", "turn-4"]


async def test_what_a_stand_in_replaced_leaves_the_index(searches, archive, event):
    """A turn that its parser cannot map any more is found no longer, and its number is free."""
    mapped = event(5, turn_id="unmapped-1", content="rose", parser_version=1)
    unmapped = {"kind": "unmapped", "unmapped": {"places": 1}}
    await archive.send(event(5, turn_id="better", parser_version=3))
    await archive.send(mapped)
    await archive.send({**mapped, "revision": 1, "metadata": unmapped})

    await archive.send(event(6, content="tulip"))

    assert await searches.found("tulip ") == ["turn-6"]
    assert await searches.found("rose ") == []
