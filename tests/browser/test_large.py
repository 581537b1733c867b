"""Very long sessions and very large turns: what is seen is there at once (W04)."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from browser.stories import Story
from browser.waiting import scroll_down

TURNS = 50_000
#: The number of the first turn that is drawn, as soon as it is greater than another.
FIRST_SEEN = """(least) => {
  const turn = document.querySelector(".turn[data-turn]");
  const number = Number(turn?.dataset.turn.replace("long-", ""));
  return number > least && number;
}"""


@pytest.fixture(scope="module")
def long_session(archive):
    """A session of fifty thousand turns."""
    story = Story("long", time.time() - 40 * 86400, title="A long one", title_source="generated")
    while len(story.events) < TURNS:
        number = len(story.events)
        story.prompt(f"Question {number} about the beds and the valves.")
        story.answer(f"Answer to {number}. " + "The valve of the bed answers in time. " * 6)
        story.call("Bash", {"command": f"journalctl -n {number}"}, "valve closed\n" * 3)
    archive.send(story.events)
    return story


def note_pages(page):
    """The requests for pages of turns, as they are made."""
    asked = []
    page.on("request", lambda request: "turns=" in request.url and asked.append(request.url))
    return asked


@pytest.mark.slow
@pytest.mark.promise("W04", "A5")
def test_w04_a_session_of_50000_turns_is_read_at_once(page, long_session):
    """The first turns are drawn from the first page; the document stays small wherever one is."""
    asked = note_pages(page)
    page.goto("/session/claude-code/laptop/long")
    expect(page.locator(".turn").first).to_contain_text("Question 0")

    assert "turns=200" in asked[0]
    for _ in range(10):
        assert scroll_down(page, 20_000)
    assert page.locator("*").count() < 3000


@pytest.mark.slow
@pytest.mark.promise("W04", "A5")
def test_w04_a_turn_far_down_is_found_by_its_link(page, long_session):
    """A link to one of the last turns leads there by one page; what is around comes by itself."""
    asked = note_pages(page)
    place = next(
        index
        for index in range(len(long_session.events) - 400, len(long_session.events))
        if long_session.events[index]["metadata"]["kind"] == "prompt"
    )
    event = long_session.events[place]
    page.goto(f"/session/claude-code/laptop/long#turn-{event['turn_id']}")
    lit = page.locator(".turn[data-lit]")
    expect(lit).to_contain_text(event["content"])
    expect(lit).to_be_in_viewport()
    assert "around=" in asked[0]
    assert len(asked) < 10
    page.keyboard.press("k")
    expect(lit).to_contain_text(long_session.events[place - 4]["content"])
    expect(lit).to_be_in_viewport()
    page.keyboard.press("G")
    expect(page.locator(f'[data-turn="{long_session.events[-3]["turn_id"]}"]')).to_be_in_viewport()


@pytest.mark.slow
@pytest.mark.promise("W04", "A5")
def test_w04_what_is_scrolled_to_is_loaded(page, long_session):
    """Wherever one scrolls in a long session its turns appear, and the others are not asked for."""
    asked = note_pages(page)
    page.goto("/session/claude-code/laptop/long")
    expect(page.locator(".turn").first).to_contain_text("Question 0")
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
    number = page.wait_for_function(FIRST_SEEN, arg=TURNS * 0.3).json_value()
    page.evaluate("scrollTo(0, 0)")
    expect(page.locator(".turn").first).to_contain_text("Question 0")

    assert number < TURNS * 0.7
    assert len(asked) < 12


@pytest.mark.slow
@pytest.mark.promise("W04", "A5")
def test_w04_prompts_are_stepped_through_across_gaps(page, long_session):
    """From a turn that was jumped to, `j` and `k` lead on to prompts that are not loaded yet."""
    page.goto(f"/session/claude-code/laptop/long#turn-{long_session.events[30_002]['turn_id']}")
    lit = page.locator(".turn[data-lit]")
    expect(lit).to_be_in_viewport()
    for step in range(1, 31):
        page.keyboard.press("k")
        expect(lit).to_contain_text(f"Question {30_004 - 4 * step} about")
    expect(lit).to_be_in_viewport()


@pytest.mark.slow
@pytest.mark.promise("W04", "A5")
def test_w04_the_outline_lists_all_prompts(watched, long_session):
    """Beside a long session stand its prompts, also of turns that were never loaded."""
    page = watched(viewport={"width": 1440, "height": 700}).new_page()
    asked = note_pages(page)
    page.goto(f"/session/claude-code/laptop/long#turn-{long_session.events[40_000]['turn_id']}")
    outline = page.get_by_role("navigation", name="Prompts")
    expect(outline.locator("[aria-current]")).to_contain_text("Question 40000 about")
    outline.get_by_text("Question 39640 about").click()
    lit = page.locator(".turn[data-lit]")
    expect(lit).to_contain_text("Question 39640 about")

    expect(lit).to_be_in_viewport()
    expect(outline.locator("[aria-current]")).to_contain_text("Question 39640 about")
    assert len(asked) < 10


@pytest.mark.slow
@pytest.mark.promise("W04", "A5")
def test_w04_find_searches_all_of_it(page, long_session):
    """What stands in the last turns is found by the server, and loaded when one goes there."""
    asked = note_pages(page)
    needle = long_session.events[-2]["tool_calls"][0]["input"]["command"]
    page.goto("/session/claude-code/laptop/long")
    expect(page.locator(".turn").first).to_be_visible()
    page.keyboard.press("f")
    expect(page.get_by_role("textbox", name="Find in this session")).to_be_focused()
    page.keyboard.type(needle)
    expect(page.locator(".find-count")).to_have_text("1")
    page.keyboard.press("Enter")

    expect(page.locator(".find-count")).to_have_text("1 of 1")
    expect(page.locator(".turn[data-lit]")).to_contain_text(needle)
    expect(page.locator(".turn[data-lit]")).to_be_in_viewport()
    page.wait_for_function("() => CSS.highlights.get('found')?.size > 0")
    assert len(asked) < 10


@pytest.mark.slow
@pytest.mark.promise("W04", "A5")
def test_w04_many_hits_are_walked_through(page, long_session):
    """More hits than one answer holds are counted, and walked through backwards and forwards."""
    page.route(
        "**/find?*",
        lambda route: route.continue_(url=route.request.url.replace("limit=1000", "limit=3")),
    )
    page.goto("/session/claude-code/laptop/long")
    expect(page.locator(".turn").first).to_be_visible()
    page.keyboard.press("f")
    expect(page.get_by_role("textbox", name="Find in this session")).to_be_focused()
    page.keyboard.type("about beds")
    expect(page.locator(".find-count")).to_have_text("12,500")
    page.keyboard.press("Enter")
    expect(page.locator(".find-count")).to_have_text("1 of 12,500")
    for place in range(2, 9):
        page.keyboard.press("Enter")
        expect(page.locator(".find-count")).to_have_text(f"{place} of 12,500")
    expect(page.locator(".turn[data-lit]")).to_contain_text("Question 28 about")
    page.keyboard.press("Shift+Enter")

    expect(page.locator(".find-count")).to_have_text("7 of 12,500")
    expect(page.locator(".turn[data-lit]")).to_contain_text("Question 24 about")


@pytest.mark.promise("W04", "A5")
def test_w04_a_large_turn_is_cut_until_it_is_wanted(page, archive):
    """Of an output of millions of signs the beginning is drawn, and the rest on request."""
    story = Story("large", time.time() - 7200, title="A large one", title_source="generated")
    story.prompt("Print everything.")
    story.call("Bash", {"command": "cat all.log"}, "".join(f"line {n}\n" for n in range(250_000)))
    story.answer("x " * 300_000)
    archive.send(story.events)
    page.goto("/session/claude-code/laptop/large")
    expect(page.locator(".turn").first).to_be_visible()
    page.keyboard.press("o")
    output = page.locator(".tool-result .output")
    expect(output).to_contain_text("line 12")
    assert len(output.text_content()) < 20_000

    more = output.get_by_role("button", name="Show all")
    expect(more).to_contain_text("250,00")
    assert len(page.locator("main").text_content()) < 60_000
