"""What is pressed early and what comes late, as on slow machines and behind slow networks."""

from __future__ import annotations

import json
import re
import time

import pytest
from playwright.sync_api import expect

from browser.conftest import PATIENCE
from browser.stories import Story
from browser.waiting import FRAMES, LIVE, place_of, scroll_to

#: Counts the changes that the page was told of, behind the page's own listener.
TOLD = """
  window.told = 0;
  const { addEventListener } = EventSource.prototype;
  EventSource.prototype.addEventListener = function (kind, act) {
    addEventListener.call(this, kind, (event) => {
      act(event);
      if (kind === "session") window.told += 1;
    });
  };
"""
#: A stream that is open before the browser has drawn anything.
AT_ONCE = """
  window.EventSource = class extends EventTarget {
    constructor() {
      super();
      queueMicrotask(() => this.dispatchEvent(new Event("ready")));
    }
    close() {}
  };
"""


def act_at_once(page, selector, act):
    """Do something with an element in the very task that puts it into the document."""
    page.add_init_script(
        f"""new MutationObserver((_, watching) => {{
          const found = document.querySelector({json.dumps(selector)});
          if (!found) return;
          watching.disconnect();
          ({act})(found);
        }}).observe(document, {{ childList: true, subtree: true }});"""
    )


def press(*keys):
    """Keys, as a function for `act_at_once`."""
    return f"""(found) => {{
      for (const key of {json.dumps(keys)}) {{
        const how = {{ key, bubbles: true, cancelable: true }};
        found.dispatchEvent(new KeyboardEvent("keydown", how));
      }}
    }}"""


class Held:
    """Requests that are not answered yet.

    Args:
        page: that asks.
        pattern: of their addresses.
        is_answered: by the server, at once; the page gets the answer later.
    """

    def __init__(self, page, pattern, *, is_answered=False):
        self._page = page
        self._routes = []
        page.route(
            pattern,
            lambda route: self._routes.append((route, route.fetch() if is_answered else None)),
        )

    def wait(self):
        """Wait until there is one."""
        deadline = time.monotonic() + PATIENCE / 1000
        while not self._routes:
            assert time.monotonic() < deadline, "nothing was asked for"
            self._page.wait_for_timeout(20)

    def forget(self):
        """Leave all that there are without an answer."""
        self._routes.clear()

    def release(self):
        """Let the last one be answered."""
        self.wait()
        route, answer = self._routes.pop()
        if answer is None:
            route.continue_()
        else:
            route.fulfill(response=answer)


def new_story(archive, name, prompts=1):
    """Archive a session of prompts under a name of its own."""
    name = f"{name}-{time.time_ns()}"
    story = Story(name, time.time() - 60 - 7 * prompts, title=name, title_source="generated")
    for number in range(prompts):
        story.prompt(f"Question {number} about the beds.")
    archive.send(story.events)
    return story


def path_of(story):
    """Where a session is."""
    return f"/session/claude-code/laptop/{story.session_id}"


@pytest.mark.parametrize(
    ("act", "heading"),
    [(press("g", "s"), "Stats"), ("(link) => link.click()", "Projects")],
    ids=["keys", "link"],
)
def test_the_page_listens_as_soon_as_it_is_seen(page, act, heading):
    """Keys and links lead somewhere from the first moment on."""
    act_at_once(page, 'a[href="/projects"]', act)
    page.goto("/")

    expect(page.get_by_role("heading", level=1)).to_have_text(heading)


def test_a_stream_that_is_open_at_once_is_live(page):
    """The mark in the head says how the stream is, however early it was opened."""
    page.add_init_script(AT_ONCE)
    page.goto("/")

    expect(page.get_by_text(LIVE)).to_be_attached()


def test_a_key_on_a_new_chart_is_not_forgotten(page):
    """A column that was chosen as soon as the chart was there stays chosen."""
    act_at_once(page, ".chart-field", press("End"))
    page.goto("/stats")
    expect(page.locator(".chart")).to_be_visible()
    page.evaluate(FRAMES, 10)

    expect(page.locator(".chart-said strong")).to_be_visible()


def test_a_menu_takes_the_focus_once(page):
    """Who has gone on within a menu before it was drawn is not led back to its beginning."""
    act_at_once(page, ".menu button + button", "(second) => second.focus()")
    page.goto("/")
    page.get_by_role("button", name="Tool", exact=True).click()
    expect(page.locator(".menu button").nth(1)).to_be_visible()
    page.evaluate(FRAMES, 10)

    expect(page.locator(".menu button").nth(1)).to_be_focused()


def test_enter_before_the_first_answer_leads_to_its_first_hit(page):
    """Who presses Enter before anything was found is at the first hit when it is there."""
    held = Held(page, "**/api/v1/search?*")
    page.goto("/")
    expect(page.locator(".session-row").first).to_be_visible()
    page.get_by_role("combobox", name="Search all sessions").fill("capacitive")
    page.keyboard.press("Enter")
    held.release()

    expect(page.locator(".result").first).to_be_focused()


def test_what_came_before_the_stream_was_open_is_listed(page, archive):
    """A session that is archived behind the first answer and before the stream is seen."""
    stream = Held(page, "**/api/v1/events")
    page.goto("/")
    expect(page.locator(".session-row").first).to_be_visible()
    story = new_story(archive, "between")
    stream.release()

    expect(page.locator(f'.session-row[href="{path_of(story)}"]')).to_be_visible()


@pytest.mark.parametrize("prompts", [3, 4100])
def test_what_came_before_the_stream_was_open_is_in_its_session(page, archive, prompts):
    """So is a turn; of a long session nothing is loaded for it that is not looked at."""
    story = new_story(archive, "between-turns", prompts)
    asked = []
    page.on("request", lambda request: "turns=1000" in request.url and asked.append(request.url))
    stream = Held(page, "**/api/v1/events")
    page.goto(path_of(story))
    expect(page.locator(".turn").first).to_be_visible()
    archive.send(story.answer("Not yet.").events[-1:])
    stream.release()

    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    assert [url for url in asked if "after=" not in url and "offset=" not in url] == []


def test_what_is_told_is_newer_than_a_list_on_its_way(page, archive):
    """The answer to what was asked earlier does not put a session back to what it was."""
    story = new_story(archive, "told")
    page.add_init_script(TOLD)
    asked = Held(page, "**/api/v1/sessions?*", is_answered=True)
    page.goto("/")
    expect(page.get_by_text(LIVE)).to_be_attached()
    asked.wait()
    archive.send(story.answer("Not yet.").events[-1:])
    other = new_story(archive, "told-other")
    page.wait_for_function("() => window.told >= 2")
    asked.release()

    expect(page.locator(f'.session-row[href="{path_of(other)}"]')).to_be_visible()
    row = page.locator(f'.session-row[href="{path_of(story)}"]')
    expect(row).to_contain_text("2 turns")


def test_what_is_told_before_a_session_is_here_is_not_lost(page, archive):
    """A turn that is told while the first turns are on their way is there in the end."""
    story = new_story(archive, "told-turns")
    page.add_init_script(TOLD)
    asked = Held(page, re.compile(r"turns=200$"), is_answered=True)
    page.goto(path_of(story))
    expect(page.get_by_text(LIVE)).to_be_attached()
    asked.wait()
    archive.send(story.answer("Not yet.").events[-1:])
    page.wait_for_function("() => window.told >= 1")
    asked.release()

    expect(page.locator(".turn", has_text="Not yet.")).to_be_visible()


@pytest.fixture
def partly(page, archive):
    """A session of which all but the first turns is on its way, and what is held of it."""
    story = new_story(archive, "partly", 600)
    held = Held(page, re.compile("offset="))
    page.goto(path_of(story))
    expect(page.locator(".turn").first).to_be_visible()
    held.wait()
    return story, held


def test_a_turn_that_comes_late_leads_nobody_back(page, partly):
    """Who was going to a turn and has gone elsewhere since stays there when the turn comes."""
    story, _ = partly
    sought = Held(page, re.compile("around="))
    page.evaluate("id => { location.hash = `turn-${id}`; }", story.events[500]["turn_id"])
    sought.wait()
    page.keyboard.press("j")
    lit = page.locator(".turn[data-lit]")
    expect(lit).to_contain_text("Question 1 about")
    with page.expect_response(re.compile("around=")):
        sought.release()
    page.evaluate(FRAMES, 10)

    expect(lit).to_contain_text("Question 1 about")
    expect(lit).to_be_in_viewport()


def test_keys_that_wait_for_turns_all_count(page, partly):
    """Each press of `j` goes one prompt further, also while the prompts are on their way."""
    story, held = partly
    page.evaluate("id => { location.hash = `turn-${id}`; }", story.events[198]["turn_id"])
    lit = page.locator(".turn[data-lit]")
    expect(lit).to_contain_text("Question 198 about")
    page.keyboard.press("j")
    expect(lit).to_contain_text("Question 199 about")
    held.forget()
    for _ in range(3):
        page.keyboard.press("j")
    held.release()

    expect(lit).to_contain_text("Question 202 about")


def test_letters_that_are_not_asked_for_yet_lead_nobody_back(page):
    """Who types and leaves for another view at once stays there."""
    page.goto("/")
    expect(page.locator(".session-row").first).to_be_visible()
    page.evaluate(
        """async () => {
          const box = document.getElementById("search");
          for (const text of ["v", "va"]) {
            box.value = text;
            box.dispatchEvent(new Event("input", { bubbles: true }));
          }
          document.querySelector('a[href="/stats"]').click();
          await new Promise((done) => setTimeout(done, 300)); // longer than the box waits
        }"""
    )

    expect(page.get_by_role("heading", level=1)).to_have_text("Stats")


def find_unanswered(page, archive):
    """Look for a late prompt of a session that the server searches; it does not answer yet."""
    asked = Held(page, re.compile(r"/find\?.*q=4050"))
    page.goto(path_of(new_story(archive, "found-late", 4100)))
    expect(page.locator(".turn").first).to_be_visible()
    page.keyboard.press("f")
    page.get_by_role("textbox", name="Find in this session").fill("4050")
    asked.wait()
    return asked


def test_enter_before_find_was_answered_leads_to_the_first_hit(page, archive):
    """In a session that the server searches, Enter waits for what it finds."""
    asked = find_unanswered(page, archive)
    page.keyboard.press("Enter")
    asked.release()

    expect(page.locator(".find-count")).to_have_text("1 of 1")
    expect(page.locator(".turn[data-lit]")).to_contain_text("Question 4050 about")


def test_enter_in_a_find_that_was_closed_leads_nowhere(page, archive):
    """Who closed the bar before anything was found is led to no hit when it is opened again."""
    asked = find_unanswered(page, archive)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    asked.forget()
    page.keyboard.press("f")
    asked.release()
    expect(page.locator(".find-count")).to_have_text("1")
    page.evaluate(FRAMES, 10)

    expect(page.locator(".find-count")).to_have_text("1")
    expect(page.locator(".turn[data-lit]")).to_have_count(0)


@pytest.mark.parametrize("what", ["token", "search"])
def test_what_is_pressed_twice_is_done_once(page, what):
    """While a token is made or a search is saved, a second press does not ask for another one."""
    pattern = re.compile("/api/v1/tokens$" if what == "token" else "/api/v1/saved-searches$")
    made = []
    page.on("request", lambda request: request.method == "POST" and made.append(request.url))
    page.goto("/settings" if what == "token" else "/?q=valve")
    if what == "search":
        page.get_by_role("button", name="Save").click()
        name = page.get_by_label("Name of the search")
    else:
        name = page.get_by_label("Name")
    name.fill(f"twice-{what}")
    asked = Held(page, pattern)
    name.press("Enter")
    asked.wait()
    name.press("Enter")
    asked.release()

    done = page.get_by_text("Saved", exact=True) if what == "search" else page.locator(".secret")
    expect(done).to_be_visible()
    assert len(made) == 1


def test_what_comes_late_above_moves_nothing_that_is_read(page, session_path):
    """Whatever is added to the head of a session, who reads further down goes on reading there."""
    asked = Held(page, "**/related")
    page.goto(session_path)
    expect(page.locator(".turn").first).to_be_visible()
    read = page.locator(".turn", has_text="Now make the test")
    scroll_to(page, read)
    read.scroll_into_view_if_needed()
    before = place_of(read)
    asked.release()
    expect(page.locator(".related")).to_be_attached()

    assert place_of(read) == pytest.approx(before, abs=2)
