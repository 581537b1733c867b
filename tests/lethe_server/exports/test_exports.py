"""``GET /api/v1/sessions/.../export``: whole sessions as files."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from html.parser import HTMLParser

import pytest

from lethe_server.app import EXPORTER_THREADS
from lethe_server.exports.markdown import fence
from lethe_server.exports.open_blocks import close_blocks
from lethe_server.keys import EXPORTERS

PATH = "/sessions/claude-code/laptop/s1"
#: Texts that mean something to HTML, to Markdown or to a terminal.
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</pre></article><script src=//x.example></script>",
    "<style>@import url(//x.example)</style>",
    "<a href='javascript:alert(1)'>x</a>",
    "&lt;b&gt; &amp; &#x3c;script&#x3e;",
    "<!-- --><![CDATA[ x ]]><?php ?>",
    "```\n# not a heading\n```\n</code>",
    "````` five",
    "~~~\nopen",
    "[x](javascript:alert(1)) ![y](//x.example/z.png)",
    "\x1b[31mred\x00\x07 \u202eltr",
)


async def export(archive, form, path=PATH, user=None, status=200):
    """An export, as text, and its headers."""
    answer = await archive.client.get(
        f"/api/v1{path}/export",
        params={"format": form},
        headers={"Remote-User": user or archive.user},
    )
    assert answer.status == status
    return (await answer.read()).decode(), answer.headers


class Page(HTMLParser):
    """What a browser would make of a page: its tags, its text, and what is not allowed."""

    def __init__(self, text) -> None:
        super().__init__(convert_charrefs=True)
        self.tags, self.texts, self.wrong, self.open = set(), [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Note a tag, and attributes that load or run something."""
        self.tags.add(tag)
        if tag != "meta":
            self.open.append(tag)
        self.wrong += [(tag, name) for name, _ in attrs if name in {"src", "href", "style"}]
        self.wrong += [(tag, name) for name, _ in attrs if name.startswith("on")]

    def handle_endtag(self, tag):
        """Check that tags close in order."""
        if self.open.pop() != tag:
            self.wrong.append(("closed", tag))

    def handle_data(self, data):
        """Gather text."""
        self.texts.append(data)

    @property
    def text(self):
        """All text."""
        return "".join(self.texts)


@pytest.fixture
def conversation(event):
    """A prompt, a call with its result, and an answer."""
    usage = {"key": "k", "input": 1, "output": 2, "cache_read": 3, "cache_write": 4, "reasoning": 5}
    call = {"id": "c1", "name": "Bash", "input": {"command": "ls -l"}}
    result = {"id": "c1", "output": "total 0", "is_error": True}
    meta = {"title": "Roses *and* <b>", "working_dir": "/src/garden", "metadata": {"a": [1]}}
    answer = {"role": "assistant", "model": "m1", "usage": usage}
    return [
        event(1, content="list it", metadata={"kind": "prompt"}, session_meta=meta, tokens_in=7),
        event(
            2, content="Bash: ls -l", tool_calls=[call], metadata={"kind": "tool_call"}, **answer
        ),
        event(3, role="tool", content="", tool_calls=[result], metadata={"kind": "tool_result"}),
        event(4, content="**Nothing** is there.", cost_usd=0.25, revision=2, **answer),
        event(5, role="system", content="", timestamp=None, metadata={"kind": "notice", "x": 1}),
    ]


async def test_json_is_the_session_with_all_turns(archive, conversation):
    """The same fields as the answer of the session, without pages."""
    await archive.send(*conversation)

    text, headers = await export(archive, "json")
    shown = await archive.get(PATH)

    assert json.loads(text) == {"session": shown["session"], "turns": shown["turns"]}
    assert headers["Content-Type"] == "application/json"
    assert headers["Content-Disposition"] == 'attachment; filename="claude-code-s1.json"'


async def test_jsonl_can_be_sent_to_an_archive_again(archive, conversation):
    """Lines of the wire: whoever ingests them has the same session."""
    await archive.send(*conversation)
    text, headers = await export(archive, "jsonl")

    bob = archive.as_user("bob")
    answer = await (await bob.post(text.encode())).json()

    assert headers["Content-Type"] == "application/x-ndjson"
    assert (answer["received"], answer["errors"]) == (6, [])
    assert await bob.get(PATH) == await archive.get(PATH)
    assert (await export(bob, "jsonl"))[0] == text


@pytest.mark.parametrize("form", ["json", "jsonl", "md", "html"])
async def test_long_session_is_whole_and_in_order(archive, event, form):
    """More turns than are read at once, several of them at one place, each come once."""
    numbers = range(1, 452)
    await archive.send(
        *(event(n, seq=n // 5, role="assistant", content=f"turn <{n:03}>") for n in numbers)
    )

    text, _ = await export(archive, form)

    found = [int(number) for number in re.findall(r"turn (?:<|&lt;)(\d{3})", text)]
    assert sorted(found) == list(numbers)
    places = [number // 5 for number in found]
    assert places == sorted(places)


async def test_markdown_reads_like_the_conversation(archive, conversation):
    """Headings for turns, code blocks for what is no answer, the answer as it is."""
    await archive.send(*conversation)

    text, headers = await export(archive, "md")

    assert headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert text.startswith("# Roses \\*and\\* \\<b\\>\n\n* Tool: claude\\-code\n")
    assert "## User · 2023\\-11\\-14 22:13:21 UTC\n\n```\nlist it\n```\n" in text
    assert '**Bash**\n\n```json\n{\n  "command": "ls -l"\n}\n```\n' in text
    assert "Error:\n\n```\ntotal 0\n```\n" in text
    assert "\n**Nothing** is there.\n" in text


@pytest.mark.promise("A6")
def test_fence_is_longer_than_any_in_the_text():
    """No text ends the code block that it stands in."""
    for text in HOSTILE:
        first, *_, last = fence(text).split("\n")
        assert first == last
        assert not any(line.strip().startswith(first) for line in text.split("\n"))


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("plain", "plain"),
        ("```\na\n```", "```\na\n```"),
        ("```py\na", "```py\na\n```"),
        ("````\n```\na", "````\n```\na\n````"),
        ("~~~\n```\n~~~", "~~~\n```\n~~~"),
        ("```a``` b", "```a``` b"),
        ("```\n```py\nx", "```\n```py\nx\n```"),
        ("- a\n  ```\n  b", "- a\n  ```\n  b"),
        ("1. a\n   ```sh\n   b\n\nc", "1. a\n   ```sh\n   b\n\nc"),
        ("- ```\n  a\n  ```", "- ```\n  a\n  ```"),
        ("- a\n\n```\nb", "- a\n\n```\nb\n```"),
        ("> ```\n> a", "> ```\n> a"),
        ("   ```\na", "   ```\na\n```"),
        ("    ```\na", "    ```\na"),
        ("<!-- a\n\nb", None),
        ("<!-- a\n\n```\nb -->", "<!-- a\n\n```\nb -->"),
        ("- <PRE>\n  a", "- <PRE>\n  a"),
        ("<script>\na\n</script>", "<script>\na\n</script>"),
        ("> <![CDATA[ a\n\n<? b", None),
        ("```\n<!-- a\n```", "```\n<!-- a\n```"),
        ("a <!-- b", "a <!-- b"),
        ("1.\n  ```py\n  x", "1.\n  ```py\n  x\n```"),
        ("- a\n-\n  ```sh\n  ls", "- a\n-\n  ```sh\n  ls"),
        (
            "<details>\n```py\na\n\nb\n```\n</details>",
            "<details>\n```py\na\n\nb\n```\n</details>\n```",
        ),
        ("<div>\n```\nx\n</div>\n\nb", "<div>\n```\nx\n</div>\n\nb"),
    ],
)
def test_blocks_that_an_answer_left_open_are_closed(text, closed):
    """The next turn never stands in a code block or in HTML of the one before."""
    assert close_blocks(text) == closed


@pytest.mark.promise("A5")
@pytest.mark.parametrize("run", [" ", "\t", ">", "1", "- "])
def test_long_line_behind_an_open_block_holds_up_nobody(run):
    """A line of 99,000 characters is looked at once; to split it in each way took minutes."""
    text = f"```\n{run * (99_000 // len(run))}x"

    assert close_blocks(text) == f"{text}\n```"


async def test_answer_that_would_hide_the_next_turn_is_shown_as_text(archive, event):
    """A comment of HTML without an end stands in a code block, whole."""
    await archive.send(event(1, role="assistant", content="<!-- a\n\nb"), event(2, content="c"))

    text, _ = await export(archive, "md")

    assert "```\n<!-- a\n\nb\n```\n" in text


@pytest.mark.promise("A6", "W01")
async def test_w01_html_holds_no_element_of_a_transcript(archive, event):
    """Hostile text, wherever it stands, is text; nothing runs and nothing is loaded."""
    for number, text in enumerate(HOSTILE):
        call = {"id": text, "name": text, "input": {text: text}, "output": text}
        meta = {"title": text, "working_dir": text, "git_branch": text, "source_file": text}
        note = {"kind": text[:20], "attachments": [{"type": text, "media_type": text, "bytes": 1}]}
        turn = {"content": text, "model": text, "tool_calls": [call], "metadata": note}
        session = f"x{number}"
        await archive.send(
            event(1, session_id=session, session_meta=meta, **turn),
            event(2, session_id=session, role="assistant", **turn),
        )
        page = Page((await export(archive, "html", f"/sessions/claude-code/laptop/{session}"))[0])

        assert page.wrong == []
        assert not page.tags & {"script", "img", "a", "iframe", "link", "object", "svg", "base"}
        shown = re.sub(r"[\x00-\x08\x0e-\x1f]", "\ufffd", text)
        assert page.text.count(shown) >= 4


async def test_html_needs_nothing_else(archive, conversation):
    """The page forbids itself to load and to run anything; its style is named by its hash."""
    await archive.send(*conversation)

    text, headers = await export(archive, "html")

    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Content-Disposition"].startswith("attachment")
    assert "content=\"default-src 'none'; style-src 'sha256-" in text
    assert "http" not in re.sub(r"http-equiv", "", text)


async def test_metadata_of_any_form_is_exported(archive, event):
    """What a parser put into calls and metadata never stops an export."""
    odd = {"kind": 5, "attachments": "none"}
    numbers = event(
        2, tool_calls=[{"name": "x", "input": {"n": 1.5}}], metadata={"attachments": [1]}
    )
    await archive.send(event(1, metadata=odd), numbers)

    for form in ("json", "jsonl", "md", "html"):
        text, _ = await export(archive, form)
        assert "text 2" in text, form


@pytest.mark.promise("Q11", "A9")
@pytest.mark.parametrize("parameters", [{"format": "pdf"}, {"format": ""}, {"turns": "5"}], ids=str)
async def test_q11_wrong_parameter_is_refused_by_name(archive, event, parameters):
    """Unknown and wrong parameters are a 400 that names the parameter."""
    await archive.send(event())

    problem = await archive.get(f"{PATH}/export", status=400, **parameters)

    assert problem["parameter"] == next(iter(parameters))


@pytest.mark.promise("A14", "A16", "A3")
async def test_a16_session_of_another_owner_is_not_there(archive, event):
    """It is the same 404 as that of a session that nobody has; `owner` is for admins."""
    await archive.as_user("bob").send(event())

    theirs = await archive.get(f"{PATH}/export", status=404)
    nobodys = await archive.get("/sessions/claude-code/laptop/none/export", status=404)

    assert theirs | {"request_id": ""} == nobodys | {"request_id": ""}
    assert (await archive.get(f"{PATH}/export", 403, owner="bob"))["code"] == "FORBIDDEN"
    assert (await archive.as_user("root").get(f"{PATH}/export", owner="bob"))["turns"]


@pytest.mark.promise("A5")
async def test_exports_that_take_long_hold_up_nobody_else(archive, event):
    """While all threads of exports are busy other large answers come, and the next export waits."""
    await archive.send(*(event(n, content="long " * 10_000) for n in range(5)))
    busy = threading.Event()
    waits = [archive.app[EXPORTERS].submit(busy.wait, 60) for _ in range(EXPORTER_THREADS)]
    exported = asyncio.create_task(export(archive, "md"))
    try:
        answer = await archive.get("/sessions/claude-code/laptop/s1")
        assert 5 == len(answer["turns"])
        assert not exported.done()
    finally:
        busy.set()
    text, _ = await exported

    assert 5 == text.count("## User")
    assert all(wait.result() for wait in waits)


async def test_export_is_written_some_turns_at_a_time(archive, event):
    """Whatever their length, all turns stand there once and in their order."""
    lengths = [10, 70_000, 10, 40_000, 40_000, 10, 70_000]
    texts = [f"n{number} " + "x" * length for number, length in enumerate(lengths)]
    await archive.send(*(event(n, content=text) for n, text in enumerate(texts)))
    document, _ = await export(archive, "json")

    assert texts == [turn["content"] for turn in json.loads(document)["turns"]]
