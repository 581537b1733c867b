"""Stats, projects, hosts and settings: the same numbers as the API, and the ways from them."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from browser.conftest import sign_in
from browser.stories import DAY, Story

#: Long before everything else.
EARLY = time.time() - 500 * DAY


def day(seconds):
    """The day of a time, as the address holds it."""
    return time.strftime("%Y-%m-%d", time.localtime(seconds))


def test_stats_show_the_numbers_of_the_api(page):
    """What stands in the table is what the API answers."""
    with page.expect_response(re.compile(r"/api/v1/stats\?.*group_by=tool(&|$)")) as waiting:
        page.goto("/stats?range=all")
    groups = waiting.value.json()["groups"]
    rows = page.locator(".numbers tbody tr")
    expect(rows).to_have_count(len(groups))

    shown = sorted(row.split("\t")[1:3] for row in rows.all_inner_texts())
    assert sorted([f"{each['sessions']:,}", f"{each['turns']:,}"] for each in groups) == shown


def test_stats_change_by_buttons_that_stand_in_the_address(page):
    """Range, measure and dimension are chosen, and a link shows the same again."""
    page.goto("/stats")
    page.get_by_role("group", name="Range").get_by_role("button", name="7 days").click()
    page.get_by_role("group", name="Measure").get_by_role("button", name="Sessions").click()
    page.get_by_role("group", name="By").get_by_role("button", name="Project").click()
    expect(page).to_have_url(re.compile(r"range=7.*show=sessions.*by=project"))
    expect(page.get_by_text("Sessions by day and project")).to_be_visible()
    page.reload()

    expect(page.get_by_text("Sessions by day and project")).to_be_visible()


def test_stats_tell_reported_and_estimated_cost_apart(page):
    """Both figures stand beside each other, and each can be the one of the chart."""
    with page.expect_response(re.compile(r"/api/v1/stats\?.*group_by=tool(&|$)")) as waiting:
        page.goto("/stats?range=all&show=estimate")
    totals = waiting.value.json()["totals"]
    expect(page.get_by_text("Estimate by week and tool")).to_be_visible()

    shown = dict(
        zip(
            page.locator(".figures dt").all_inner_texts(),
            page.locator(".figures dd").all_inner_texts(),
            strict=True,
        )
    )
    assert (totals["cost_usd"], shown["Cost, as reported"]) == (None, "\u2013")
    estimate = float(shown["Cost, estimated"].removeprefix("$"))
    assert estimate == pytest.approx(totals["cost_estimate_usd"], rel=0.01)


def test_a_row_of_the_stats_leads_to_its_sessions(page):
    """From a number to the sessions that it is made of."""
    page.goto("/stats")
    page.locator(".numbers").get_by_role("link", name="Codex").click()
    expect(page).to_have_url(re.compile(r"tool=codex&since="))

    expect(page.locator(".session-row").first).to_contain_text("Codex")


def test_stats_until_a_day_show_all_that_was_before(page, archive):
    """An end without a beginning is a range, too."""
    archive.send(Story("early", EARLY, host="attic").prompt("Sow the beans.").events)
    page.goto(f"/stats?range=all&until={day(EARLY + 2 * DAY)}")

    expect(page.locator(".numbers tbody tr").first).to_be_visible()
    expect(page.get_by_text("Tokens by week and tool")).to_be_visible()


def test_the_chart_of_a_closed_range_ends_with_it(page, archive):
    """No column is drawn for days that were not asked for."""
    archive.send(Story("early", EARLY, host="attic").prompt("Sow the beans.").events)
    page.goto(f"/stats?since={day(EARLY - 5 * DAY)}&until={day(EARLY + 4 * DAY)}")

    expect(page.locator(".chart-column")).to_have_count(10)


def test_a_column_of_the_chart_leads_to_its_sessions(page, archive):
    """The filters of the view go with the day."""
    archive.send(Story("early", EARLY, host="attic").prompt("Sow the beans.").events)
    archive.send(Story("beside", EARLY, host="cellar").prompt("Store the beans.").events)
    days = f"since={day(EARLY)}&until={day(EARLY)}"
    page.goto(f"/stats?{days}&tool=claude-code&host=attic&project=garden")
    page.locator(".chart-field").press("End")
    page.keyboard.press("Enter")

    expect(page).to_have_url(f"{archive.url}/?tool=claude-code&host=attic&project=garden&{days}")
    expect(page.locator(".session-row")).to_have_count(1)


def test_projects_are_found_sorted_and_opened(page):
    """A project leads to its sessions; the list can be narrowed and sorted."""
    page.goto("/projects")
    expect(page.locator(".numbers tbody tr").first).to_be_visible()
    page.get_by_label("Find a project").fill("pump")
    expect(page.locator(".numbers tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Tokens").click()
    expect(page).to_have_url(re.compile("sort=tokens"))
    page.get_by_role("link", name="pump").click()

    expect(page.locator(".session-row").first).to_contain_text("pump")


def test_hosts_tell_what_is_archived_and_how_late(page):
    """Each machine with its tools, the last event and the lag."""
    page.goto("/hosts")
    card = page.get_by_role("region", name="workshop", exact=True)
    expect(card).to_contain_text("heard of")
    expect(card.locator("tbody tr").first).to_contain_text("ago")
    card.get_by_role("link", name="workshop").click()

    expect(page).to_have_url(re.compile("host=workshop"))


def test_hosts_tell_what_their_collector_said(page, archive):
    """What a collector reports of its disk stands with its machine."""
    archive.report(
        "workshop",
        tools={"codex": {"files": 12, "archived": 11, "lagging": 1, "lagging_bytes": 2048}},
        open=[{"tool": "codex", "path": "~/.codex/sessions/a.jsonl", "why": "not read yet"}],
    )
    archive.report("laptop", tools={"codex": {"files": 7, "archived": 7}})
    page.goto("/hosts")
    workshop = page.get_by_role("region", name="workshop", exact=True)
    expect(workshop).to_contain_text("1 file not read to the end (2.0 KB)")
    workshop.get_by_text("1 file with something open").click()
    expect(workshop).to_contain_text("not read yet")

    laptop = page.get_by_role("region", name="laptop", exact=True)
    expect(laptop).to_contain_text("All is archived, of 7 files")


def test_hosts_tell_turns_that_were_lost_with_a_database(page, archive):
    """A machine of which turns are gone for good is not told to be archived whole."""
    archive.report("workshop", tools={"codex": {"files": 3, "archived": 2, "lost_turns": 4}})
    page.goto("/hosts")
    workshop = page.get_by_role("region", name="workshop", exact=True)

    expect(workshop).to_contain_text("4 turns lost with a database of the server, at most")
    expect(workshop).not_to_contain_text("All is archived")
    expect(workshop.locator(".completeness")).to_have_attribute("data-state", "bad")


def test_a_token_is_made_shown_once_and_revoked(page):
    """A token is made, its secret is seen once, and it is revoked after a second look."""
    page.goto("/settings")
    expect(page.get_by_role("region", name="Who you are")).to_contain_text("alice")
    page.get_by_label("Name").fill("phone")
    page.get_by_label("Expires").select_option("30")
    page.get_by_role("button", name="Make a token").click()
    secret = page.locator(".secret code")
    expect(secret).to_have_text(re.compile(r"^lethe_[\w-]{43}$"))
    text = secret.text_content()
    page.reload()
    row = page.get_by_role("row", name=re.compile("^phone"))
    expect(row).to_contain_text("ingest")
    assert text not in page.content()
    row.get_by_role("button", name="Revoke phone").click()
    expect(row).to_be_visible()
    row.get_by_role("button", name="Revoke phone").click()

    expect(row).to_have_count(0)


def test_long_names_stay_within_the_window(watched):
    """On a telephone the longest name of a token or of a saved search makes nothing stick out."""
    name = "w" * 64
    page = watched(viewport={"width": 390, "height": 800}).new_page()
    page.goto("/?q=valve")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Name of the search")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved", exact=True)).to_be_attached()
    page.goto("/settings")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make a token").click()
    expect(page.locator(".secret code")).to_be_visible()
    expect(page.get_by_role("button", name=f"Revoke {name}")).to_be_attached()
    expect(page.get_by_role("link", name=name)).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_name_that_is_taken_is_told(watched):
    """Two tokens of one name are refused in words."""
    page = watched(allowed=("409",)).new_page()
    page.goto("/settings")
    page.get_by_label("Name").fill("test")
    page.get_by_role("button", name="Make a token").click()

    expect(page.get_by_role("alert")).to_contain_text("you have a token of this name")


@pytest.mark.parametrize("answer", ["abort", "fail"])
def test_who_could_not_sign_out_is_told(watched, answer):
    """Where the server is away or fails it is said, and one can try again."""
    page = watched(allowed=("ERR_FAILED", "503")).new_page()
    page.route(
        "**/logout",
        lambda route: route.abort() if answer == "abort" else route.fulfill(status=503),
    )
    page.goto("/settings")
    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("alert")).to_contain_text("You are still signed in")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_who_signs_out_is_out(watched, chromium, archive):
    """The session ends at the server; the page then holds nothing."""
    page = watched(state=sign_in(chromium, archive), allowed=("401",)).new_page()
    page.goto("/settings")
    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("alert").first).to_contain_text("Sign in to read")
