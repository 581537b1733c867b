"""Searching: the box, results while typing, filters in the address, the way to the very turn."""

from __future__ import annotations

import json
import re
import time

from playwright.sync_api import expect

from browser.stories import Story
from browser.waiting import FRAMES, type_search


def begin(page):
    """Open the first view and press `/`."""
    page.goto("/")
    expect(page.locator(".session-row").first).to_be_visible()
    page.keyboard.press("/")


def test_slash_focuses_the_box_from_anywhere(page):
    """`/` is the way to the search, on every view."""
    for path in ("/", "/stats", "/settings"):
        page.goto(path)
        expect(page.get_by_role("main")).not_to_be_empty()
        page.keyboard.press("/")

        expect(page.get_by_role("combobox", name="Search all sessions")).to_be_focused()


def test_results_appear_while_typing_and_stand_in_the_address(page):
    """Letters give marked hits, and the address can be sent to somebody."""
    begin(page)
    page.keyboard.type("per mille")
    expect(page.locator(".result").first).to_be_visible()

    expect(page.locator(".snippet mark").first).to_have_text(re.compile("per", re.IGNORECASE))
    expect(page).to_have_url(re.compile(r"\?q=per\+mille$"))
    expect(page.get_by_role("status").filter(has_text="hit")).to_be_visible()
    page.reload()
    expect(page.locator(".result").first).to_be_visible()


def test_a_click_lands_on_the_very_turn(page):
    """A hit leads to its turn, which is seen and lit up."""
    page.goto("/?q=datasheet+footnote")
    page.locator(".result", has_text="The datasheet says so").first.click()

    turn = page.locator(".turn[data-lit]")
    expect(turn).to_contain_text("volumetric water content")
    expect(turn).to_be_in_viewport()
    expect(page).to_have_url(re.compile(r"/session/claude-code/laptop/[^/]+#turn-"))


def test_a_hit_in_an_output_opens_its_tool_call(page):
    """What a tool printed is searched on request, and its call is open at the other end."""
    page.goto("/?q=collected+items")
    expect(page.get_by_text("Nothing was found")).to_be_visible()
    page.get_by_role("button", name="Search what tools printed, too").click()
    expect(page).to_have_url(re.compile("outputs=1"))
    page.locator(".result", has_text="Output").first.click()

    expect(page.locator(".turn[data-lit] .tool-result")).to_contain_text("collected 14 items")


def test_filters_are_chips_of_the_address(page):
    """A filter is chosen by pointer, stands in the address and is taken away again."""
    page.goto("/?q=valve")
    page.get_by_role("button", name="Host", exact=True).click()
    page.get_by_role("button", name=re.compile("^workshop")).click()
    expect(page).to_have_url(re.compile("host=workshop"))
    expect(page.locator(".result").first).to_contain_text("workshop")
    expect(page.locator(".result", has_text="laptop")).to_have_count(0)

    page.get_by_role("button", name="Host workshop: remove").click()
    expect(page).not_to_have_url(re.compile("host="))


def test_conditions_are_suggested_and_become_chips(page):
    """Behind `tool:` and `project:` the box suggests what there is; all of it by keys."""
    begin(page)
    page.keyboard.type("valve tool:co")
    expect(page.get_by_role("option")).to_have_count(3)
    page.keyboard.type("d")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("tool=c"))
    expect(page.get_by_role("combobox", name="Search all sessions")).to_have_value("valve")

    page.keyboard.type(" project:pu")
    expect(page.get_by_role("option", name=re.compile("^pump"))).to_be_visible()
    page.keyboard.press("Tab")
    expect(page).to_have_url(re.compile("project=%2Fhome%2Fkim%2Fsrc%2Fpump"))
    expect(page.get_by_role("button", name=re.compile("Project .*pump: remove"))).to_be_visible()


def test_results_are_walked_by_keys(page):
    """Enter leaves the box for the hits, `j` and `k` walk them, Enter opens one."""
    begin(page)
    type_search(page, "capacitive")
    page.keyboard.press("Enter")
    expect(page.locator(".result").first).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator(".result").nth(1)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("/session/"))
    page.go_back()
    expect(page).to_have_url(re.compile(r"\?q=capacitive"))
    expect(page.locator(".result").first).to_be_focused()


def test_who_walks_the_results_goes_on_when_a_later_answer_comes(page):
    """Enter comes after the answer to `val` and before that to `valv`: keys go on from there."""
    held = []

    def answer(route):
        if "q=valv&" in route.request.url:
            held.append(route)
            return
        found = route.fetch().json()
        route.fulfill(json=found | {"results": found["results"][::-1]})

    page.route("**/api/v1/search?*", answer)
    begin(page)
    results = page.locator(".result")
    type_search(page, "val")
    expect(results).to_have_count(30)
    last = results.last.get_attribute("href")
    with page.expect_request("**/api/v1/search?*q=valv&*"):
        page.keyboard.type("v")
    page.keyboard.press("Enter")
    expect(results.first).to_be_focused()
    [route] = held
    with page.expect_response("**/api/v1/search?*q=valv&*"):
        route.continue_()

    expect(results.first).to_have_attribute("href", last)
    expect(results.first).to_be_focused()
    page.keyboard.press("j")
    expect(results.nth(1)).to_be_focused()


def test_who_walks_the_results_by_tab_stays_when_more_come(page):
    """Enter leads to the first hit, Tab to the next one; more hits come, and nobody is led back."""
    begin(page)
    results = page.locator(".result")
    type_search(page, "valve")
    expect(results).to_have_count(30)
    page.keyboard.press("Enter")
    expect(results.first).to_be_focused()
    page.keyboard.press("Tab")
    expect(results.nth(1)).to_be_focused()
    results.last.scroll_into_view_if_needed()

    expect(results).not_to_have_count(30)
    expect(results.nth(1)).to_be_focused()


def test_an_old_answer_never_overwrites_a_newer_one(page):
    """The answer to `va` comes after that to `valve`, and is not shown."""
    held = []

    def hold(route):
        if "q=va&" in route.request.url:
            held.append(route)
        else:
            route.continue_()

    page.route("**/api/v1/search?*", hold)
    begin(page)
    with page.expect_request("**/api/v1/search?*q=va&*"):
        page.keyboard.type("va")
    type_search(page, "lve answers", before="va")
    expect(page.locator(".result").first).to_contain_text("valve")
    empty = {
        "results": [],
        "limit": 30,
        "next_cursor": None,
        "total": {"value": 0, "relation": "eq"},
    }
    for route in held:
        # The page has given this request up; a browser may tell that to who answers it.
        route.fulfill(json=empty | {"ranking": "exact", "took_ms": 1})
    page.evaluate(FRAMES, 10)

    expect(page.locator(".result").first).to_contain_text("valve")
    expect(page.get_by_text("Nothing was found")).to_have_count(0)


def test_more_results_come_when_the_end_is_near(page):
    """Pages follow each other, and no hit stands twice."""
    page.goto("/?q=valve")
    expect(page.locator(".result")).to_have_count(30)
    page.locator(".result").last.scroll_into_view_if_needed()
    page.mouse.wheel(0, 4000)
    expect(page.locator(".result").nth(45)).to_be_attached()
    links = page.locator(".result").evaluate_all("links => links.map((link) => link.href)")

    assert len(links) == len(set(links))


def test_a_wrong_query_says_what_is_wrong(page, watched):
    """What the server refuses is told in words, and typing on mends it."""
    page = watched(allowed=("400",)).new_page()
    page.goto("/?q=after:nonsense")

    expect(page.get_by_role("alert")).to_contain_text("That cannot be understood")
    expect(page.get_by_role("alert")).to_contain_text("After: is no date or time.")
    expect(page.get_by_role("alert")).not_to_contain_text("Q:")


def test_what_is_not_whole_yet_alarms_nobody(watched):
    """While a condition is typed it is told quietly, and what was found stays; Enter asks."""
    page = watched(allowed=("400",)).new_page()
    page.goto("/?q=valve")
    expect(page.locator(".result").first).to_be_visible()
    page.get_by_role("combobox", name="Search all sessions").fill("valve after:nons")
    expect(page.locator(".summary")).to_contain_text("Not understood so far")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator(".result").first).to_be_visible()
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("That cannot be understood")


def test_a_search_is_saved_and_run_again(page):
    """A search gets a name, and leads from the settings to the same hits in the same order."""
    page.goto("/?q=valve&host=workshop&until=2130-01-31&outputs=1&order=time")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Name of the search")).to_be_focused()
    page.keyboard.type("Valves of the workshop")
    with page.expect_request("**/saved-searches") as asked:
        page.keyboard.press("Enter")
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    assert asked.value.post_data_json["filters"]["until"] == "2130-02-01"  # the API ends before

    page.goto("/settings")
    page.get_by_role("link", name="Valves of the workshop").click()
    expect(page).to_have_url(
        re.compile(r"\?q=valve&host=workshop&until=2130-01-31&outputs=1&order=time$")
    )
    expect(page.locator(".result").first).to_be_visible()
    page.goto("/settings")
    page.get_by_role("button", name="Delete Valves of the workshop").click()
    expect(page.get_by_role("link", name="Valves of the workshop")).to_have_count(0)


def test_who_comes_back_from_a_hit_finds_the_others(page, archive):
    """The way back leads to the hit that was opened, with all that was loaded before it."""
    story = Story("many-hits", time.time() - 86400, title="Many hits", title_source="generated")
    for number in range(120):
        story.prompt(f"Where is quokka number {number}?")
    archive.send(story.events)
    page.goto("/?q=quokka")
    results = page.locator(".result")
    expect(results.first).to_be_visible()
    for count in (60, 90):
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        expect(results.nth(count - 1)).to_be_attached()
    hit = results.nth(80)
    address = hit.get_attribute("href")
    hit.click()
    expect(page.locator(".turn[data-lit]")).to_be_in_viewport()
    page.go_back()

    expect(page.locator(f'.result[href="{address}"]')).to_be_in_viewport()


def test_offline_is_said_and_mends_itself(watched):
    """While the server cannot be reached the page says so; then it goes on by itself."""
    context = watched(allowed=("ERR_FAILED", "ERR_INTERNET_DISCONNECTED"))
    page = context.new_page()
    page.goto("/")
    expect(page.locator(".session-row").first).to_be_visible()
    page.route("**/api/v1/search*", lambda route: route.abort())
    page.keyboard.press("/")
    page.keyboard.type("valve")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    page.unroute("**/api/v1/search*")

    expect(page.locator(".result").first).to_contain_text("valve")


def test_who_is_not_signed_in_is_told_how(watched):
    """Without a sign-in the page holds nothing and says what to do."""
    page = watched(state={"cookies": [], "origins": []}, allowed=("401",)).new_page()
    page.goto("/")

    expect(page.get_by_role("alert")).to_contain_text("Sign in to read")
    assert "roses" not in json.dumps(page.content())
