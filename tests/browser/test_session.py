"""Reading a session: its turns, its tool calls, the ways within it and out of it."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from browser.stories import WATERING, Story

#: Waits until so many pictures have been drawn.
FRAMES = """async (count) => {
  for (let drawn = 0; drawn < count; drawn += 1) await new Promise(requestAnimationFrame);
}"""


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


@pytest.fixture
def reading(page, session_path):
    """The session that has everything."""
    page.goto(session_path)
    expect(page.get_by_role("heading", level=1)).to_have_text("Find out why nothing is watered")
    expect(page.locator(".turn").first).to_be_visible()
    return page


def call(page, name):
    """The line of a tool call."""
    return page.locator(".tool-call > .tool-line", has_text=name).first


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
    line = call(reading, "Edit")
    expect(line).to_contain_text("soil.py")
    line.click()
    difference = reading.locator(".difference").first

    expect(difference.locator('[data-sign="added"]').first).to_contain_text("raw: int")
    expect(difference.locator('[data-sign="removed"]').first).to_contain_text("def moisture(raw):")


def test_output_of_a_shell_keeps_its_colours(reading):
    """Escape sequences become colours, and none of them is seen as text."""
    line = call(reading, "pytest -q tests")
    expect(line).to_contain_text("failed")
    line.click()
    output = reading.locator(".tool-result .output").first

    expect(output.locator(".ansi-2").first).to_have_text("......")
    expect(output).to_contain_text("1 failed, 13 passed in 0.41s")
    assert "\x1b" not in output.text_content()
    assert "[32m" not in output.text_content()


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
    call(page, "paint").click()
    output = page.locator(".tool-result .output")
    for codes, classes in COLOURS.items():
        run = output.get_by_text(codes, exact=True)
        if classes:
            expect(run).to_have_class(classes)

    assert output.locator("[style]").count() == 0
    assert output.evaluate(LEAST_CONTRAST) > 4.5


def test_a_diff_that_was_printed_is_a_diff(reading):
    """What git prints is drawn line by line."""
    call(reading, "git diff").click()

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
    line = call(page, "apply_patch")
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
    expect(call(page, "apply_patch").locator(".difference-sum")).to_have_text(
        re.compile(r"^\+1 .2$")
    )
    call(page, "git diff").click()
    difference = page.locator(".tool-result .difference")
    expect(difference.locator(".difference-sum")).to_have_text(re.compile(r"^\+2 .2$"))

    signs = difference.locator(".line").evaluate_all("all => all.map((line) => line.dataset.sign)")
    head = ["file", "file", "place"]
    first = ["file", *head, "same", "removed", "added", "same"]
    assert signs == [*first, *head, "removed", "same", "added"]


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
    call(reading, "Screenshot").click()
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
        for step in range(200):
            # Down and up again: turns that were never drawn have heights that are guessed at first.
            reading.evaluate(
                "([step]) => new Promise((done) => {"
                " const end = document.documentElement.scrollHeight - innerHeight;"
                " const cycle = Math.max(2, Math.ceil(end / 300));"
                " const place = step % (2 * cycle);"
                " scrollTo(0, 300 * Math.min(place, 2 * cycle - place));"
                " requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50)));"
                " })",
                [step],
            )
            if turn.count():
                break
        expect(turn).to_contain_text(text)


def test_keys_jump_from_prompt_to_prompt(reading):
    """`j` and `k` lead along the prompts, and the list beside says where one is."""
    reading.keyboard.press("j")
    expect(reading.locator(".turn[data-lit]")).to_contain_text("The roses are dry again")
    reading.keyboard.press("j")
    expect(reading.locator(".turn[data-lit]")).to_contain_text("/cost")
    reading.keyboard.press("k")
    expect(reading.locator(".turn[data-lit]")).to_contain_text("The roses are dry again")


def test_the_outline_leads_to_a_prompt(watched, session_path):
    """On a wide screen the prompts stand beside the transcript."""
    page = watched(viewport={"width": 1440, "height": 700}).new_page()
    page.goto(session_path)
    page.get_by_role("navigation", name="Prompts").get_by_text("Now make the test").click()
    lit = page.locator(".turn[data-lit]")

    expect(lit).to_contain_text("keep the error's name")
    expect(lit).to_be_in_viewport()


def test_o_and_t_open_everything(reading):
    """All tool calls and all thinking open and close by one key."""
    reading.keyboard.press("o")
    expect(call(reading, "Grep")).to_have_attribute("aria-expanded", "true")
    reading.keyboard.press("o")
    expect(call(reading, "Grep")).to_have_attribute("aria-expanded", "false")
    reading.keyboard.press("t")
    expect(reading.locator('.folded[data-kind="thinking"] .folded-body')).to_be_visible()


def test_o_moves_nothing_that_is_read(page, archive):
    """Calls that open and close above and below leave what is read where it is."""
    story = Story("opened", time.time() - 5150, title="Opened", title_source="generated")
    for number in range(40):
        story.prompt(f"Question {number} about the beds.")
        for part in range(4):
            story.call("Bash", {"command": f"valve {number}-{part}"}, "closed\n" * (3 + 5 * part))
        story.answer(f"Answer {number}.")
    archive.send(story.events)
    page.goto("/session/claude-code/laptop/opened#turn-opened-200")
    read = page.locator(".turn", has_text="Question 20 about")
    expect(read).to_be_in_viewport()
    held = [read.element_handle(), read.bounding_box()["y"] + 20]
    page.mouse.wheel(0, -40)
    page.wait_for_function("([turn, place]) => turn.getBoundingClientRect().top > place", arg=held)
    before = read.bounding_box()["y"]
    for state in ("true", "false"):
        page.keyboard.press("o")
        expect(call(page, "valve 20-0")).to_have_attribute("aria-expanded", state)
        page.evaluate(FRAMES, 10)

        assert read.bounding_box()["y"] == pytest.approx(before, abs=2)


def test_who_comes_back_to_a_session_reads_on(page, archive):
    """The way back, the way forward and a reload lead to the turn that was read."""
    story = Story("left", time.time() - 5150, title="Left", title_source="generated")
    for number in range(200):
        story.prompt(f"Question {number} about the beds.").answer("Dry. " * (7 * number % 90))
    archive.send(story.events)
    path = "/session/claude-code/laptop/left"
    page.goto(path)
    expect(page.locator(".turn").first).to_be_visible()
    read = page.locator(".turn", has_text="Question 150 about")
    while not read.count():
        page.mouse.wheel(0, 1500)
        page.evaluate(FRAMES, 2)
    read.scroll_into_view_if_needed()
    page.evaluate(FRAMES, 10)
    before = read.bounding_box()["y"]

    def expect_place():
        expect(read).to_be_in_viewport()
        page.evaluate(FRAMES, 10)
        assert read.bounding_box()["y"] == pytest.approx(before, abs=2)

    page.keyboard.press("g")
    page.keyboard.press("s")
    expect(page.get_by_role("heading", level=1)).to_have_text("Stats")
    page.go_back()
    expect_place()
    page.reload()
    expect_place()
    page.goto("about:blank")
    page.go_back()
    expect_place()


def test_find_counts_walks_and_paints(reading):
    """All turns are searched, outputs of closed calls too; a hit is opened and painted."""
    reading.keyboard.press("f")
    box = reading.get_by_role("textbox", name="Find in this session")
    expect(box).to_be_focused()
    reading.keyboard.type("test_open_circuit")
    expect(reading.locator(".find-count")).to_have_text("1")
    reading.keyboard.press("Enter")
    expect(reading.locator(".find-count")).to_have_text("1 of 1")
    expect(reading.locator(".turn[data-lit] .tool-result")).to_contain_text("test_open_circuit")
    reading.wait_for_function("CSS.highlights.get('found')?.size > 0")

    reading.keyboard.press("Escape")
    expect(box).to_have_count(0)
    assert reading.evaluate("CSS.highlights.has('found')") is False


def test_find_leads_to_the_very_word(page, archive):
    """A hit deep within a long output is brought into view, also where its end was left out."""
    story = Story("deep", time.time() - 5200, title="Deep", title_source="generated")
    story.prompt("Print it.")
    story.call(
        "Bash", {"command": "cat log"}, "nothing here\n" * 300 + "the needle\n" + "end\n" * 90
    )
    story.answer("Done.")
    archive.send(story.events)
    page.goto("/session/claude-code/laptop/deep")
    expect(page.locator(".turn").first).to_be_visible()
    page.keyboard.press("f")
    expect(page.get_by_role("textbox", name="Find in this session")).to_be_focused()
    page.keyboard.type("needle")
    expect(page.locator(".find-count")).to_have_text("1")
    page.keyboard.press("Enter")

    page.wait_for_function(
        "[...(CSS.highlights.get('found') ?? [])].some((range) => {"
        " const { top, bottom } = range.getBoundingClientRect();"
        " return top > 100 && bottom < innerHeight; })"
    )


def test_a_turn_has_a_link(reading):
    """The link of a turn leads back to it."""
    reading.context.grant_permissions(["clipboard-read", "clipboard-write"])
    reading.keyboard.press("G")
    turn = reading.locator(".turn", has_text="All 14 tests pass")
    turn.scroll_into_view_if_needed()
    turn.hover()
    turn.get_by_role("button", name="Copy the link to this turn").click()
    expect(turn.get_by_role("button", name="Copied")).to_be_visible()
    link = reading.evaluate("navigator.clipboard.readText()")
    assert re.search(r"/session/claude-code/laptop/[^/#]+#turn-.+$", link)
    reading.goto("about:blank")
    reading.goto(link)

    expect(reading.locator(".turn[data-lit]")).to_contain_text("All 14 tests pass")


@pytest.mark.parametrize("width", [660, 768, 880, 1000, 1190, 1300, 1440])
def test_what_copies_a_turn_lies_beside_it(watched, archive, width):
    """Wherever the window ends, the buttons of a turn can be clicked and nothing sticks out."""
    story = Story("copied", time.time() - 5150, title="Copied", title_source="generated")
    for number in range(30):
        story.prompt(f"Question {number} about the beds and the valves that answer late.")
        story.answer("Just a moment.").answer(f"Answer {number}. " + "The bed is dry. " * 20)
    archive.send(story.events)
    page = watched(viewport={"width": width, "height": 800}).new_page()
    page.goto("/session/claude-code/laptop/copied")
    turn = page.locator(".turn:not([data-head])", has_text="Answer 2.")
    turn.hover()

    for name in ("Copy the link to this turn", "Copy the text"):
        assert turn.get_by_role("button", name=name).evaluate(
            "(button) => { const { left, right, top, bottom } = button.getBoundingClientRect();"
            " return [left + 1, right - 1].every((x) =>"
            " button.contains(document.elementFromPoint(x, (top + bottom) / 2))); }"
        )
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_long_name_of_a_tool_stays_within_the_window(watched, archive):
    """On a telephone a name that is longer than its line ends within it."""
    name = "mcp__plugin_playwright_playwright__browser_take_screenshot"
    story = Story("long-name", time.time() - 5140, title="Long", title_source="generated")
    story.prompt("Look.").call(name, {"path": "a.png"}, "Done")
    archive.send(story.events)
    page = watched(viewport={"width": 390, "height": 800}).new_page()
    page.goto("/session/claude-code/laptop/long-name")
    call(page, name).click()
    expect(page.locator(".tool-result")).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_subagents_and_forks_lead_both_ways(reading):
    """A call leads to its subagent's session, that one back, and forks are listed."""
    reading.get_by_role("link", name="Open the session of the subagent").click()
    expect(reading.get_by_role("heading", level=1)).to_have_text("Read the datasheet")
    expect(reading.locator(".parent")).to_contain_text("Subagent of")
    reading.keyboard.press("u")
    expect(reading.get_by_role("heading", level=1)).to_have_text("Find out why nothing is watered")

    reading.locator(".related").get_by_role("link", name=re.compile("fork")).click()
    expect(reading.locator(".parent")).to_contain_text("Forked from")
    reading.locator(".parent a").click()
    expect(reading).to_have_url(re.compile(WATERING))


def test_a_session_is_printed_whole(page, archive):
    """On paper stand all turns, and nothing that is there to be clicked."""
    story = Story("printed", time.time() - 5110, title="Printed", title_source="generated")
    for number in range(100):
        story.prompt(f"Question {number} about the beds.").answer("Dry. " * 60)
    archive.send(story.events)
    page.goto("/session/claude-code/laptop/printed")
    expect(page.locator(".turn").first).to_be_visible()
    expect(page.get_by_text("Live: what is archived appears by itself")).to_be_attached()
    assert page.locator(".turn").count() < 200
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    expect(page.locator(".turn")).to_have_count(200)
    expect(page.locator(".head")).to_be_hidden()
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")

    expect(page.locator(".turn[data-turn=printed-199]")).to_have_count(0)


def test_a_parent_that_is_not_archived_is_no_link(watched, archive):
    """Where the session that one came from is not here, it is said, and nothing leads there."""
    story = Story("orphan", time.time() - 5120, parent_session_id="gone", relation="fork")
    archive.send(story.prompt("Go on.").events)
    page = watched(allowed=("404",)).new_page()
    page.goto("/session/claude-code/laptop/orphan")

    expect(page.locator(".parent")).to_have_text("Forked from gone, which is not archived")
    expect(page.locator(".parent a")).to_have_count(0)


def test_a_session_is_resumed_by_a_command_to_copy(reading):
    """The command of the session's tool stands in its head."""
    reading.context.grant_permissions(["clipboard-read", "clipboard-write"])
    expect(reading.locator(".resume code")).to_contain_text(f"claude --resume {WATERING}")
    reading.get_by_role("button", name="Copy the command that resumes this session").click()
    expect(reading.locator(".resume").get_by_role("button", name="Copied")).to_be_visible()

    assert WATERING in reading.evaluate("navigator.clipboard.readText()")


@pytest.mark.parametrize("label", ["Markdown", "HTML", "JSON", "JSON lines"])
def test_a_session_is_exported(reading, label):
    """Each format is a file with the session in it."""
    reading.get_by_role("button", name="Export").click()
    with reading.expect_download() as waiting:
        reading.get_by_role("link", name=label, exact=True).click()

    assert "The roses are dry again" in waiting.value.path().read_text(encoding="utf-8")


def test_new_turns_appear_in_an_open_session(page, archive):
    """A session that goes on grows under the reader's eyes; who reads above stays there."""
    name = f"growing-{time.time_ns()}"
    story = Story(name, time.time() - 600, title="It grows", title_source="generated")
    for number in range(30):
        story.prompt(f"Question {number}. " + "Tell me more about the beds. " * 12)
        story.answer(f"Answer {number}.")
    archive.send(story.events)
    page.goto(f"/session/claude-code/laptop/{name}")
    expect(page.locator(".turn").first).to_be_visible()
    expect(page.get_by_text("Live: what is archived appears by itself")).to_be_attached()
    story.answer("This came later.")
    archive.send(story.events[-1:])
    more = page.get_by_role("button", name="1 new")
    expect(more).to_be_visible()
    assert page.evaluate("window.scrollY") == 0
    more.click()

    expect(page.get_by_text("This came later.")).to_be_in_viewport()


def test_who_is_at_the_end_stays_there(page, archive):
    """After `G`, each turn that comes moves the end into view, however many come in turn."""
    name = f"followed-{time.time_ns()}"
    story = Story(name, time.time() - 600, title="Followed", title_source="generated")
    for number in range(30):
        story.prompt(f"Question {number}. " + "Tell me more about the beds. " * 12)
        story.answer(f"Answer {number}.")
    archive.send(story.events)
    page.goto(f"/session/claude-code/laptop/{name}")
    expect(page.locator(".turn").first).to_be_visible()
    expect(page.get_by_text("Live: what is archived appears by itself")).to_be_attached()
    page.keyboard.press("G")
    expect(page.get_by_text("Answer 29.")).to_be_in_viewport()
    for number in range(30, 45, 5):
        for more in range(number, number + 5):
            story.prompt(f"Question {more}. " + "Tell me more about the beds. " * 24)
            story.answer(f"Answer {more}.")
        archive.send(story.events[-10:])
        expect(page.get_by_text(f"Answer {number + 4}.")).to_be_in_viewport()

    assert page.evaluate("document.documentElement.scrollHeight - innerHeight - scrollY") < 2


def test_a_session_that_ended_is_running_no_more(page, archive):
    """The head of a session that stays open says that it runs for as long as it does."""
    name = f"ending-{time.time_ns()}"
    archive.send(Story(name, time.time() - 20).prompt("Water them.").events)
    page.clock.install()
    page.goto(f"/session/claude-code/laptop/{name}")
    expect(page.locator(".session-head .running")).to_be_visible()
    page.clock.fast_forward("03:00")

    expect(page.locator(".session-head .running")).to_have_count(0)


def test_what_is_not_there_is_said(watched):
    """A session that does not exist, or is somebody else's, is told as such."""
    page = watched(allowed=("404",)).new_page()
    page.goto("/session/claude-code/laptop/nothing")

    expect(page.get_by_role("alert")).to_contain_text("There is no such thing")


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
