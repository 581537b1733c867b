"""A session that goes on while it is read."""

from __future__ import annotations

import time

from playwright.sync_api import expect

from browser.stories import Story
from browser.waiting import LIVE


def opened(page, archive, name):
    """Open a session of thirty prompts and answers that is told of what comes."""
    name = f"{name}-{time.time_ns()}"
    story = Story(name, time.time() - 600, title="It grows", title_source="generated")
    for number in range(30):
        story.prompt(f"Question {number}. " + "Tell me more about the beds. " * 12)
        story.answer(f"Answer {number}.")
    archive.send(story.events)
    page.goto(f"/session/claude-code/laptop/{name}")
    expect(page.locator(".turn").first).to_be_visible()
    expect(page.get_by_text(LIVE)).to_be_attached()
    return story


def test_new_turns_appear_in_an_open_session(page, archive):
    """A session that goes on grows under the reader's eyes; who reads above stays there."""
    story = opened(page, archive, "growing")
    story.answer("This came later.")
    archive.send(story.events[-1:])
    more = page.get_by_role("button", name="1 new")
    expect(more).to_be_visible()
    assert page.evaluate("window.scrollY") == 0
    more.click()

    expect(page.get_by_text("This came later.")).to_be_in_viewport()


def test_who_is_at_the_end_stays_there(page, archive):
    """After `G`, each turn that comes moves the end into view, however many come in turn."""
    story = opened(page, archive, "followed")
    page.keyboard.press("G")
    expect(page.get_by_text("Answer 29.")).to_be_in_viewport()
    for number in range(30, 45, 5):
        for more in range(number, number + 5):
            story.prompt(f"Question {more}. " + "Tell me more about the beds. " * 24)
            story.answer(f"Answer {more}.")
        archive.send(story.events[-10:])
        expect(page.get_by_text(f"Answer {number + 4}.")).to_be_in_viewport()

    page.wait_for_function(
        "() => document.documentElement.scrollHeight - innerHeight - scrollY < 2"
    )


def test_a_session_that_ended_is_running_no_more(page, archive):
    """The head of a session that stays open says that it runs for as long as it does."""
    name = f"ending-{time.time_ns()}"
    archive.send(Story(name, time.time() - 20).prompt("Water them.").events)
    page.clock.install()
    page.goto(f"/session/claude-code/laptop/{name}")
    expect(page.locator(".session-head .running")).to_be_visible()
    page.clock.fast_forward("03:00")

    expect(page.locator(".session-head .running")).to_have_count(0)
