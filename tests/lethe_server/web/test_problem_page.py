"""The page that a person sees where a program gets a problem."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

#: As browsers send it when somebody goes to an address.
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
ALICE = {"Remote-User": "alice"}


async def test_an_unknown_address_is_a_page_that_leads_home(archive):
    """A browser that goes to no address of the page is told so, with 404 and a way home."""
    answer = await archive.client.get("/nowhere", headers=ALICE | BROWSER)
    text = await answer.text()

    assert (404, "text/html") == (answer.status, answer.content_type)
    assert "<h1>There is nothing at this address</h1>" in text
    assert '<a href="/">' in text
    assert answer.headers["X-Request-ID"] in text


@pytest.mark.parametrize("path", ["/api/nowhere", "/api/v1/sessions/a/b/c", "/static/old/app.js"])
async def test_the_api_answers_json_whatever_is_taken(archive, path):
    """Where programs ask, an error stays a problem, also for who takes HTML."""
    answer = await archive.client.get(path, headers=ALICE | BROWSER)

    assert (404, "application/problem+json") == (answer.status, answer.content_type)


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/plain"])
async def test_who_takes_no_html_gets_a_problem(archive, accept):
    """A script at an unknown address gets the JSON that it can read."""
    answer = await archive.client.get("/nowhere", headers=ALICE | {"Accept": accept})

    assert (404, "application/problem+json") == (answer.status, answer.content_type)
    assert "NOT_FOUND" == (await answer.json())["code"]


async def test_the_page_shows_its_style_alone(archive):
    """The policy allows the style that stands in the page, and nothing else."""
    answer = await archive.client.get("/nowhere", headers=ALICE | BROWSER)
    style = re.search(r"<style>(.*)</style>", await answer.text(), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()

    assert answer.headers["Content-Security-Policy"] == (
        f"default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src 'sha256-{digest}'"
    )


async def test_a_person_who_is_not_signed_in_is_told_how(archive):
    """Without a sign-in the page says how a person gets one, not how a program does."""
    answer = await archive.client.get("/nowhere", headers=BROWSER)
    text = await answer.text()

    assert (401, "text/html") == (answer.status, answer.content_type)
    assert "<code>lethe-server link</code>" in text
    assert "Authorization" not in text


async def test_a_link_that_was_spent_is_told_by_a_page(archive):
    """Who opens a sign-in link again reads what to do about it."""
    form = {"code": f"lethe-login_{'a' * 43}"}
    answer = await archive.client.post("/login", data=form, headers=BROWSER)
    text = await answer.text()

    assert (401, "text/html") == (answer.status, answer.content_type)
    assert "The link is not valid any more." in text
    assert "<code>lethe-server link</code> makes a new one." in text


@pytest.mark.promise("A6")
async def test_a6_nothing_of_the_request_is_in_the_page(archive):
    """An address with markup in it comes back in no form."""
    answer = await archive.client.get("/<img-src=x>?q=<b>", headers=ALICE | BROWSER)
    text = await answer.text()

    assert 404 == answer.status
    assert "img" not in text
    assert "<b>" not in text
