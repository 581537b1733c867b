"""What stands in a session: each kind of turn in its form."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from browser.locating import tool_call
from browser.stories import Story
from browser.waiting import hold_timers, scroll_to, wait_until_drawn

FORES = (*range(30, 38), *range(90, 98))
BACKS = (0, *range(40, 48), *range(100, 108))
#: Of all runs of a text, the contrast of the one that is read worst (WCAG 2).
LEAST_CONTRAST = """(output) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const light = (color) => {
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = getComputedStyle(output.querySelector("pre")).backgroundColor;
  return Math.min(...[...output.querySelectorAll("span")].map((run) => {
    const { color, backgroundColor } = getComputedStyle(run);
    const under = backgroundColor === "rgba(0, 0, 0, 0)" ? ground : backgroundColor;
    const [dark, bright] = [light(color), light(under)].sort((one, other) => one - other);
    return (bright + 0.05) / (dark + 0.05);
  }));
}"""
#: What a program prints, and the classes of it: `38` and `48` give colours of 256 and of millions.
COLOURS = {
    "38;5;9": "ansi-9",
    "38;5;208": "ansi-3",
    "38;5;21": "ansi-4",
    "38;5;232": "ansi-8",
    "38;5;255": "ansi-7",
    "38;2;255;255;255": "ansi-7",
    "38;2;0;0;0": "ansi-8",
    "38;2;20;80;20": "ansi-2",
    "38;2;255;120;220": "ansi-5",
    "38;2;90;220;230;1": "ansi-bold ansi-6",
    "48;2;60;0;0": "ansi-on-1",
    "48;5;22;38;5;231": "ansi-7 ansi-on-2",
    "7": "ansi-on-7",
    "31;7": "ansi-on-1",
    "34;43;7": "ansi-3 ansi-on-4",
    "7;31;27": "ansi-1",
    "38;5": "",
    "48;2;300;0;0;4": "ansi-underline ansi-on-1",
}


def test_markdown_is_drawn_and_code_is_coloured(reading):
    """Lists, tables and code are what they are meant to be; code can be copied."""
    reading.context.grant_permissions(["clipboard-read", "clipboard-write"])
    answer = reading.locator(".turn", has_text="volumetric water content").last
    answer.scroll_into_view_if_needed()

    expect(answer.locator("table th").first).to_have_text("bed")
    expect(answer.locator("ol > li")).to_have_count(3)
    expect(answer.locator(".code .hljs-keyword").first).to_have_text("def")
    link = answer.get_by_role("link", name="the notes of the maker")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    hold_timers(reading)
    answer.get_by_role("button", name="Copy", exact=True).click()
    expect(answer.get_by_role("button", name="Copied")).to_be_visible()
    assert "raise BadReading(raw)" in reading.evaluate("navigator.clipboard.readText()")


def test_thinking_is_folded(reading):
    """Thinking is one line until it is opened."""
    line = reading.get_by_role("button", name=re.compile("^Thinking The log says"))
    expect(line).to_have_attribute("aria-expanded", "false")
    line.click()

    expect(reading.locator(".folded-body")).to_contain_text("before touching anything")


def test_an_edit_is_shown_as_a_difference(reading):
    """A call is one line that opens to its input; an edit is a difference."""
    line = tool_call(reading, "Edit")
    expect(line).to_contain_text("soil.py")
    line.click()
    difference = reading.locator(".difference").first

    expect(difference.locator('[data-sign="added"]').first).to_contain_text("raw: int")
    expect(difference.locator('[data-sign="removed"]').first).to_contain_text("def moisture(raw):")


def test_output_of_a_shell_keeps_its_colours(reading):
    """Escape sequences become colours, and none of them is seen as text."""
    line = tool_call(reading, "pytest -q tests")
    expect(line).to_contain_text("failed")
    line.click()
    output = reading.locator(".tool-result .output").first

    expect(output.locator(".ansi-2").first).to_have_text("......")
    expect(output).to_contain_text("1 failed, 13 passed in 0.41s")
    assert "\x1b" not in output.text_content()
    assert "[32m" not in output.text_content()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_colours_of_a_shell_can_be_read(watched, archive, theme):
    """Colours become the nearest of the sixteen, which the page has in shades for its ground."""
    story = Story("colours", time.time() - 5130, title="Colours", title_source="generated")
    story.prompt("Print.")
    printed = [f"\x1b[{codes}m{codes}\x1b[0m" for codes in COLOURS]
    grounds = [f"\x1b[{ground};{text}mread\x1b[0m" for ground in BACKS for text in FORES]
    story.call("Bash", {"command": "paint"}, "\n".join([*printed, *grounds]))
    archive.send(story.events)
    page = watched(color_scheme=theme).new_page()
    page.goto("/session/claude-code/laptop/colours")
    tool_call(page, "paint").click()
    output = page.locator(".tool-result .output")
    for codes, classes in COLOURS.items():
        run = output.get_by_text(codes, exact=True)
        if classes:
            expect(run).to_have_class(classes)

    assert output.locator("[style]").count() == 0
    assert output.evaluate(LEAST_CONTRAST) > 4.5


def test_a_diff_that_was_printed_is_a_diff(reading):
    """What git prints is drawn line by line."""
    tool_call(reading, "git diff").click()

    expect(reading.locator('.tool-result [data-sign="added"]').first).to_contain_text(
        "if bed.reading is None:"
    )


def test_a_patch_names_its_files(page, archive):
    """Of a patch the line says which files it changes and by how much, not how it begins."""
    patch = (
        "*** Begin Patch\n*** Update File: /home/kim/src/garden/soil.py\n@@\n-    return raw\n"
        "+    return raw / 1023\n+    # of full scale\n*** Add File: notes.md\n+Dry.\n*** End Patch"
    )
    story = Story("patched", time.time() - 5400, title="Patched", title_source="generated")
    story.prompt("Scale it.")
    story.call("apply_patch", {"patchText": patch}, "Done")
    archive.send(story.events)
    page.goto("/session/claude-code/laptop/patched")
    line = tool_call(page, "apply_patch")
    expect(line).to_contain_text("soil.py, notes.md")
    expect(line.locator(".difference-sum")).to_have_text(re.compile(r"^\+3 .1$"))
    line.click()

    expect(page.locator('.difference [data-sign="removed"]')).to_contain_text("return raw")
    expect(page.locator(".tool-body")).not_to_contain_text("patchText")


def test_removed_comments_are_no_headers_of_a_file(page, archive):
    """Within a hunk, lines that begin like the head of a file are lines that were changed."""
    printed = (
        "diff --git a/beds.sql b/beds.sql\n--- a/beds.sql\n+++ b/beds.sql\n@@ -1,3 +1,3 @@\n"
        " SELECT name\n--- the driest first\n+++ both\n FROM beds\n"
        "--- a/pumps.sql\n+++ b/pumps.sql\n@@ -2 +2 @@ head\n-A\n"
        "\\ No newline at end of file\n+++ B\n"
    )
    patch = (
        "*** Begin Patch\n*** Update File: beds.lua\n@@ head\n-- dry first\n--- wet first\n"
        "*** Add File: pumps.lua\n+++ two\n*** End Patch"
    )
    story = Story("comments", time.time() - 5350, title="Comments", title_source="generated")
    story.prompt("Mend the comments.")
    story.call("apply_patch", {"patchText": patch}, "Done")
    story.call("Bash", {"command": "git diff"}, printed)
    archive.send(story.events)
    page.goto("/session/claude-code/laptop/comments")
    expect(tool_call(page, "apply_patch").locator(".difference-sum")).to_have_text(
        re.compile(r"^\+1 .2$")
    )
    tool_call(page, "git diff").click()
    difference = page.locator(".tool-result .difference")
    expect(difference.locator(".difference-sum")).to_have_text(re.compile(r"^\+2 .2$"))

    signs = difference.locator(".line").evaluate_all("all => all.map((line) => line.dataset.sign)")
    head = ["file", "file", "place"]
    first = ["file", *head, "same", "removed", "added", "same"]
    assert signs == [*first, *head, "removed", "same", "added"]


@pytest.mark.parametrize(
    ("name", "printed", "signs"),
    [
        ("bare", "--- a\n+++ a\n@@\n-x\n+y\n--- b\n+++ b\n@@\n-x\n+y\n", "ffpra" * 2),
        ("noted", "*** note: a\n--- a\n+++ a\n@@ -1 +1 @@\n-x\n+y\n", "fffpra"),
        (
            "miscounted",
            "--- a\n+++ a\n@@ -1,6 +1,6 @@\n-x\n+y\n--- b\n+++ b\n@@ -1 +1 @@\n-x\n+y\n",
            "ffpra" * 2,
        ),
    ],
)
def test_a_diff_that_is_written_by_hand_has_heads_of_files(page, archive, name, printed, signs):
    """Numbers of lines may be missing or wrong; a second file is one all the same."""
    story = Story(f"diff-{name}", time.time() - 5340, title=name, title_source="generated")
    story.prompt("Show it.").call("Bash", {"command": "git diff"}, printed)
    archive.send(story.events)
    page.goto(f"/session/claude-code/laptop/diff-{name}")
    tool_call(page, "git diff").click()
    lines = page.locator(".tool-result .difference .line")
    expect(lines).to_have_count(len(signs))

    told = lines.evaluate_all("all => all.map((line) => line.dataset.sign[0])")
    assert "".join(told) == signs


def test_what_is_no_picture_is_told(page, archive):
    """A broken picture is a line of text that says what it was to be."""
    story = Story("broken-picture", time.time() - 5300, title="Broken", title_source="generated")
    story.prompt("Look at this.")
    story.events[-1]["metadata"]["attachments"] = [
        {"type": "image", "media_type": "image/png", "data": "AAAA", "bytes": 3}
    ]
    archive.send(story.events)
    page.goto("/session/claude-code/laptop/broken-picture")

    expect(page.locator(".attachment")).to_have_text("image/png, 3 B")


def test_pictures_are_shown(reading):
    """A picture out of a transcript is drawn from memory."""
    tool_call(reading, "Screenshot").click()
    picture = reading.get_by_role("img", name="Picture in the transcript")

    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 320


def test_everything_else_has_its_form(reading):
    """Commands, shell lines, compaction, errors and interruptions are told apart."""
    for kind, text in {
        "context": "Today is a Friday",
        "command": "/cost",
        "command_output": "Total cost",
        "shell": "git status --short",
        "shell_output": "M garden/soil.py",
        "compact_boundary": "compacted",
        "compact_summary": "Summary of what was compacted",
        "queued_prompt": "while it worked",
        "api_error": "overloaded",
        "interrupt": "Interrupted",
    }.items():
        turn = reading.locator(f'.turn[data-kind="{kind}"]')
        reading.evaluate("scrollTo(0, 0)")
        wait_until_drawn(reading)
        scroll_to(reading, turn)
        expect(turn).to_contain_text(text)


def test_a_long_name_of_a_tool_stays_within_the_window(watched, archive):
    """On a telephone a name that is longer than its line ends within it."""
    name = "mcp__plugin_playwright_playwright__browser_take_screenshot"
    story = Story("long-name", time.time() - 5140, title="Long", title_source="generated")
    story.prompt("Look.").call(name, {"path": "a.png"}, "Done")
    archive.send(story.events)
    page = watched(viewport={"width": 390, "height": 800}).new_page()
    page.goto("/session/claude-code/laptop/long-name")
    tool_call(page, name).click()
    expect(page.locator(".tool-result")).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.promise("C31")
def test_c31_what_was_taken_back_is_there_and_says_so(page, archive):
    """Turns that a person undid in their tool are shown, and marked; the others are not."""
    undone = {"removed:1": {"from": 200, "to": 400, "why": "reverted"}}
    story = Story("undone", time.time() - 9e6, tool="opencode", metadata=undone)
    story.prompt("Water the roses").answer("Done.").prompt("Water the stones").answer("Why?")
    archive.send(story.events)
    page.goto("/session/opencode/laptop/undone")

    expect(page.locator(".turn[data-removed=reverted]")).to_have_count(2)
    marked = page.locator(".turn", has_text="Water the stones")
    expect(marked.locator(".turn-removed")).to_have_text("undone")
    expect(page.locator(".turn", has_text="Done.").locator(".turn-removed")).to_have_count(0)


@pytest.mark.promise("A6")
def test_text_that_is_too_odd_for_markdown_is_shown_as_it_is(watched, archive):
    """What the parser fails at, or takes minutes for, is a block of text; the session is there."""
    texts = {
        "quotes": "> " * 6000 + "end",
        "lists": "- " * 6000 + "end",
        "emphasis": "_a" * 40_000,
        "gap": "a" + " " * 100_000 + "b",
        "address": "a." * 40_000 + "@",
    }
    story = Story("too-odd", time.time() - 5130, title="Odd texts", title_source="generated")
    for name, text in texts.items():
        story.prompt(f"Say {name}.").answer(text)
    archive.send(story.events)
    page = watched().new_page()
    page.goto("/session/claude-code/laptop/too-odd")
    for name in texts:
        expect(page.locator(".turn", has_text=f"Say {name}.")).to_be_attached()
        page.evaluate("window.scrollBy(0, window.innerHeight)")
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")

    expect(page.locator(".turn .prose pre").last).to_contain_text("a.a.a.")


def test_line_that_was_written_over_is_read_however_long_others_are(watched, archive):
    """What stands last in a line is shown; a long line beside it takes no time."""
    story = Story("over", time.time() - 5130, title="Progress", title_source="generated")
    story.prompt("Load.").call(
        "Bash", {"command": "load"}, "1 %\r50 %\r100 %\r\n" + "x" * 3_000_000
    )
    archive.send(story.events)
    page = watched().new_page()
    page.goto("/session/claude-code/laptop/over")
    expect(page.locator(".turn").first).to_be_visible()
    page.keyboard.press("o")
    output = page.locator(".tool-result .output")
    output.get_by_role("button", name="Show all").click()

    expect(output.locator("pre")).to_have_text(re.compile(r"^100 %\s+x{3000000}$"))
