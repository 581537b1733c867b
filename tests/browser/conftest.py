"""A browser that is signed in, before a real server with an archive made from events."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from browser.serving import serving
from browser.stories import WATERING, archive_events

CHROMIUM = Path("/usr/bin/chromium")
#: For a machine without a network and without a screen.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: How long something may take to be seen, in milliseconds.
PATIENCE = 30_000
#: Answers that browsers take for errors and the page does not: a machine's collector need not have
#: reported, and a link may name no turn.
EXPECTED = (("404", "/completeness"), ("404", "?around="))
DESKTOP = {"width": 1280, "height": 860}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A server with the sessions of `stories`; of a module, so that lists hold no other's."""
    with serving(tmp_path_factory.mktemp("browser") / "data") as served:
        served.send(archive_events())
        yield served


@pytest.fixture(scope="module")
def chromium():
    """Debian's chromium; of a module, so that its event loop meets no other test's."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}; the package chromium brings it")
    api.expect.set_options(timeout=PATIENCE)
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def signed_in(chromium, archive):
    """The cookie of a browser that opened a one-time link."""
    return sign_in(chromium, archive)


def sign_in(chromium, served):
    """Open a one-time link as a person does, and return what the browser keeps of it."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(served.link())
    page.get_by_role("button").click()
    page.wait_for_url(f"{served.url}/")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def watched(chromium, archive, signed_in):
    """Make contexts whose pages may fail at nothing and ask nobody but the server."""
    contexts = []
    problems: list[str] = []

    def make(served=archive, state=signed_in, allowed=(), **options):
        context = chromium.new_context(
            storage_state=state, base_url=served.url, **({"viewport": DESKTOP} | options)
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)

        def note(text):
            if not any(known in text for known in allowed):
                problems.append(text)

        def note_request(request):
            parts = urlsplit(request.url)
            if parts.scheme not in {"data", "blob"} and f"{parts.scheme}://{parts.netloc}" != (
                served.url
            ):
                note(f"asked {request.url}")

        def note_message(message):
            expected = any(
                status in message.text and path in message.location["url"]
                for status, path in EXPECTED
            )
            if message.type in {"error", "warning"} and not expected:
                note(f"console: {message.text}")

        context.on("console", note_message)
        context.on("weberror", lambda error: note(f"error: {error.error}"))
        context.on("request", note_request)
        return context

    yield make
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def page(watched):
    """A page that is signed in."""
    return watched().new_page()


@pytest.fixture
def session_path():
    """Where the session is that has everything."""
    return f"/session/claude-code/laptop/{WATERING}"


@pytest.fixture
def reading(page, session_path):
    """The session that has everything."""
    page.goto(session_path)
    expect = pytest.importorskip("playwright.sync_api").expect
    expect(page.get_by_role("heading", level=1)).to_have_text("Find out why nothing is watered")
    expect(page.locator(".turn").first).to_be_visible()
    return page
