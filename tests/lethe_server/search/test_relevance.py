"""What people type finds what they mean: queries, and the turns that must and must not come."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from lethe_core.wire import decode_line
from lethe_server.search.query import parse_query
from lethe_server.search.searching import Search, search_turns
from lethe_server.storage import prepare_record
from lethe_server.storage.database import open_database, prepare_directory
from lethe_server.storage.migrations import migrate
from lethe_server.storage.transactions import write_transaction
from lethe_server.storage.turns import store_records

LAPTOP = {"host": "laptop", "session_id": "garden", "working_dir": "/home/kim/src/garden"}
SERVER = {"host": "buildbox", "session_id": "kitchen", "working_dir": "/srv/work/kitchen"}
CODEX = {"tool": "codex", "host": "laptop", "session_id": "shed", "working_dir": "/home/kim/shed"}


def _at(month: int, day: int, hour: int = 12) -> float:
    return datetime(2026, month, day, hour, tzinfo=UTC).timestamp()


def _output(text: str) -> dict[str, Any]:
    return {"role": "tool", "content": "", "tool_calls": [{"id": "call", "output": text}]}


#: What each turn says, by its id.
TURNS: dict[str, dict[str, Any]] = {
    "camel": {"content": "Rename getUserName before the release.", **LAPTOP},
    "camel-long": {"content": "Why does getUserNameById return null?", **LAPTOP},
    "acronym": {"content": "The HTTPServer drops idle connections.", **LAPTOP},
    "brand": {"content": "Push it to GitHub and open a pull request.", **LAPTOP},
    "two-humps": {"content": "fooUser NameList barBaz", **LAPTOP},
    "snake": {"content": "Set foo_bar_baz to 3 in the settings.", **LAPTOP},
    "spaced": {"content": "First foo, then bar, at last baz.", **LAPTOP},
    "path": {"content": "The bug is in src/app/main.py on line 12.", **LAPTOP},
    "other-path": {"content": "Compare with lib/tools/domain.py please.", **LAPTOP},
    "windows": {"content": r"It lies in C:\Users\Kim\notes\plan.md", **LAPTOP},
    "uuid": {"content": "Request 3f2b9c1e-77aa-4e5f-9d01-2c4b6a8e0f13 failed.", **LAPTOP},
    "commit": {"content": "Revert 9fceb02d0ae598e95dc970b74767f19372d61af8.", **LAPTOP},
    "rustc": {"content": "error[E0308]: mismatched types", **LAPTOP},
    "rustc-other": {"content": "error[E0382]: use of moved value", **LAPTOP},
    "flag": {"content": "Commit with --no-verify this once.", **LAPTOP},
    "flag-words": {"content": "There is no way to verify this.", **LAPTOP},
    "apostrophe": {"content": "Please don't touch the lock file.", **LAPTOP},
    "hyphen": {"content": "A multi-agent setup needs a planner.", **LAPTOP},
    "hyphen-words": {"content": "Each agent runs in multi mode.", **LAPTOP},
    "accent": {"content": "The café menu is naïve about umlauts: Köln.", **LAPTOP},
    "cyrillic": {"content": "Добавь проверку подписи в сервер.", **LAPTOP},
    "greek": {"content": "Αργεί πολύ η βιβλιοθήκη.", **LAPTOP},
    "hebrew": {"content": "בדוק את החיבור למסד הנתונים", **LAPTOP},
    "arabic": {"content": "افحص الاتصال بقاعدة البيانات", **LAPTOP},
    "chinese": {"content": "数据库连接失败,请检查配置文件。", **LAPTOP},
    "chinese-other": {"content": "删除旧的数据,然后重建仓库。", **LAPTOP},
    "chinese-mixed": {"content": "修复login页面的错误", **LAPTOP},
    "japanese": {"content": "テストが失敗した原因を調べてください。", **LAPTOP},
    "japanese-other": {"content": "設定ファイルを読み込む関数", **LAPTOP},
    "korean": {"content": "데이터베이스를 초기화하는 스크립트", **LAPTOP},
    "emoji": {"content": "Ship it 🚀 today", **LAPTOP},
    "cpp": {"content": "Port the parser to C++ and C#.", **LAPTOP},
    "dotenv": {"content": "Read the token from .env.local first.", **LAPTOP},
    "email": {"content": "Ask kim.lee@garden.example about it.", **LAPTOP},
    "url": {"content": "See https://docs.garden.example/v2/search?q=rose#top", **LAPTOP},
    "version": {"content": "Upgrade to 3.14.5, not to 3.14.0.", **LAPTOP},
    "operators": {"content": "AND, OR and NOT are words here; NEAR too.", **LAPTOP},
    "quote": {"content": 'She said "stop the build" and left.', **LAPTOP},
    "phrase": {"content": "Write the migration guide for the new cache.", **LAPTOP},
    "phrase-shuffled": {"content": "The cache guide: new for the migration.", **LAPTOP},
    "repeated": {"content": "retry retry retry", **LAPTOP},
    "mentioned": {
        "content": "We could retry, or ask somebody who knows what went wrong there, or "
        "wait until the network is back, or give up and go home early for once.",
        **LAPTOP,
    },
    "forged": {"content": "This \x02mark\x03 is forged.", **LAPTOP},
    "answer": {"content": "The tulip module is ready.", "role": "assistant", **SERVER},
    "question": {"content": "Is the tulip module ready?", "role": "user", **SERVER},
    "notice": {"content": "Tulip budget warning.", "role": "system", **SERVER},
    "codex": {"content": "Plant a tulip in the shed.", **CODEX},
    "october": {"content": "orchid report", "timestamp": _at(10, 5), **SERVER},
    "november": {"content": "orchid report", "timestamp": _at(11, 17), **SERVER},
    "last-week": {"content": "orchid report", "timestamp": _at(11, 12), **SERVER},
    "output": {**_output("cargo: error[E0999] in getParserName, see /tmp/x.log"), **SERVER},
    "output-other": {**_output("all 12 tests passed"), **SERVER},
    "coloured": {
        **_output("\x1b[1;31mundeclared\x1b[0m name: \x1b[32mundeclared\x1b[1mName\x1b[0m"),
        **SERVER,
    },
    "unmapped": {
        "content": "tulip that no parser understood",
        "role": "system",
        "metadata": {"kind": "unmapped"},
        **SERVER,
    },
}

#: A Friday.
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


class Case(NamedTuple):
    """A query with the turns that must come, and some that must not."""

    query: str
    must: set[str]
    must_not: frozenset[str] | set[str] = frozenset()
    outputs: bool = False


ORCHIDS = {"october", "november", "last-week"}

CASES = (
    # Identifiers and their parts
    Case("getUserName", {"camel"}, {"two-humps", "brand"}),
    Case("getusername", {"camel"}, {"two-humps"}),
    Case("GETUSERNAME", {"camel"}, {"two-humps"}),
    Case("UserName", {"camel", "camel-long"}, {"two-humps"}),
    Case("username ", {"camel"}, {"two-humps", "brand"}),
    Case("UserNameBy", {"camel-long"}, {"camel"}),
    Case("getUser", {"camel", "camel-long"}, {"two-humps"}),
    Case("user name", {"camel", "camel-long", "two-humps"}, {"path"}),
    Case("hub", {"brand"}, {"camel"}),
    Case("github", {"brand"}, {"camel"}),
    Case("Server", {"acronym"}, {"cyrillic"}),
    Case("HTTP ", {"acronym"}, {"url", "path"}),
    Case('"UserName"', set(), {"camel", "camel-long"}),
    Case('"getUserName"', {"camel"}, {"camel-long"}),
    Case("bar", {"snake", "spaced", "two-humps"}, {"camel"}),
    Case("foo_bar", {"snake"}, {"spaced"}),
    Case("bar_baz", {"snake"}, {"spaced"}),
    Case("foo_baz", set(), {"snake", "spaced"}),
    # Paths, ids, codes
    Case("src/app/main.py", {"path"}, {"other-path"}),
    Case("app/main.py", {"path"}, {"other-path"}),
    Case("main.py", {"path"}, {"other-path"}),
    Case("plan.md", {"windows"}, {"path"}),
    Case(r"Kim\notes", {"windows"}, {"path"}),
    Case("3f2b9c1e", {"uuid"}, {"commit"}),
    Case("3f2b9c1e-77aa-4e5f-9d01-2c4b6a8e0f13", {"uuid"}, {"commit"}),
    Case("9fceb02", {"commit"}, {"uuid"}),
    Case("E0308", {"rustc"}, {"rustc-other"}),
    Case("error[E0308]", {"rustc"}, {"rustc-other"}),
    Case("--no-verify", {"flag"}, {"flag-words"}),
    Case("don't", {"apostrophe"}, {"hyphen"}),
    Case("multi-agent", {"hyphen"}, {"hyphen-words"}),
    Case("multi agent", {"hyphen", "hyphen-words"}, {"flag"}),
    Case(".env.local", {"dotenv"}, {"path"}),
    Case("kim.lee@garden.example", {"email"}, {"url"}),
    Case("https://docs.garden.example/v2/search", {"url"}, {"email"}),
    Case("3.14.5", {"version"}, {"path"}),
    Case("C++", {"cpp"}, {"spaced"}),
    # Phrases, exclusion, prefixes
    Case('"migration guide"', {"phrase"}, {"phrase-shuffled"}),
    Case("migration guide", {"phrase", "phrase-shuffled"}, {"path"}),
    Case('"stop the build"', {"quote"}, {"path"}),
    Case('"the new cache', {"phrase"}, {"phrase-shuffled"}),
    Case("cache -shuffled -write", {"phrase-shuffled"}, {"phrase"}),
    Case('guide -"migration guide"', {"phrase-shuffled"}, {"phrase"}),
    Case("mismatched -E0308", set(), {"rustc"}),
    Case("misma", {"rustc"}, {"rustc-other"}),
    Case("misma ", set(), {"rustc"}),
    Case("misma types", set(), {"rustc"}),
    Case("AND OR NOT", {"operators"}, {"path"}),
    Case("NEAR(too", {"operators"}, {"path"}),
    Case("text:operators", set(), {"operators"}),
    # Languages
    Case("cafe", {"accent"}, {"path"}),
    Case("Köln", {"accent"}, {"path"}),
    Case("koln", {"accent"}, {"path"}),
    Case("naive", {"accent"}, {"path"}),
    Case("проверку", {"cyrillic"}, {"greek"}),
    Case("ПРОВЕРКУ подписи", {"cyrillic"}, {"greek"}),
    Case("βιβλιοθήκη", {"greek"}, {"cyrillic"}),
    Case("החיבור", {"hebrew"}, {"arabic"}),
    Case("الاتصال", {"arabic"}, {"hebrew"}),
    Case("数据库", {"chinese"}, {"chinese-other", "japanese"}),
    Case("数据", {"chinese", "chinese-other"}, {"japanese"}),
    Case("配置文件", {"chinese"}, {"chinese-other"}),
    Case("库", {"chinese", "chinese-other"}, {"japanese"}),
    Case("修复login", {"chinese-mixed"}, {"chinese"}),
    Case("login页面", {"chinese-mixed"}, {"chinese"}),
    Case("失敗", {"japanese"}, {"japanese-other"}),
    Case("ファイル", {"japanese-other"}, {"japanese"}),
    Case('"設定ファイル"', {"japanese-other"}, {"japanese"}),
    Case("데이터", {"korean"}, {"chinese"}),
    Case("데이터베이스 스크립트", {"korean"}, {"chinese"}),
    Case("🚀", {"emoji"}, {"path"}),
    # Conditions
    Case("tulip", {"answer", "question", "notice", "codex"}, {"unmapped"}),
    Case("tulip role:user", {"question", "codex"}, {"answer", "notice"}),
    Case("tulip -role:user", {"answer", "notice"}, {"question", "codex"}),
    Case("tulip role:assistant role:system", {"answer", "notice"}, {"question"}),
    Case("tulip tool:codex", {"codex"}, {"answer", "question"}),
    Case("tulip host:buildbox", {"answer", "question", "notice"}, {"codex"}),
    Case("tulip host:BUILDBOX", set(), {"answer", "codex"}),
    Case("tulip project:kitchen", {"answer", "question", "notice"}, {"codex"}),
    Case("tulip project:src/shed", set(), {"codex", "answer"}),
    Case('tulip project:"/home/kim/shed"', {"codex"}, {"answer"}),
    Case("tulip -project:kitchen", {"codex"}, {"answer", "question"}),
    Case("tulip session:shed", {"codex"}, {"answer", "question"}),
    Case("tool:codex", {"codex"}, {"answer", "question"}),
    Case("orchid after:2026-11-01", {"november", "last-week"}, {"october"}),
    Case("orchid before:2026-11-01", {"october"}, {"november", "last-week"}),
    Case('orchid after:"last tuesday"', {"november"}, {"october", "last-week"}),
    Case("orchid after:7d", {"november"}, {"october", "last-week"}),
    Case('orchid after:"last week" before:"this week"', {"last-week"}, {"october", "november"}),
    Case("orchid after:2026-10-05 before:2026-10-06", {"october"}, {"november"}),
    Case("orchid after:october", ORCHIDS, {"path"}),
    # Outputs of tools
    Case("E0999", set(), {"output"}),
    Case("E0999", {"output"}, {"output-other"}, outputs=True),
    Case("ParserName", {"output"}, {"output-other"}, outputs=True),
    Case("x.log", {"output"}, {"output-other"}, outputs=True),
    Case("undeclared", {"coloured"}, {"output"}, outputs=True),
    Case("undeclaredName", {"coloured"}, {"output"}, outputs=True),
    Case("31m", set(), {"coloured"}, outputs=True),
    # Nothing that could be found
    Case("->", set(), {"path"}),
    Case("zebra", set(), {"path"}),
)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A connection that reads an archive with the turns above."""
    path = prepare_directory(tmp_path_factory.mktemp("relevance"))
    writer = open_database(path, writer=True)
    migrate(writer.connection())
    with write_transaction(writer.connection()):
        store_records(writer.connection(), "kim", [prepare_record(line) for line in _lines()])
    writer.close()
    database = open_database(path, writer=False)
    yield database.connection()
    database.close()


def _lines():
    for number, (turn_id, fields) in enumerate(TURNS.items()):
        event = {
            "tool": "claude-code",
            "turn_id": turn_id,
            "seq": number,
            "role": "user",
            "timestamp": _at(9, 1) + number,
            "session_meta": {"working_dir": fields["working_dir"]},
        } | {name: value for name, value in fields.items() if name != "working_dir"}
        yield decode_line(json.dumps(event).encode())


def _found(reader, query: str, *, outputs: bool = False) -> list[str]:
    search = Search(
        query=parse_query(query, NOW), identity=(query,), owner="kim", include_outputs=outputs
    )
    return [result.turn.turn_id for result in search_turns(reader, search).results]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.query)
def test_query_finds_the_right_turns(reader, case):
    """A query finds what it must and not what it must not."""
    found = set(_found(reader, case.query, outputs=case.outputs))

    assert found & (case.must | case.must_not) == case.must


def test_set_is_large_and_sound():
    """At least sixty queries, all of turns that there are."""
    named = set().union(*(case.must | case.must_not for case in CASES))

    assert len({case.query for case in CASES}) >= 60
    assert named <= TURNS.keys()


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("retry", "repeated"),
        ("getUserName", "camel"),
    ],
)
def test_best_hit_comes_first(reader, query, best):
    """Many mentions in a short text count more than one in a long one; whole words more."""
    assert _found(reader, query)[0] == best


def test_unmapped_turns_are_not_indexed(reader):
    """What no parser understood is kept, but found by no search."""
    assert _found(reader, "parser understood") == []


def test_conditions_alone_list_the_newest_first(reader):
    """Without words the newest turns come first."""
    assert _found(reader, "orchid after:2026-10-01") == _found(reader, "after:2026-10-01")
    assert _found(reader, "after:2026-10-01") == ["november", "last-week", "october"]
