"""Sessions to look at: invented work on invented projects, with everything that a session can hold.

A `Story` writes the turns of one session, one after the other, as a parser would send them.
"""

from __future__ import annotations

import base64
import struct
import time
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = 86400.0
#: The session that has everything.
WATERING = "3f2b9c1e-7a64-4c0d-9b51-2d8f0c6e4a17"


class Story:
    """The events of one session.

    Args:
        session_id: of it.
        begins: Unix seconds.
        tool: that wrote it.
        host: the machine.
        directory: where the assistant worked.
        meta: further fields of `session_meta`.
    """

    def __init__(
        self,
        session_id: str,
        begins: float,
        *,
        tool: str = "claude-code",
        host: str = "laptop",
        directory: str = "/home/kim/src/garden",
        model: str = "claude-opus-4-1",
        **meta: Any,
    ) -> None:
        self.events: list[dict[str, Any]] = []
        self.session_id = session_id
        self.model = model
        self._common = {"tool": tool, "host": host, "session_id": session_id}
        self._meta = {"working_dir": directory, "git_branch": "main"} | meta
        self._time = begins
        self._calls = 0

    def turn(self, role: str, kind: str, content: str = "", **fields: Any) -> Story:
        """Add a turn, some seconds after the one before."""
        number = len(self.events)
        self._time += fields.pop("after", 7.0)
        event = {
            **self._common,
            "turn_id": f"{self.session_id}-{number}",
            "seq": number * 100,
            "role": role,
            "timestamp": self._time,
            "content": content,
            "metadata": {"kind": kind} | fields.pop("metadata", {}),
        }
        if not number:
            event["session_meta"] = self._meta
        self.events.append(event | fields)
        return self

    def prompt(self, text: str, **fields: Any) -> Story:
        """What a person typed."""
        return self.turn("user", fields.pop("kind", "prompt"), text, **fields)

    def answer(self, text: str, **fields: Any) -> Story:
        """What the model said, with the tokens of its reply."""
        number = len(self.events)
        usage = {
            "key": f"{self.session_id}-reply-{number}",
            "input": 40 + number,
            "output": 30 + len(text) // 4,
            "cache_read": 9000 + 310 * number,
            "cache_write": 400,
        }
        return self.turn("assistant", "answer", text, model=self.model, usage=usage, **fields)

    def think(self, text: str) -> Story:
        """What the model thought."""
        return self.turn("assistant", "thinking", text, model=self.model)

    def call(
        self, name: str, arguments: Any, output: str | None = "", *, line: str = "", **fields: Any
    ) -> Story:
        """A call of a tool, and its result unless `output` is `None`."""
        self._calls += 1
        call_id = f"{self.session_id}-call-{self._calls}"
        shown = line or next((str(v) for v in arguments.values() if isinstance(v, str)), "")
        self.turn(
            "assistant",
            "tool_call",
            f"{name}: {shown}".split("\n", maxsplit=1)[0],
            model=self.model,
            tool_calls=[{"id": call_id, "name": name, "input": arguments}],
            after=2.0,
        )
        if output is not None:
            result = {"id": call_id, "output": output, "is_error": fields.pop("failed", False)}
            self.turn("tool", "tool_result", tool_calls=[result], after=1.5, **fields)
        return self


def picture(width: int = 320, height: int = 120) -> str:
    """A PNG with a slope of colour, as base64."""
    rows = b"".join(
        b"\0" + b"".join(bytes((40 + x // 4, 110 + y, 130)) for x in range(width))
        for y in range(height)
    )

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()


ANSWER = """The sensor reports **volumetric water content** in per mille, the scheduler expects
per cent. So every bed looked soaked and nothing was watered since Tuesday.

Here is the conversion, with a guard for readings that cannot be:

```python
def moisture(raw: int) -> float:
    \"\"\"Turn a reading of the sensor into per cent of water.

    Raises:
        BadReading: the sensor is not in the soil.
    \"\"\"
    if not 0 <= raw <= 1000:
        raise BadReading(raw)  # open circuit: the probe was pulled out
    return raw / 10
```

What changes:

1. `moisture()` converts once, at the edge; nothing behind it knows of per mille.
2. A probe that was pulled out is an error, **not** a very wet bed.
3. The schedule is computed again after a bad reading.

| bed | before | after |
| --- | ---: | ---: |
| roses | 412 % | 41.2 % |
| herbs | 180 % | 18.0 % |
| tomatoes | 655 % | 65.5 % |

> The datasheet says so on page 14, in a footnote.

See [the notes of the maker](https://example.org/sensor) for the calibration."""

BEFORE = """def moisture(raw):
    return raw


def is_dry(raw):
    return moisture(raw) < 30
"""

AFTER = """def moisture(raw: int) -> float:
    if not 0 <= raw <= 1000:
        raise BadReading(raw)
    return raw / 10


def is_dry(raw: int) -> bool:
    return moisture(raw) < 30
"""

PYTEST = (
    "\x1b[1m============== test session starts ==============\x1b[0m\n"
    "collected 14 items\n\n"
    "tests/test_moisture.py \x1b[32m......\x1b[0m\x1b[31mF\x1b[0m"
    "\x1b[32m.......\x1b[0m   [100%]\n\n"
    "\x1b[31m\x1b[1mFAILED\x1b[0m tests/test_moisture.py::\x1b[1mtest_open_circuit\x1b[0m\n"
    "\x1b[31m=========== \x1b[1m1 failed\x1b[0m, \x1b[32m13 passed\x1b[0m"
    "\x1b[31m in 0.41s ===========\x1b[0m\n"
)

DIFF = """diff --git a/garden/schedule.py b/garden/schedule.py
index 3f2b9c1..8d1e0aa 100644
--- a/garden/schedule.py
+++ b/garden/schedule.py
@@ -12,7 +12,8 @@ class Schedule:
     def due(self, bed: Bed) -> bool:
-        return is_dry(bed.reading)
+        if bed.reading is None:
+            return True
+        return is_dry(bed.reading)
"""


def watering(now: float) -> Story:
    """The session that has everything."""
    story = Story(
        WATERING,
        now - 2 * 3600,
        title="Find out why nothing is watered",
        title_source="generated",
    )
    story.turn("system", "context", "Today is a Friday. The working directory is a git repository.")
    story.prompt(
        "The roses are dry again, and the log says that every bed is soaked. Find out why"
        " **nothing is watered** since Tuesday and fix it."
    )
    story.think(
        "The log says soaked while the bed is dry. Either the sensor lies or somebody reads it"
        " wrongly. I should look at how a reading becomes a decision before touching anything."
    )
    story.answer("I look at how a reading becomes a decision.")
    story.call(
        "Grep", {"pattern": "moisture", "path": "garden"}, "garden/soil.py\ngarden/schedule.py"
    )
    story.call("Read", {"file_path": "/home/kim/src/garden/garden/soil.py"}, BEFORE)
    story.call(
        "Task",
        {"description": "Read the datasheet", "prompt": "Which unit does the sensor report?"},
        "Per mille of volumetric water content; page 14, in a footnote.",
        metadata={"subagent_session_id": "agent-datasheet"},
    )
    story.call(
        "Edit",
        {
            "file_path": "/home/kim/src/garden/garden/soil.py",
            "old_string": BEFORE,
            "new_string": AFTER,
        },
        "The file was updated.",
    )
    story.call("Bash", {"command": "pytest -q tests/test_moisture.py"}, PYTEST, failed=True)
    story.call("Bash", {"command": "git diff garden/schedule.py"}, DIFF)
    story.call(
        "Screenshot",
        {"window": "dashboard"},
        "",
        metadata={
            "attachments": [
                {"type": "image", "media_type": "image/png", "data": picture(), "bytes": 4100}
            ]
        },
    )
    story.answer(ANSWER)
    story.prompt("/cost", kind="command")
    story.turn("system", "command_output", "Total cost: $0.42\nTotal duration: 3m 12s")
    story.prompt("git status --short", kind="shell")
    story.turn("system", "shell_output", " M garden/schedule.py\n M garden/soil.py")
    story.turn("system", "compact_boundary", "The conversation was compacted (184k tokens)")
    story.turn("system", "compact_summary", "We fixed the unit of `moisture()`. One test is red.")
    story.prompt("Now make the test for the open circuit green, and keep the error's name.")
    story.prompt("and use the words of the datasheet", kind="queued_prompt")
    story.call("Bash", {"command": "pytest -q"}, "14 passed in 0.39s")
    story.turn("system", "api_error", "The service is overloaded (529); trying again in 4 s")
    story.answer("All 14 tests pass. `BadReading` keeps its name and quotes the datasheet.")
    story.turn("system", "interrupt", "Interrupted by the user")
    return story


def datasheet(now: float) -> Story:
    """A subagent of `watering`."""
    story = Story(
        "agent-datasheet",
        now - 2 * 3600 + 60,
        title="Read the datasheet",
        title_source="generated",
        parent_session_id=WATERING,
        relation="subagent",
    )
    story.prompt("Which unit does the sensor report?")
    story.call("WebFetch", {"url": "https://example.org/sensor.pdf"}, "… per mille (‰) …")
    return story.answer("Per mille of volumetric water content; page 14, in a footnote.")


def greenhouse_fork(now: float) -> Story:
    """A fork of `watering`."""
    story = Story(
        "watering-fork",
        now - 1.5 * 3600,
        title="Find out why nothing is watered (fork)",
        title_source="generated",
        parent_session_id=WATERING,
        relation="fork",
    )
    story.prompt("Try the same with the capacitive sensor.")
    return story.answer("The capacitive sensor reports per cent already; nothing is to be done.")


TOPICS = (
    ("Migrate the seed catalogue to SQLite", "/home/kim/src/seeds", "codex", "gpt-5-codex"),
    (
        "Explain the flaky test of the rain gauge",
        "/home/kim/src/rain",
        "claude-code",
        "claude-sonnet-4-5",
    ),
    ("Draw the beds as SVG", "/home/kim/src/garden", "opencode", "kimi-k2"),
    (
        "Make the pump stop when the tank is empty",
        "/home/kim/src/pump",
        "claude-code",
        "claude-opus-4-1",
    ),
    ("Why is the build of the firmware slow?", "/home/kim/src/pump", "codex", "gpt-5-codex"),
    ("Translate the labels of the herb garden", "/home/kim/src/labels", "gemini", "gemini-2.5-pro"),
    (
        "Back the photos up before the winter",
        "/home/kim/src/photos",
        "claude-code",
        "claude-sonnet-4-5",
    ),
    (
        "Find who opens the greenhouse window at night",
        "/home/kim/src/greenhouse",
        "claude-code",
        "claude-opus-4-1",
    ),
)


def everyday(now: float, count: int) -> Iterator[Story]:
    """Many small sessions over the last weeks."""
    for number in range(count):
        title, directory, tool, model = TOPICS[number % len(TOPICS)]
        begins = now - (number * 0.37 + 0.2) * DAY
        story = Story(
            f"everyday-{number:05}",
            begins,
            tool=tool,
            host=("laptop", "workshop", "server-1")[number % 3],
            directory=directory,
            model=model,
            title=title,
            title_source="generated",
        )
        story.prompt(f"{title}. Look at the log of day {number} first, and do not touch the valve.")
        for step in range(1 + number % 5):
            story.call(
                "Bash", {"command": f"journalctl -n {20 + step}"}, f"line {step}\nvalve closed"
            )
            story.answer(
                f"Step {step}: the valve of bed {number % 9} answers within {step + 2} ms."
            )
        yield story


def archive_events(now: float | None = None, count: int = 60) -> list[dict[str, Any]]:
    """All events of the archive that the tests look at."""
    now = now or time.time()
    stories = [watering(now), datasheet(now), greenhouse_fork(now), *everyday(now, count)]
    return [event for story in stories for event in story.events]
