"""Waiting for what an action leads to, before something is measured or counted.

`page.wait_for_function` is given functions alone: an expression is evaluated again for each look,
which the page's policy allows for the first one only.
"""

from __future__ import annotations

from playwright.sync_api import expect

LIVE = "Live: what is archived appears by itself"

#: Waits until so many pictures have been drawn.
FRAMES = """async (count) => {
  for (let drawn = 0; drawn < count; drawn += 1) await new Promise(requestAnimationFrame);
}"""
#: Whether all that is seen of a list is loaded and drawn.
IS_DRAWN = """() => {
  const isSeen = (element) => {
    const { top, bottom } = element.getBoundingClientRect();
    return bottom > 0.5 && top < innerHeight - 0.5 && bottom - top > 0.5;
  };
  return ![...document.querySelectorAll(".rows-space, main .skeleton")].some(isSeen);
}"""
#: Whether any of some elements is seen.
IS_ANY_SEEN = """(elements) => elements.some((element) => {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
})"""
#: Where an element is when it has been there for so many pictures.
PLACE = """async (element, count) => {
  let top = NaN;
  for (let same = 0; same < count; ) {
    await new Promise(requestAnimationFrame);
    const now = element.getBoundingClientRect().top;
    same = now === top && element.isConnected ? same + 1 : 0;
    top = now;
  }
  return top;
}"""
#: Whether a pointer in the middle of a button's left and right ends meets it.
IS_FREE = """(button) => {
  const { left, right, top, bottom } = button.getBoundingClientRect();
  const meets = (x) => button.contains(document.elementFromPoint(x, (top + bottom) / 2));
  return [left + 1, right - 1].every(meets);
}"""


def wait_until_drawn(page):
    """Wait until all that is seen of a list is loaded and drawn."""
    page.wait_for_function(IS_DRAWN)


def scroll_down(page, pixels):
    """Scroll, and wait until what is seen there is drawn.

    Returns:
        whether there was something to scroll.
    """
    before = page.evaluate("scrollY")
    page.evaluate("(pixels) => scrollBy(0, pixels)", pixels)
    page.evaluate(FRAMES, 2)
    wait_until_drawn(page)
    return page.evaluate("scrollY") != before


def scroll_to(page, locator, pixels=600):
    """Scroll down a list until something of it is seen.

    What is merely there, beyond the edge of the window, may go again while heights are measured.
    """
    while not locator.evaluate_all(IS_ANY_SEEN):
        assert scroll_down(page, pixels)


def place_of(locator):
    """Where an element stands still, in pixels below the upper edge of the window."""
    return locator.evaluate(PLACE, 10)


def type_search(page, text, *, before=""):
    """Type into the search box, and wait for what is found for the whole of it.

    Args:
        page: whose box has the focus.
        text: to type.
        before: what stands in the box already.
    """
    whole = (before + text).replace(" ", "+")
    with page.expect_response(lambda answer: f"&q={whole}&" in answer.url):
        page.keyboard.type(text)
    expect(page.locator(".results")).to_have_attribute("aria-busy", "false")


def hold_timers(page, least=1000):
    """Let no timer of so many milliseconds run out: what is said for a while stays said."""
    page.evaluate(
        """(least) => {
          const { setTimeout } = window;
          window.setTimeout = (act, wait) => (wait >= least ? 0 : setTimeout(act, wait));
        }""",
        least,
    )
