"""The transcripts of all tools, counted twice.

    python tests/corpus/table.py [CORPUS]

prints for each tool what small scripts count that know nothing of lethe, and what lethe makes of
the same files, and explains each difference.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lethe_core import TurnEvent
from lethe_core.plugins import load_parsers
from lethe_core.testing import read_events

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from lethe_core import Event

HERE = Path(__file__).parent
FIELDS = ("prompts", "answers", "tool_calls", "input", "output", "cache_read")

#: Where count and archive of a file differ: tool, file and field; both numbers, and why.
EXPLAINED = {
    ("codex", "sample_rollout.jsonl", "prompts"): (1, 2, "one prompt lacks its event"),
    ("codex", "large.jsonl", "prompts"): (1, 6, "five prompts lack their events"),
    ("codex", "retrieval.jsonl", "tool_calls"): (8, 7, "two calls share an id"),
    ("codex", "small.jsonl", "answers"): (1, 4, "three reviews stand in events alone"),
    ("codex", "small.jsonl", "input"): (0, 12757, "the last total is a placeholder of zeros"),
    ("codex", "small.jsonl", "output"): (0, 81, "the last total is a placeholder of zeros"),
    ("codex", "small.jsonl", "cache_read"): (0, 3584, "the last total is a placeholder of zeros"),
    ("kimi-code", "small.jsonl", "prompts"): (3, 2, "one of the prompts was queued"),
    ("kimi-cli", "with-subagent-collapsed", "tool_calls"): (2, 1, "the wire ends inside a call"),
}


@dataclass(frozen=True)
class Witness:
    """Who counts the transcripts of a tool.

    Args:
        tool: its name on the wire.
        script: the folder of `count.py`.
        folders: of the corpus.
        function: of the script, which counts a file.
        answers: the kinds of turns that the script counts as answers.
    """

    tool: str
    script: str
    folders: tuple[str, ...]
    function: str = "count"
    answers: tuple[str, ...] = ("answer",)

    def files(self, corpus: Path) -> list[Path]:
        """Name the transcripts."""
        module = load_count(self.script)
        return [path for folder in self.folders for path in module.files(corpus / folder)]

    def count(self, path: Path) -> dict[str, int]:
        """Count a transcript without lethe."""
        numbers = getattr(load_count(self.script), self.function)(path)
        return {field: numbers.get(field, 0) for field in FIELDS}


#: Crush and opencode write a summary like an answer.
SUMMARIES = ("answer", "compact_summary")

WITNESSES = [
    Witness("cline", "cline", ("cline",)),
    Witness("roo", "cline", ("roo",)),
    Witness("kilo-code", "cline", ("roo",)),  # the same files; none of its own is at hand
    Witness("codex", "codex", ("codex",)),
    Witness("copilot", "copilot", ("copilot",)),
    Witness("crush", "crush", ("crush", "opencode-go-legacy"), answers=SUMMARIES),
    Witness("cursor", "cursor", ("cursor",)),
    Witness("droid", "droid", ("droid",)),
    Witness("gemini", "gemini", ("gemini",)),
    Witness("goose", "goose", ("goose",)),
    Witness("kimi-cli", "kimi", ("kimi-cli",), "count_cli"),
    Witness("kimi-code", "kimi", ("kimi-code",), "count_code"),
    Witness("opencode", "opencode", ("opencode", "opencode-v2"), answers=SUMMARIES),
    Witness("pi", "pi", ("pi",)),
    Witness("qwen", "qwen", ("qwen",)),
]


def load_count(script: str, module: str = "count") -> ModuleType:
    """Import a script beside the tests of a tool."""
    name = f"corpus_{script}_{module}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, HERE / script / f"{module}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def archived(events: Iterable[Event], answers: tuple[str, ...] = ("answer",)) -> dict[str, int]:
    """Count what the archive holds of events: a turn once, and the usage of a reply once."""
    kinds: dict[tuple[str, str], str] = {}
    usages: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for event in events:
        if not isinstance(event, TurnEvent):
            continue
        kinds.setdefault((event.session_id, event.turn_id), event.metadata["kind"])
        if event.usage:
            numbers = {field: getattr(event.usage, field) for field in FIELDS[3:]}
            usages[event.usage.key] |= Counter(numbers)
    counts = Counter(kinds.values())
    return {
        "prompts": counts["prompt"],
        "answers": sum(counts[kind] for kind in answers),
        "tool_calls": counts["tool_call"],
        **{field: sum(usage[field] for usage in usages.values()) for field in FIELDS[3:]},
    }


def readable(tool: str, path: Path, place: Path) -> Path:
    """Give a transcript in a form that the tool keeps: exports of opencode become a database."""
    if tool != "opencode" or path.suffix != ".json":
        return path
    database = place / path.stem / "opencode.db"
    database.parent.mkdir()
    exports = load_count("opencode", "exports")
    exports.write_tables(database, exports.load(path))
    return database


def why_different(
    tool: str, path: Path, expected: dict[str, int], actual: dict[str, int]
) -> Iterator[tuple[str, str]]:
    """Explain where the counts of a file differ.

    Yields:
        Field and reason of each difference.

    Raises:
        AssertionError: for one there is no explanation.
    """
    name = path.parent.name if path.name == "wire.jsonl" else path.name
    for field in FIELDS:
        if expected[field] == actual[field]:
            continue
        known = EXPLAINED.get((tool, name, field), (None, None, ""))
        pair = (expected[field], actual[field])
        assert pair == known[:2], f"{tool}: {path}: {field}: count {pair[0]}, archive {pair[1]}"
        yield field, known[2]


def compare(witness: Witness, corpus: Path) -> tuple[int, Counter[str], Counter[str], list[str]]:
    """Count all transcripts of a tool twice.

    Returns:
        How many files, the sums of the counts and of the archives, and what differs why.
    """
    parser = load_parsers().get(witness.tool)
    expected: Counter[str] = Counter()
    actual: Counter[str] = Counter()
    reasons = []
    paths = witness.files(corpus)
    with tempfile.TemporaryDirectory() as place:
        for path in paths:
            count = witness.count(path)
            sources = parser.discover(readable(witness.tool, path, Path(place)))
            events = (event for source in sources for event in read_events(parser, source))
            found = archived(events, witness.answers)
            for field, why in why_different(witness.tool, path, count, found):
                pair = f"{count[field]} counted, {found[field]} archived"
                reasons.append(f"{path.name}, {field}: {pair}: {why}")
            expected.update(count)
            actual.update(found)
    return len(paths), expected, actual, reasons


def lines(corpus: Path) -> Iterator[str]:
    """Write the table."""
    yield f"{'tool':<12}{'files':>6}  {'':<9}" + "".join(f"{field:>13}" for field in FIELDS)
    for witness in WITNESSES:
        files, *counts, reasons = compare(witness, corpus)
        for name, numbers in zip(("count", "archive"), counts, strict=True):
            head = f"{witness.tool:<12}{files:>6}" if name == "count" else " " * 18
            yield f"{head}  {name:<9}" + "".join(f"{numbers[field]:>13,}" for field in FIELDS)
        yield from (f"{'':<20}{reason}" for reason in reasons)
    yield from claude_code_lines(corpus / "claude-code")


def claude_code_lines(folder: Path) -> Iterator[str]:
    """Write what is counted otherwise: Claude Code's transcripts share replies and calls."""
    count = load_count("claude_code")
    tallies = count.count_tree(folder)
    totals = count.total(list(tallies.values()))
    parser = load_parsers().get("claude-code")
    sources = parser.discover(folder)
    held = load_count("claude_code", "archived").Archived
    by_source = [held(read_events(parser, source)) for source in sources]
    usage = defaultdict(int)
    for one in by_source:
        for key, numbers in one.usage.items():
            usage[key] = max(usage[key], numbers.output)
    found: dict[str, Any] = {
        "sessions": sum(bool(one.turns) for one in by_source),
        "prompts": sum(len(one.of_kind("prompt")) for one in by_source),
        "queued": sum(len(one.of_kind("queued_prompt")) for one in by_source),
        "messages": len(set().union(*(one.messages for one in by_source))),
        "calls": len(set().union(*(one.calls for one in by_source))),
        "output": sum(usage.values()),
    }
    yield ""
    yield f"{'tool':<12}{'files':>6}  {'':<9}" + "".join(f"{field:>13}" for field in found)
    for name, numbers in (("count", vars(totals)), ("archive", found)):
        head = f"{'claude-code':<12}{len(tallies):>6}" if name == "count" else " " * 18
        yield f"{head}  {name:<9}" + "".join(f"{numbers[field]:>13,}" for field in found)


def main() -> None:
    """Print the table of a corpus."""
    beside = HERE.parent.parent.parent / "shared" / "corpus"
    corpus = Path(sys.argv[1] if sys.argv[1:] else os.environ.get("LETHE_CORPUS") or beside)
    for line in lines(corpus):
        print(line)


if __name__ == "__main__":
    main()
