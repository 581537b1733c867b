"""Everything of a transcript is text, whatever it holds (A6)."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from browser.conftest import sign_in
from browser.hostile import ELSEWHERE, HARM, TEXTS, hostile_sessions
from browser.serving import serving
from browser.stories import Story
from browser.waiting import scroll_down

#: What the page itself is made of; whatever else is in the document came out of a transcript.
CHECK = """() => {
  const elements = new Set(`a article aside blockquote body br button circle code dd del details div
    dl dt em figcaption figure footer form g h1 h2 h3 h4 h5 h6 head header hr html img input kbd
    label li line link main mark meta nav noscript ol option p path pre rect script section select
    small span strong sub summary svg table tbody td text th thead time title tr ul dialog`
    .split(/\\s+/));
  const wrong = [];
  for (const node of document.querySelectorAll("*")) {
    const name = node.localName;
    if (!elements.has(name)) wrong.push(`<${name}>`);
    if (name === "script" && !node.src.startsWith(location.origin)) wrong.push("a script");
    if (name === "link" && !node.href.startsWith(location.origin)) wrong.push("a link");
    if (name === "img" && !node.src.startsWith("blob:")) wrong.push(`a picture ${node.src}`);
    if (name === "form" && node.hasAttribute("action")) wrong.push("a form");
    for (const { name: attribute, value } of node.attributes) {
      if (/^on/i.test(attribute)) wrong.push(`${name}[${attribute}]`);
      if (["srcdoc", "formaction", "xlink:href", "background", "ping"].includes(attribute)) {
        wrong.push(`${name}[${attribute}]`);
      }
      if (attribute === "href" && !/^(https?:|mailto:|\\/|#)/i.test(value)) wrong.push(value);
    }
  }
  if (window.harmed) wrong.push("something ran");
  return wrong;
}"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A server whose archive wants to do harm."""
    with serving(tmp_path_factory.mktemp("hostile") / "data") as served:
        for story in hostile_sessions(time.time() - 3600):
            served.send(story.events)
        yield served


@pytest.fixture
def reader(watched, chromium, hostile):
    """A page on that archive; a dialog that opens is a failure."""
    page = watched(hostile, sign_in(chromium, hostile)).new_page()
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
    return page


def scroll_through(page):
    """Draw every row of a list, one window after the other; give what `CHECK` finds."""
    wrong = set(page.evaluate(CHECK))
    while scroll_down(page, 1700):
        wrong |= set(page.evaluate(CHECK))
    return wrong


@pytest.mark.promise("W01", "W03", "A6")
@pytest.mark.parametrize("path", ["/", "/?q=harmful", "/stats?by=model", "/projects", "/hosts"])
def test_w01_lists_hold_text_alone(reader, path):
    """Titles, previews, snippets, directories and models are text in every list."""
    reader.goto(path)
    expect(reader.locator(".session-row, .result, .numbers").first).to_be_visible()

    assert set() == scroll_through(reader)


@pytest.mark.slow
@pytest.mark.promise("W01", "W03", "A6")
def test_w01_sessions_hold_text_alone(reader):
    """Texts, thinking, tools, arguments, outputs and differences are text, opened too."""
    assert len(TEXTS) >= 200
    for number in range(-(-len(TEXTS) // 40)):
        reader.goto(f"/session/claude-code/laptop/hostile-{number}")
        expect(reader.locator(".turn").first).to_be_visible()
        for key in ("o", "t"):
            reader.keyboard.press(key)

        assert set() == scroll_through(reader)


@pytest.mark.promise("W01", "A6")
def test_w01_what_is_shown_is_what_was_written(watched, archive):
    """Title, argument and output are shown letter by letter."""
    text = f"<img src=x onerror={HARM}> &amp; </pre></article><script>{HARM}</script>"
    story = Story("letters", time.time() - 3600, title=text, title_source="custom")
    story.prompt(text)
    story.call("Run", {"what": text + " " * 120 + "end"}, text)
    archive.send(story.events)
    page = watched().new_page()
    page.goto("/session/claude-code/laptop/letters")
    expect(page.locator(".turn").first).to_be_visible()
    page.keyboard.press("o")

    assert text == page.get_by_role("heading", level=1).text_content()
    assert text == page.locator(".turn .prose").first.text_content().strip()
    assert text == page.locator(".tool-result .output pre").text_content()
    assert text in page.locator(".arguments dd").text_content()
    expect(page).to_have_title(f"{text} · lethe")


@pytest.mark.promise("W03", "A6")
def test_w03_links_and_pictures_of_markdown_are_text(watched, archive):
    """Only http, https and mail become links; no picture is asked for."""
    story = Story("links", time.time() - 3600)
    story.answer(
        f"[run](javascript:{HARM}) [data](data:text/html,x) [file](src/app.py)"
        f" ![pixel]({ELSEWHERE}/p.png) [web](https://example.org/a?b=c) <kim@example.org>"
    )
    archive.send(story.events)
    page = watched().new_page()
    page.goto("/session/claude-code/laptop/links")
    prose = page.locator(".prose")
    expect(prose).to_contain_text("[run](javascript:")

    links = prose.locator("a").evaluate_all("links => links.map((link) => link.href)")
    assert ["https://example.org/a?b=c", "mailto:kim@example.org"] == links
    assert f"![pixel]({ELSEWHERE}/p.png)" in prose.text_content()
    assert prose.locator("img").count() == 0


@pytest.mark.promise("W05", "A6")
def test_w05_nobody_can_forge_a_mark(watched, archive):
    """The signs around a hit are marks only where the server put them."""
    story = Story("marks", time.time() - 3600, title="Mark \u0002me\u0003", title_source="custom")
    story.prompt("forged \u0002mark\u0003 and quixotic words \u0002")
    archive.send(story.events)
    page = watched().new_page()
    page.goto("/?q=quixotic")
    expect(page.locator(".snippet mark")).to_have_text(["quixotic"])
    page.goto("/session/claude-code/laptop/marks")
    expect(page.locator(".turn").first).to_contain_text("quixotic")

    assert page.locator("mark").count() == 0


@pytest.mark.promise("W06", "A6")
@pytest.mark.parametrize(
    "anchor",
    [
        '"],*{color:red}',
        "'); window.harmed=1; ('",
        "%22%5D%2C%2A",
        "%E0%A4%A",
        "a\\:b",
        "constructor",
        "__proto__",
        "<img src=x onerror=window.harmed=1>",
    ],
)
def test_w06_an_anchor_is_compared_and_nothing_else(watched, session_path, anchor):
    """A hostile anchor finds no turn, selects nothing, and the page goes on."""
    page = watched().new_page()
    page.goto(session_path)
    page.evaluate("anchor => { location.hash = `turn-${anchor}`; }", anchor)
    page.reload()
    expect(page.get_by_text("The turn of this link is not in this session.")).to_be_visible()

    assert page.locator(".turn[data-lit]").count() == 0
    assert page.evaluate("window.harmed") is None


@pytest.mark.promise("W06", "A6")
def test_w06_a_hostile_turn_id_is_found_by_comparison(watched, archive):
    """Whatever sign a turn's own id holds, its link leads to it."""
    turn_id = 'x"]:not(*)/%41#?&<b>'
    story = Story("odd", time.time() - 3600)
    story.prompt("First.").prompt("This one.")
    story.events[1]["turn_id"] = turn_id
    archive.send(story.events)
    page = watched().new_page()
    page.goto("/?q=" + "This+one")
    page.locator(".result", has_text="This one").first.click()

    expect(page.locator(".turn[data-lit]")).to_contain_text("This one.")
    page.reload()
    expect(page.locator(".turn[data-lit]")).to_contain_text("This one.")


@pytest.mark.promise("W02", "A6", "A4")
def test_w02_the_page_allows_itself_little(page):
    """The policy is strict, nothing is inline, and the other headers stand."""
    answer = page.goto("/")
    headers = answer.headers
    expected = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
        " connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self';"
        " frame-ancestors 'none'"
    )
    document = answer.text()

    assert expected == headers["content-security-policy"]
    assert "nosniff" == headers["x-content-type-options"]
    assert "no-referrer" == headers["referrer-policy"]
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=|https?://", document) == []
