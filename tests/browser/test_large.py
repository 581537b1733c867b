"""Very long sessions and very large turns: what is seen is there at once (W04)."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from browser.stories import Story

TURNS = 50_000


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


@pytest.mark.slow
@pytest.mark.promise("W04", "A5")
def test_w04_a_session_of_50000_turns_is_read_at_once(page, long_session):
    """The first turns are drawn from the first page; the document stays small wherever one is."""
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/session/claude-code/laptop/long")
    expect(page.locator(".turn").first).to_contain_text("Question 0")
    details = [url for url in asked if "/api/v1/sessions/" in url and "turns=" in url]

    assert "turns=200" in details[0]
    for _ in range(10):
        page.mouse.wheel(0, 20_000)
        expect(page.locator(".turn").first).to_be_visible()
    assert page.locator("*").count() < 3000


@pytest.mark.slow
@pytest.mark.promise("W04", "A5")
def test_w04_a_turn_far_down_is_found_by_its_link(page, long_session):
    """A link to one of the last turns leads there, and stays there while the rest arrives."""
    place = next(
        index
        for index in range(len(long_session.events) - 400, len(long_session.events))
        if long_session.events[index]["metadata"]["kind"] == "prompt"
    )
    event = long_session.events[place]
    page.goto(f"/session/claude-code/laptop/long#turn-{event['turn_id']}")
    lit = page.locator(".turn[data-lit]")
    expect(lit).to_contain_text(event["content"], timeout=40_000)

    expect(lit).to_be_in_viewport()
    page.keyboard.press("k")
    expect(page.locator(".turn[data-lit]")).to_be_in_viewport()
    page.keyboard.press("G")
    expect(page.locator(".turn").last).to_be_in_viewport()


@pytest.mark.slow
@pytest.mark.promise("W04", "A5")
def test_w04_find_searches_all_of_it(page, long_session):
    """What stands in the last turns is found, although it was never drawn."""
    needle = long_session.events[-2]["tool_calls"][0]["input"]["command"]
    page.goto("/session/claude-code/laptop/long")
    expect(page.locator(".turn").first).to_be_visible()
    page.keyboard.press("f")
    page.keyboard.type(needle)
    expect(page.locator(".find-count")).to_have_text("1", timeout=40_000)
    page.keyboard.press("Enter")

    expect(page.locator(".turn[data-lit]")).to_contain_text(needle)


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
