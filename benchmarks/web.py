"""How quickly the page answers, by the browser's own performance entries.

It needs Debian's chromium and playwright, and makes its own archive of 100,000 turns, since the
limits are those of that many. ``python -m benchmarks.web`` measures it alone. What is measured:

* the first view: bytes that it loads, and when the first session is drawn;
* a search: from the key to the frame that shows the hits of what then stands in the box;
* a session of 50,000 turns: from the request to the drawn turn, for its beginning and for a link
  far down; and the frames of scrolling downwards from the one and upwards from the other.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
import urllib.request
from itertools import accumulate, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.deployment import Deployment
from benchmarks.measuring import Sheet, p50, p95
from lethe_server.auth.browser import create_link
from lethe_server.storage import TokenBook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.pair import Pair

CHROMIUM: Final = Path("/usr/bin/chromium")
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DAY: Final = 86400.0
#: Of the long session, and of all others together.
TURNS: Final = 50_000
SESSIONS: Final = 500
_ROUNDS: Final = 16
#: Pixels of a frame while it is scrolled: about ten screens a second.
_STEP: Final = 160
_TYPED: Final = ("test", "error", "file", "watering", "seed", "schedule", "valve", "module")
#: A vocabulary of which some words are common and most are rare, as in any language.
_SYLLABLES: Final = ("va", "se", "mo", "re", "ti", "lu", "ga", "no", "pe", "ri", "da", "ko")
_WORDS: Final = (
    *_TYPED,
    *(first + second + third for first, second, third in product(_SYLLABLES, repeat=3)),
)
_WEIGHTS: Final = tuple(accumulate(1 / rank for rank in range(2, len(_WORDS) + 2)))

#: Wait until something is drawn that fits a selector, and give the time of the frame after it.
_DRAWN: Final = """(selector) => new Promise((done) => {
  const look = () => document.querySelector(selector)
    ? requestAnimationFrame(() => done(performance.now())) : requestAnimationFrame(look);
  look();
})"""
#: Type a letter and give the milliseconds until hits of what then stands in the box are drawn.
_KEY_TO_HITS: Final = """([letter]) => new Promise((done, fail) => {
  const box = document.getElementById("search");
  const text = box.value + letter;
  performance.clearMarks("lethe:results");
  const begin = performance.now();
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(box, text);
  box.dispatchEvent(new InputEvent("input", { bubbles: true }));
  const look = () => {
    const isThere = performance.getEntriesByName("lethe:results").length > 0;
    if (isThere) requestAnimationFrame(() => done(performance.now() - begin));
    else if (performance.now() - begin > 10000) fail(new Error("no hits"));
    else requestAnimationFrame(look);
  };
  look();
})"""
#: Scroll for some seconds and give the milliseconds of each frame.
_SCROLL: Final = """([step_by]) => new Promise((done) => {
  const frames = [];
  let before = performance.now();
  const begin = before;
  const step = (now) => {
    frames.push(now - before);
    before = now;
    window.scrollBy(0, step_by);
    if (now - begin < 4000) requestAnimationFrame(step);
    else done(frames.slice(2));
  };
  requestAnimationFrame(step);
})"""


def main() -> None:
    """Measure, and print the table."""
    sheet = Sheet()
    measure(None, sheet)
    for name, row in sheet.summaries().items():
        print(f"  {name:<28} {row['ours']:>10,.1f} {row['unit']}")


def measure(pair: Pair | None, sheet: Sheet) -> None:
    """Measure in a browser; without one, nothing.

    Args:
        pair: is not asked: the archive is another one.
        sheet: gets the figures.
    """
    del pair
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - of this benchmark alone
    except ImportError:
        print("  left out: playwright is not installed")
        return
    if not CHROMIUM.exists():
        print(f"  left out: there is no {CHROMIUM}")
        return
    with tempfile.TemporaryDirectory(prefix="lethe-bench-") as scratch:
        source = Path(scratch) / "source"
        (source / "projects").mkdir(parents=True)
        deployment = Deployment(Path(scratch), source)
        deployment.start()
        try:
            for events in (long_session(), many_sessions()):
                _send(deployment, list(events))
            with sync_playwright() as playwright:
                _measure(playwright, deployment, sheet)
        finally:
            deployment.stop()


def _measure(playwright: Any, deployment: Deployment, sheet: Sheet) -> None:
    with TokenBook(deployment.plan.data) as book:
        link = deployment.url + create_link(book, owner=deployment.plan.owner)
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
    context = browser.new_context(viewport={"width": 1280, "height": 860}, base_url=deployment.url)
    page = context.new_page()
    page.goto(link)
    page.get_by_role("button").click()
    page.wait_for_url(f"{deployment.url}/")
    _measure_first_view(context, sheet)
    _measure_search(page, sheet)
    _measure_session(page, sheet)
    browser.close()


def _measure_first_view(context: Any, sheet: Sheet) -> None:
    weight = 0
    for _ in range(5):
        page = context.new_page()
        page.goto("/", wait_until="commit")
        sheet.add("first view, drawn", "ms", page.evaluate(_DRAWN, ".session-row"))
        page.wait_for_load_state()
        entries = page.evaluate(
            "performance.getEntries().filter((each) => 'encodedBodySize' in each)"
            ".map((each) => [each.name, each.encodedBodySize])"
        )
        weight = sum(size for name, size in entries if "/api/" not in name)
        page.close()
    sheet.add("first view, loaded", "KB", weight / 1000)


def _measure_search(page: Any, sheet: Sheet) -> None:
    times = []
    page.goto("/")
    page.evaluate(_DRAWN, ".session-row")
    for round_number in range(_ROUNDS):
        word = _TYPED[round_number % len(_TYPED)]
        page.fill("#search", "")
        page.evaluate(_DRAWN, ".session-row")
        times += [page.evaluate(_KEY_TO_HITS, [letter]) for letter in word[:4]]
    sheet.add("key to hits, p50", "ms", p50(times))
    sheet.add("key to hits, p95", "ms", p95(times))


def _measure_session(page: Any, sheet: Sheet) -> None:
    for name, anchor, drawn, step in (
        ("50k turns", "", ".turn", _STEP),
        ("50k turns, far link", f"#turn-turn-{TURNS - 2000}", ".turn[data-lit]", -_STEP),
    ):
        for _ in range(5):
            page.goto("about:blank")
            page.goto(f"/session/claude-code/bench/long{anchor}", wait_until="commit")
            sheet.add(f"{name}, drawn", "ms", page.evaluate(_DRAWN, drawn))
        frames = page.evaluate(_SCROLL, [step])
        way = "down" if step > 0 else "up"
        sheet.add(f"50k turns, frame {way}, p50", "ms", p50(frames))
        sheet.add(f"50k turns, frame {way}, p99", "ms", statistics.quantiles(frames, n=100)[-1])
    sheet.add("50k turns, elements", "", page.evaluate("document.querySelectorAll('*').length"))


def _send(deployment: Deployment, events: list[dict[str, Any]]) -> None:
    for start in range(0, len(events), 2000):
        request = urllib.request.Request(
            f"{deployment.url}/api/v1/ingest",
            data=b"".join(json.dumps(event).encode() + b"\n" for event in events[start:][:2000]),
            headers={
                "Authorization": f"Bearer {deployment.token}",
                "Content-Type": "application/x-ndjson",
            },
        )
        urllib.request.urlopen(request, timeout=60).close()


def long_session() -> Iterator[dict[str, Any]]:
    """One session of `TURNS` turns."""
    begins = time.time() - 90 * DAY
    return (_turn("long", number, begins + number) for number in range(TURNS))


def many_sessions() -> Iterator[dict[str, Any]]:
    """`SESSIONS` sessions, all of them together of as many turns."""
    for session in range(SESSIONS):
        begins = time.time() - session * DAY / 8
        for number in range(TURNS // SESSIONS):
            yield _turn(f"session-{session}", number, begins + number)


def _turn(session: str, number: int, timestamp: float) -> dict[str, Any]:
    is_prompt = number % 8 == 0
    chosen = random.Random(f"{session} {number}")
    words = chosen.choices(_WORDS, cum_weights=_WEIGHTS, k=20 + number % 60)
    return {
        "tool": "claude-code",
        "host": "bench",
        "session_id": session,
        "turn_id": f"turn-{number}",
        "seq": number * 100,
        "role": "user" if is_prompt else "assistant",
        "timestamp": timestamp,
        "content": " ".join(words),
        "metadata": {"kind": "prompt" if is_prompt else "answer"},
    }


if __name__ == "__main__":
    main()
