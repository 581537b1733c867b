"""Reading a session: the ways within it and out of it."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, expect

from browser.locating import tool_call
from browser.stories import WATERING, Story
from browser.waiting import FRAMES, IS_FREE, LIVE, hold_timers, place_of, scroll_to


def test_keys_jump_from_prompt_to_prompt(reading):
    """`j` and `k` lead along the prompts, and the list beside says where one is."""
    reading.keyboard.press("j")
    expect(reading.locator(".turn[data-lit]")).to_contain_text("The roses are dry again")
    reading.keyboard.press("j")
    expect(reading.locator(".turn[data-lit]")).to_contain_text("/cost")
    reading.keyboard.press("k")
    expect(reading.locator(".turn[data-lit]")).to_contain_text("The roses are dry again")


def test_the_outline_leads_to_a_prompt(watched, session_path):
    """On a wide screen the prompts stand beside the transcript."""
    page = watched(viewport={"width": 1440, "height": 700}).new_page()
    page.goto(session_path)
    page.get_by_role("navigation", name="Prompts").get_by_text("Now make the test").click()
    lit = page.locator(".turn[data-lit]")

    expect(lit).to_contain_text("keep the error's name")
    expect(lit).to_be_in_viewport()


def test_o_and_t_open_everything(reading):
    """All tool calls and all thinking open and close by one key."""
    reading.keyboard.press("o")
    expect(tool_call(reading, "Grep")).to_have_attribute("aria-expanded", "true")
    reading.keyboard.press("o")
    expect(tool_call(reading, "Grep")).to_have_attribute("aria-expanded", "false")
    reading.keyboard.press("t")
    expect(reading.locator('.folded[data-kind="thinking"] .folded-body')).to_be_visible()


def test_o_moves_nothing_that_is_read(page, archive):
    """Calls that open and close above and below leave what is read where it is."""
    story = Story("opened", time.time() - 5150, title="Opened", title_source="generated")
    for number in range(40):
        story.prompt(f"Question {number} about the beds.")
        for part in range(4):
            story.call("Bash", {"command": f"valve {number}-{part}"}, "closed\n" * (3 + 5 * part))
        story.answer(f"Answer {number}.")
    archive.send(story.events)
    page.goto("/session/claude-code/laptop/opened#turn-opened-200")
    read = page.locator(".turn", has_text="Question 20 about")
    expect(read).to_be_in_viewport()
    held = [read.element_handle(), place_of(read) + 20]
    page.mouse.wheel(0, -40)
    page.wait_for_function("([turn, place]) => turn.getBoundingClientRect().top > place", arg=held)
    before = place_of(read)
    for state in ("true", "false"):
        page.keyboard.press("o")
        expect(tool_call(page, "valve 20-0")).to_have_attribute("aria-expanded", state)

        assert place_of(read) == pytest.approx(before, abs=2)


def test_who_comes_back_to_a_session_reads_on(page, archive):
    """The way back and a reload lead to the turn that was read."""
    story = Story("left", time.time() - 5150, title="Left", title_source="generated")
    for number in range(200):
        story.prompt(f"Question {number} about the beds.").answer("Dry. " * (7 * number % 90))
    archive.send(story.events)
    path = "/session/claude-code/laptop/left"
    page.goto(path)
    expect(page.locator(".turn").first).to_be_visible()
    read = page.locator(".turn", has_text="Question 150 about")
    scroll_to(page, read)
    read.scroll_into_view_if_needed()
    before = place_of(read)

    def expect_place():
        expect(read).to_be_in_viewport()
        assert place_of(read) == pytest.approx(before, abs=2)

    page.keyboard.press("g")
    page.keyboard.press("s")
    expect(page.get_by_role("heading", level=1)).to_have_text("Stats")
    page.go_back()
    expect_place()
    page.reload()
    expect_place()
    page.goto("about:blank")
    page.go_back()
    expect_place()


def go_away(page):
    """Look at something else in the same tab, and come back."""
    page.goto("about:blank")
    page.go_back()


def go_back_and_forward(page):
    """Go back to the hits that led to the session, and forward again."""
    page.go_back()
    expect(page.locator(".result").first).to_be_focused()
    page.go_forward()


@pytest.mark.parametrize("leave", [Page.reload, go_away, go_back_and_forward])
def test_who_read_on_from_a_hit_finds_that_place_again(page, archive, leave):
    """However a session is left, who comes back is where they read, not where a link had led."""
    name = f"hit-{leave.__name__.replace('_', '-')}"
    word = leave.__name__.replace("_", "")
    story = Story(name, time.time() - 5150, title=name, title_source="generated")
    for number in range(150):
        asks = f"Where is the {word}?" if number == 20 else f"Question {number} about the beds."
        story.prompt(asks).answer("Dry. " * (7 * number % 90))
    archive.send(story.events)
    page.goto(f"/?q={word}")
    page.locator(".result").first.click()
    expect(page.locator(".turn[data-lit]")).to_contain_text(word)
    read = page.locator(".turn", has_text="Question 50 about")
    while not read.count():
        page.mouse.wheel(0, 800)
        page.evaluate(FRAMES, 10)
    read.scroll_into_view_if_needed()
    before = place_of(read)
    leave(page)

    expect(read).to_be_in_viewport()
    assert place_of(read) == pytest.approx(before, abs=2)


def test_a_hit_is_open_when_it_is_loaded_again(page, archive):
    """A link to an output opens it and marks it, and so does loading that address again."""
    story = Story("again", time.time() - 5150, title="Again", title_source="generated")
    story.prompt("Look.").call("Bash", {"command": "look"}, "There it is.").answer("Found.")
    archive.send(story.events)
    page.goto("/session/claude-code/laptop/again#turn-again-1")
    hit = page.locator(".turn[data-lit]", has_text="There it is.")
    expect(hit).to_be_visible()
    page.reload()

    expect(hit).to_be_visible()


def test_find_counts_walks_and_paints(reading):
    """All turns are searched, outputs of closed calls too; a hit is opened and painted."""
    reading.keyboard.press("f")
    box = reading.get_by_role("textbox", name="Find in this session")
    expect(box).to_be_focused()
    reading.keyboard.type("test_open_circuit")
    expect(reading.locator(".find-count")).to_have_text("1")
    reading.keyboard.press("Enter")
    expect(reading.locator(".find-count")).to_have_text("1 of 1")
    expect(reading.locator(".turn[data-lit] .tool-result")).to_contain_text("test_open_circuit")
    reading.wait_for_function("() => CSS.highlights.get('found')?.size > 0")

    reading.keyboard.press("Escape")
    expect(box).to_have_count(0)
    assert reading.evaluate("CSS.highlights.has('found')") is False


def test_find_leads_to_the_very_word(page, archive):
    """A hit deep within a long output is brought into view, also where its end was left out."""
    story = Story("deep", time.time() - 5200, title="Deep", title_source="generated")
    story.prompt("Print it.")
    story.call(
        "Bash", {"command": "cat log"}, "nothing here\n" * 300 + "the needle\n" + "end\n" * 90
    )
    story.answer("Done.")
    archive.send(story.events)
    page.goto("/session/claude-code/laptop/deep")
    expect(page.locator(".turn").first).to_be_visible()
    page.keyboard.press("f")
    expect(page.get_by_role("textbox", name="Find in this session")).to_be_focused()
    page.keyboard.type("needle")
    expect(page.locator(".find-count")).to_have_text("1")
    page.keyboard.press("Enter")

    page.wait_for_function(
        "() => [...(CSS.highlights.get('found') ?? [])].some((range) => {"
        " const { top, bottom } = range.getBoundingClientRect();"
        " return top > 100 && bottom < innerHeight; })"
    )


def test_a_turn_has_a_link(reading):
    """The link of a turn leads back to it."""
    reading.context.grant_permissions(["clipboard-read", "clipboard-write"])
    reading.keyboard.press("G")
    turn = reading.locator(".turn", has_text="All 14 tests pass")
    turn.scroll_into_view_if_needed()
    place_of(turn)
    hold_timers(reading)
    turn.hover()
    turn.get_by_role("button", name="Copy the link to this turn").click()
    expect(turn.get_by_role("button", name="Copied")).to_be_visible()
    link = reading.evaluate("navigator.clipboard.readText()")
    assert re.search(r"/session/claude-code/laptop/[^/#]+#turn-.+$", link)
    reading.goto("about:blank")
    reading.goto(link)

    expect(reading.locator(".turn[data-lit]")).to_contain_text("All 14 tests pass")


@pytest.mark.parametrize("width", [660, 768, 880, 1000, 1190, 1300, 1440])
def test_what_copies_a_turn_lies_beside_it(watched, archive, width):
    """Wherever the window ends, the buttons of a turn can be clicked and nothing sticks out."""
    story = Story("copied", time.time() - 5150, title="Copied", title_source="generated")
    for number in range(30):
        story.prompt(f"Question {number} about the beds and the valves that answer late.")
        story.answer("Just a moment.").answer(f"Answer {number}. " + "The bed is dry. " * 20)
    archive.send(story.events)
    page = watched(viewport={"width": width, "height": 800}).new_page()
    page.goto("/session/claude-code/laptop/copied")
    turn = page.locator(".turn:not([data-head])", has_text="Answer 2.")
    turn.scroll_into_view_if_needed()
    place_of(turn)
    turn.hover()

    for name in ("Copy the link to this turn", "Copy the text"):
        button = turn.get_by_role("button", name=name)
        page.wait_for_function(IS_FREE, arg=button.element_handle())
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_subagents_and_forks_lead_both_ways(reading):
    """A call leads to its subagent's session, that one back, and forks are listed."""
    reading.get_by_role("link", name="Open the session of the subagent").click()
    expect(reading.get_by_role("heading", level=1)).to_have_text("Read the datasheet")
    expect(reading.locator(".parent")).to_contain_text("Subagent of")
    reading.keyboard.press("u")
    expect(reading.get_by_role("heading", level=1)).to_have_text("Find out why nothing is watered")

    reading.locator(".related").get_by_role("link", name=re.compile("fork")).click()
    expect(reading.locator(".parent")).to_contain_text("Forked from")
    reading.locator(".parent a").click()
    expect(reading).to_have_url(re.compile(WATERING))


def test_a_session_is_printed_whole(page, archive):
    """On paper stand all turns, and nothing that is there to be clicked."""
    story = Story("printed", time.time() - 5110, title="Printed", title_source="generated")
    for number in range(100):
        story.prompt(f"Question {number} about the beds.").answer("Dry. " * 60)
    archive.send(story.events)
    page.goto("/session/claude-code/laptop/printed")
    expect(page.locator(".turn").first).to_be_visible()
    expect(page.get_by_text(LIVE)).to_be_attached()
    assert page.locator(".turn").count() < 200
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    expect(page.locator(".turn")).to_have_count(200)
    expect(page.locator(".head")).to_be_hidden()
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")

    expect(page.locator(".turn[data-turn=printed-199]")).to_have_count(0)


def test_a_parent_that_is_not_archived_is_no_link(watched, archive):
    """Where the session that one came from is not here, it is said, and nothing leads there."""
    story = Story("orphan", time.time() - 5120, parent_session_id="gone", relation="fork")
    archive.send(story.prompt("Go on.").events)
    page = watched(allowed=("404",)).new_page()
    page.goto("/session/claude-code/laptop/orphan")

    expect(page.locator(".parent")).to_have_text("Forked from gone, which is not archived")
    expect(page.locator(".parent a")).to_have_count(0)


def test_a_session_is_resumed_by_a_command_to_copy(reading):
    """The command of the session's tool stands in its head."""
    reading.context.grant_permissions(["clipboard-read", "clipboard-write"])
    expect(reading.locator(".resume code")).to_contain_text(f"claude --resume {WATERING}")
    hold_timers(reading)
    reading.get_by_role("button", name="Copy the command that resumes this session").click()
    expect(reading.locator(".resume").get_by_role("button", name="Copied")).to_be_visible()

    assert WATERING in reading.evaluate("navigator.clipboard.readText()")


@pytest.mark.parametrize("label", ["Markdown", "HTML", "JSON", "JSON lines"])
def test_a_session_is_exported(reading, label):
    """Each format is a file with the session in it."""
    reading.get_by_role("button", name="Export").click()
    with reading.expect_download() as waiting:
        reading.get_by_role("link", name=label, exact=True).click()

    assert "The roses are dry again" in waiting.value.path().read_text(encoding="utf-8")


def test_what_is_not_there_is_said(watched):
    """A session that does not exist, or is somebody else's, is told as such."""
    page = watched(allowed=("404",)).new_page()
    page.goto("/session/claude-code/laptop/nothing")

    expect(page.get_by_role("alert")).to_contain_text("There is no such thing")


def test_a_browser_that_keeps_nothing_shows_the_session(page, session_path):
    """Where storage is refused no place is remembered, and nothing else is missing."""
    page.add_init_script(
        """Object.defineProperty(window, "sessionStorage", {
          get() { throw new DOMException("refused", "SecurityError"); },
        });"""
    )
    for _ in range(2):
        page.goto(session_path)
        expect(page.locator(".turn").first).to_be_visible()
        page.reload()
        expect(page.locator(".turn").first).to_be_visible()
