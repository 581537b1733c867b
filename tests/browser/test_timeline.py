"""The sessions by day: what a row says, what appears by itself, thousands of them."""

from __future__ import annotations

import re
import time

from playwright.sync_api import expect

from browser.stories import WATERING, Story, everyday
from browser.waiting import FRAMES, LIVE, scroll_down, wait_until_drawn

#: Where the first session leads that is seen whole, below the head of the page.
SEEN = """() => [...document.querySelectorAll(".session-row")]
  .find((row) => row.getBoundingClientRect().top > 100).getAttribute("href")"""


def test_sessions_stand_under_their_days(page):
    """Days are headings; a row says title, preview, tool, project, host, length and tokens."""
    page.goto("/")
    expect(page.get_by_role("heading", level=2).first).to_have_text(re.compile("Today|Yesterday"))
    row = page.locator(f'a[href="/session/claude-code/laptop/{WATERING}"]')

    expect(row).to_contain_text("Find out why nothing is watered")
    expect(row).to_contain_text("The roses are dry again")
    for said in ("Claude Code", "garden", "laptop", "3 prompts", "turns", "tokens"):
        expect(row).to_contain_text(said)


def test_subagents_are_shown_on_request(page):
    """A list is not flooded by subagents; they come when they are asked for."""
    page.goto("/")
    expect(page.locator(".session-row").first).to_be_visible()
    expect(page.get_by_role("link", name="Read the datasheet")).to_have_count(0)
    page.get_by_role("button", name="Subagents").click()

    expect(page.get_by_role("link", name="Read the datasheet")).to_be_visible()
    expect(page).to_have_url(re.compile("subagents=1"))


def test_a_list_is_found_behind_more_than_a_page_of_subagents(page, archive):
    """Where the newest sessions are subagents the others are shown, and those alone are counted."""
    now = time.time() - 300 * 86400
    for number in range(3):
        story = Story(f"busy-{number}", now + number, host="busy", title=f"Plan {number}")
        archive.send(story.prompt("Ask many.").events)
    archive.send(
        event
        for number in range(130)
        for event in Story(
            f"helper-{number}",
            now + 3600 + number,
            host="busy" if number < 125 else "helped",
            parent_session_id="busy-0",
            relation="subagent",
        )
        .prompt("Look it up.")
        .events
    )
    page.goto("/?host=busy")
    expect(page.locator(".session-row")).to_have_count(3)
    expect(page.locator(".list-end")).to_have_text("3 sessions, and 125 of subagents")
    page.goto("/?host=helped")
    expect(page.get_by_text("There are sessions of subagents alone")).to_be_visible()
    page.get_by_role("button", name="Show 5 of them").click()

    expect(page.locator(".session-row")).to_have_count(5)
    expect(page.locator(".list-end")).to_have_text("5 sessions")


def test_new_sessions_and_turns_appear_by_themselves(page, archive):
    """What is archived while somebody looks is seen, and marked as running."""
    page.goto("/")
    expect(page.get_by_text(LIVE)).to_be_attached()
    name = f"fresh-{time.time_ns()}"
    story = Story(name, time.time() - 30, title=f"Just begun {name}", title_source="generated")
    archive.send(story.prompt("Does this appear?").events)
    row = page.locator(".session-row", has_text=f"Just begun {name}")
    expect(row).to_contain_text("running")
    expect(row).to_contain_text("1 turn")

    archive.send(story.answer("It does.").events[-1:])
    expect(row).to_contain_text("2 turns")


def test_keys_walk_the_list(page):
    """`j` and `k` choose, Enter opens, and the browser's way back leads to the same place."""
    page.goto("/")
    expect(page.locator(".session-row").first).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    chosen = page.locator(".session-row[data-selected]")
    expect(chosen).to_have_count(1)
    address = chosen.get_attribute("href")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(re.escape(address)))

    page.go_back()
    expect(chosen).to_have_attribute("href", address)
    expect(chosen).to_be_focused()
    page.keyboard.press("k")
    expect(page.locator(".session-row").first).to_have_attribute("data-selected", "true")


def test_who_comes_back_from_far_down_finds_the_row_in_focus(page, archive):
    """However far a session was read, the row that led to it is chosen and in focus again."""
    story = Story("read-far", time.time() - 500, title="Read far", title_source="generated")
    for number in range(60):
        story.prompt(f"Question {number} about the beds.")
    archive.send(story.events)
    page.goto("/")
    row = page.locator('.session-row[href="/session/claude-code/laptop/read-far"]')
    row.click()
    expect(page.locator(".turn").first).to_be_visible()
    assert scroll_down(page, 4000)
    page.go_back()

    expect(row).to_be_focused()
    expect(row).to_be_in_viewport()


def test_enter_opens_what_is_chosen_after_the_list_was_loaded_again(page):
    """The row that was chosen before takes no focus from where the keys have gone since."""
    page.goto("/")
    expect(page.locator(".session-row").first).to_be_visible()
    for _ in range(40):
        page.keyboard.press("j")
    chosen = page.locator(".session-row[data-selected]")
    expect(chosen).to_be_in_viewport()
    page.reload()
    expect(page.locator(".session-row").first).to_be_visible()
    page.keyboard.press("j")
    expect(chosen).to_be_in_viewport()
    page.evaluate(FRAMES, 10)
    address = chosen.get_attribute("href")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(re.escape(address)))


def test_filters_narrow_the_list(page):
    """A project leads to its sessions alone; a filter that fits nothing says so."""
    page.goto("/?project=pump")
    expect(page.locator(".session-row").first).to_be_visible()
    expect(page.locator(".session-row", has_text="seeds")).to_have_count(0)
    page.goto("/?project=nowhere")
    expect(page.get_by_text("No session fits these filters")).to_be_visible()
    page.get_by_role("link", name="Show all sessions").click()

    expect(page.locator(".session-row").first).to_be_visible()


def test_the_days_of_a_filter_belong_to_it(page, archive):
    """From one day until the same day is that day."""
    begins = time.time() - 310 * 86400
    archive.send(Story("one-day", begins, host="shed").prompt("Oil the pump.").events)
    day = time.strftime("%Y-%m-%d", time.localtime(begins))
    page.goto("/?host=shed")
    page.get_by_role("button", name="Date").click()
    page.get_by_role("textbox", name="From").fill(day)
    page.get_by_role("textbox", name="Until").fill(day)
    page.get_by_role("button", name="Show", exact=True).click()

    expect(page).to_have_url(re.compile(f"since={day}&until={day}"))
    expect(page.locator(".session-row")).to_have_count(1)


def test_a_long_list_draws_what_is_seen_alone(page, archive):
    """Of many hundred sessions a few dozen are in the document, wherever one scrolls."""
    now = time.time() - 40 * 86400
    archive.send(event for story in everyday(now, 700) for event in story.events[:2])
    page.goto("/")
    expect(page.locator(".session-row").first).to_be_visible()
    for _ in range(8):
        assert scroll_down(page, 6000)
        drawn = page.locator(".session-row").count()

        assert 5 < drawn < 80


def test_who_comes_back_finds_their_place(page, archive):
    """The way back from a session that was far down leads to it, not to the beginning."""
    now = time.time() - 90 * 86400
    archive.send(event for story in everyday(now, 300) for event in story.events[:2])
    page.goto("/")
    expect(page.locator(".session-row").first).to_be_visible()
    for _ in range(20):
        page.keyboard.press("j")
    page.mouse.wheel(0, 9000)
    page.wait_for_function("() => scrollY > 8000")
    wait_until_drawn(page)
    address = page.evaluate(SEEN)
    far = page.locator(f'.session-row[href="{address}"]')
    far.click()
    expect(page.locator(".turn").first).to_be_visible()
    page.go_back()

    expect(far).to_be_in_viewport()


def test_rows_of_many_heights_stand_where_they_stood(page, archive):
    """Rows are as high as they were measured for who comes back, not as high as was guessed."""
    now = time.time() - 200 * 86400
    for number in range(120):
        story = Story(f"odd-{number}", now - number * 7000, title=f"Odd {number}", tool="odd")
        archive.send(story.prompt("Long words " * 9 if number % 3 else "").events)
    page.goto("/?tool=odd")
    rows = page.locator(".session-row")
    expect(rows.first).to_be_visible()
    for _ in range(8):
        before = page.evaluate("scrollY")
        page.mouse.wheel(0, 700)
        page.wait_for_function("before => scrollY > before", arg=before)
    page.wait_for_function("() => !document.querySelector('.skeleton-session')")
    address = page.evaluate(
        """() => [...document.querySelectorAll(".session-row")]
            .find((row) => row.getBoundingClientRect().top > 250).getAttribute("href")"""
    )
    row = page.locator(f'.session-row[href="{address}"]')
    top = row.bounding_box()["y"]
    row.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.go_back()

    expect(row).to_be_in_viewport()
    page.wait_for_function(
        """([address, top]) => {
            const row = document.querySelector(`.session-row[href="${address}"]`);
            return row && Math.abs(row.getBoundingClientRect().top - top) < 30;
        }""",
        arg=[address, top],
    )


def test_a_preview_that_repeats_the_title_is_left_out(page, archive):
    """A title that is the beginning of the prompt says all that the row has room for."""
    story = Story("twice", time.time() - 80 * 86400, title="Say this once and…", tool="once")
    archive.send(story.prompt("Say this once and never again.").events)
    story = Story("more", time.time() - 81 * 86400, title="Say this once", tool="once")
    archive.send(story.prompt("Say this once and never again.").events)
    page.goto("/?tool=once")

    cut = page.locator(".session-row", has_text="Say this once and…")
    expect(cut).to_be_visible()
    expect(cut.locator(".session-row-preview")).to_have_count(0)
    more = page.locator(".session-row-preview", has_text="never again")
    expect(more).to_have_count(1)


def test_a_list_that_may_be_old_says_why(watched):
    """Who is signed in no more is told so, and sees what was there before."""
    page = watched(allowed=("401",)).new_page()
    page.goto("/")
    expect(page.locator(".session-row").first).to_be_visible()
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")
    page.context.clear_cookies()
    page.go_back()

    expect(page.get_by_text("You are not signed in; what is shown may be old.")).to_be_visible()
    expect(page.locator(".session-row").first).to_be_visible()


def test_a_list_that_breaks_off_says_so_at_its_end(watched, archive):
    """Where the next page cannot be had it is said there, and tried again; nothing is lost."""
    now = time.time() - 150 * 86400
    archive.send(event for story in everyday(now, 300) for event in story.events[:2])
    page = watched(allowed=("ERR_FAILED",)).new_page()
    page.goto("/")
    expect(page.locator(".session-row").first).to_be_visible()
    page.route("**/api/v1/sessions?*", lambda route: route.abort())
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    said = page.get_by_role("alert")
    expect(said).to_contain_text("cannot be reached")
    expect(page.locator(".session-row").first).to_be_attached()
    page.unroute("**/api/v1/sessions?*")

    expect(said).to_have_count(0)
