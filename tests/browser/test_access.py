"""Access: what a checker finds, what a keyboard reaches, what small and calm screens show."""

from __future__ import annotations

import re
import time
from importlib.resources import files

import pytest
from playwright.sync_api import expect

from browser.stories import Story

SAVED = "[aria-label='Saved searches'] :is(.muted, li)"
#: What is to be seen of each view before it is looked at.
VIEWS = {
    "/": (".session-row",),
    "/?q=valve": (".result",),
    "session": (".turn", ".related"),
    "/stats": (".numbers", ".chart"),
    "/projects": (".numbers",),
    "/hosts": (".numbers", ".completeness"),
    "/settings": ("[aria-label='Your tokens']", "[aria-label='Who you are']", SAVED),
}
SIZES = {"phone": (390, 844), "tablet": (820, 1180), "desktop": (1440, 900)}


@pytest.fixture(scope="module")
def axe():
    """The checker axe-core, as a script."""
    package = pytest.importorskip(
        "axe_playwright_python", reason="axe-playwright-python, which brings axe-core, is missing"
    )
    return files(package).joinpath("axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def settle(session_path):
    """Open a view and wait until it shows what it is made of."""

    def open_view(page, view):
        page.goto(session_path if view == "session" else view)
        for shown in VIEWS[view]:
            expect(page.locator(shown).first).to_be_visible()

    return open_view


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_a_checker_finds_nothing(watched, settle, axe, view, theme):
    """axe-core has no complaint about any view, in light and in dark."""
    page = watched(color_scheme=theme).new_page()
    settle(page, view)
    if view == "session":
        page.keyboard.press("o")
        expect(page.locator(".tool-body").first).to_be_visible()
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    said = [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found["violations"]
        for node in each["nodes"]
    ]

    assert said == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_wider_than_the_window(watched, settle, view, size):
    """No view has to be scrolled sideways, on a phone as on a wide screen."""
    width, height = SIZES[size]
    page = watched(viewport={"width": width, "height": height}).new_page()
    settle(page, view)

    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_keys_are_told(page, settle):
    """`?` shows all keys; Escape closes them."""
    settle(page, "/")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("find in the session")
    page.keyboard.press("Escape")

    expect(dialog).to_be_hidden()


@pytest.mark.parametrize(
    ("key", "heading"),
    [("s", "Stats"), ("p", "Projects"), ("h", "Hosts"), (",", "Settings"), ("t", "Sessions")],
)
def test_two_keys_lead_to_each_view(page, settle, key, heading):
    """`g` and a letter change the view."""
    settle(page, "/projects" if key == "t" else "/")
    page.keyboard.press("g")
    page.keyboard.press(key)

    expect(page.get_by_role("heading", level=1, name=heading)).to_be_attached()


def test_tab_goes_through_the_page_and_is_seen(page, settle):
    """The first stop skips to the content, and every stop has an outline."""
    settle(page, "/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    for _ in range(14):
        page.keyboard.press("Tab")
        style = page.evaluate(
            "() => { const style = getComputedStyle(document.activeElement);"
            " return [document.activeElement.localName, style.outlineStyle, style.outlineWidth]; }"
        )
        assert style[0] != "body"
        assert style[1] != "none", style
        assert style[2] != "0px", style


def test_the_focus_stays_with_a_filter_that_is_chosen(page, settle):
    """Who chooses a filter by keys, and takes it away, goes on from there."""
    settle(page, "/")
    page.get_by_role("button", name="Tool", exact=True).press("Enter")
    page.get_by_role("group", name="Tool").get_by_role("button", name="Codex").press("Enter")
    chosen = page.get_by_role("button", name="Tool codex: remove")
    expect(chosen).to_be_focused()
    chosen.press("Enter")

    expect(page.get_by_role("button", name="Tool", exact=True)).to_be_focused()


def test_the_focus_stays_with_the_tokens(page, settle):
    """Who revokes a token by keys goes on in the list of those that are left."""
    settle(page, "/settings")
    page.get_by_label("Name").fill("short-lived")
    page.get_by_label("Name").press("Enter")
    revoke = page.get_by_role("button", name="Revoke short-lived")
    revoke.press("Enter")
    revoke.press("Enter")
    expect(revoke).to_have_count(0)

    expect(page.get_by_role("region", name="Your tokens")).to_be_focused()


def test_the_chart_answers_to_keys_and_pointer(page, settle):
    """Arrows go from day to day and tell the numbers; Enter leads to the sessions of the day."""
    settle(page, "/stats")
    chart = page.get_by_role("group", name=re.compile("^Tokens by day"))
    chart.focus()
    page.keyboard.press("End")
    said = page.locator(".chart-said")
    expect(said).to_have_text(re.compile(r"\b20\d\d\b"))
    last = said.text_content()
    page.keyboard.press("ArrowLeft")
    expect(said).not_to_have_text(last)
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 30, box["y"] + 100)
    expect(said).to_have_text(last)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(r"/\?since=\d{4}-\d\d-\d\d&until=\d{4}-\d\d-\d\d$"))
    expect(page.locator(".session-row").first).to_be_visible()


def test_motion_is_reduced_for_those_who_ask(watched, settle, archive):
    """Nothing moves by itself where less motion is wanted, not even what is running."""
    archive.send(Story("running", time.time() - 5).prompt("Still going on.").events)
    page = watched(reduced_motion="reduce").new_page()
    settle(page, "/")
    expect(page.locator(".running-dot").first).to_be_visible()
    moving = "document.getAnimations().filter((each) => each.playState === 'running').length"

    assert page.evaluate(moving) == 0


def test_a_theme_is_chosen_and_kept(page, settle):
    """Light and dark can be chosen against the system, and stay chosen."""
    settle(page, "/settings")
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.reload()
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    assert dark == page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.get_by_role("button", name="Light").click()

    assert dark != page.evaluate("getComputedStyle(document.documentElement).backgroundColor")


def test_an_unknown_address_leads_home(watched, archive):
    """Who went to an address that there is not reads so on a page, and comes to the sessions."""
    page = watched(allowed=("404",)).new_page()
    page.goto("/nowhere")

    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing at this address")
    assert "center" == page.evaluate("getComputedStyle(document.body).textAlign")
    page.get_by_role("link", name="All sessions").click()
    expect(page).to_have_url(f"{archive.url}/")
    expect(page.locator(".session-row").first).to_be_visible()
