"""Pictures of the page for the documentation: ``python -m browser.pictures DIRECTORY``.

Run from ``tests``; they show the archive of `stories`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from browser.conftest import CHROMIUM, FLAGS, sign_in
from browser.serving import serving
from browser.stories import WATERING, archive_events

VIEWS = {
    "sessions": ("/", ".session-row"),
    "search": ("/?q=valve+answers", ".result"),
    "session": (f"/session/claude-code/laptop/{WATERING}", ".turn"),
    "stats": ("/stats", ".numbers"),
}
SIZES = ((390, 844), (820, 1180), (1440, 900))
THEMES = ("light", "dark")


def main(directory: Path) -> None:
    """Take a picture of each view in each size and theme."""
    directory.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        serving(Path(scratch) / "data") as served,
        sync_playwright() as playwright,
    ):
        served.send(archive_events())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        state = sign_in(browser, served)
        for width, height in SIZES:
            for theme in THEMES:
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=theme,
                    storage_state=state,
                    base_url=served.url,
                )
                for name, (path, shown) in VIEWS.items():
                    page = context.new_page()
                    page.goto(path)
                    page.locator(shown).first.wait_for()
                    page.get_by_text("Live: what is archived appears by itself").wait_for(
                        state="attached"
                    )
                    if name == "session":
                        page.get_by_role("button", name="Edit").click()
                        page.get_by_role("button", name="pytest -q tests").click()
                    page.mouse.move(0, height // 2)
                    page.screenshot(path=directory / f"{name}-{width}-{theme}.png")
                    page.close()
                context.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
