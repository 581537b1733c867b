"""`lethe up` over the transcripts of all tools of the corpus, compared with independent counts.

Each file is given as a source of its own, so that samples under any name are read. The archive is
asked through its API alone. A session that several files hold is one session there, so that a tool
may have less than the sum of its files; how much less, the parsers tell without a server.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict

import pytest
from corpus.table import FIELDS, WITNESSES, archived, readable, why_different
from end_to_end.machine import Machine

from lethe_core import TurnEvent
from lethe_core.plugins import load_parsers
from lethe_core.testing import read_events

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

#: Holds a fixture of another folder again, of the same time and with other numbers: of the two,
#: the one stays that comes first.
LEFT_OUT = "wesm-agentsview"


def count_api(api):
    """Count the archive through the API, by tool; usage once for each of its keys."""
    kinds = defaultdict(Counter)
    usages = defaultdict(lambda: defaultdict(Counter))
    for session in api.sessions():
        for turn in api.turns(session):
            kinds[session["tool"]][turn["metadata"]["kind"]] += 1
            if usage := turn.get("usage"):
                numbers = {field: usage[field] for field in FIELDS[3:]}
                usages[session["tool"]][usage["key"]] |= Counter(numbers)
    return {
        witness.tool: {
            "prompts": kinds[witness.tool]["prompt"],
            "answers": sum(kinds[witness.tool][kind] for kind in witness.answers),
            "tool_calls": kinds[witness.tool]["tool_call"],
            **{
                field: sum(usage[field] for usage in usages[witness.tool].values())
                for field in FIELDS[3:]
            },
        }
        for witness in WITNESSES
    }


@pytest.fixture(scope="module")
def files(corpus, tmp_path_factory):
    """The transcripts by tool: as they are counted, and as they are read."""
    place = tmp_path_factory.mktemp("exports")
    return {
        witness.tool: [
            (path, readable(witness.tool, path, place))
            for path in witness.files(corpus)
            if LEFT_OUT not in path.parts
        ]
        for witness in WITNESSES
    }


@pytest.fixture(scope="module")
def machine(files, tmp_path_factory):
    """A machine that has archived all of them."""
    made = Machine(tmp_path_factory.mktemp("machine"))
    sources = [
        word
        for tool, pairs in files.items()
        for _, path in pairs
        for word in ("--source", f"{tool}={path}")
    ]
    made.summary = made.up(*sources)
    return made


def test_every_file_is_archived(files, machine):
    """No file fails, lags or is refused; each tool has as many as were given."""
    tools = machine.summary["tools"]

    assert (machine.summary["refused"], machine.summary["lagging"]) == (0, 0)
    assert {tool: figures["files"] for tool, figures in tools.items()} == {
        tool: len({path for _, path in pairs}) for tool, pairs in files.items()
    }


def test_archive_agrees_with_the_counts(files, machine, capsys):
    """Prompts, answers, calls and tokens of the API are those of the independent counts."""
    with machine.serving() as api:
        found = count_api(api)
    table = []
    for witness in WITNESSES:
        parser = load_parsers().get(witness.tool)
        counted, each, events = Counter(), Counter(), []
        for path, read in files[witness.tool]:
            own = [e for source in parser.discover(read) for e in read_events(parser, source)]
            expected, actual = witness.count(path), archived(own, witness.answers)
            list(why_different(witness.tool, path, expected, actual))
            counted.update(expected)
            each.update(actual)
            events += own
        merged = archived(kept(events), witness.answers)
        table.append((witness.tool, counted, each, merged, found[witness.tool]))
        assert found[witness.tool] == merged, witness.tool

    with capsys.disabled():
        write(table)


def kept(events):
    """Of each turn, leave the first copy of the greatest revision: several files hold a session."""
    left = {}
    for event in events:
        if isinstance(event, TurnEvent):
            name = (event.session_id, event.turn_id)
            if name not in left or event.revision > left[name].revision:
                left[name] = event
    return list(left.values())


def write(table):
    """Print what was counted, in each file and over all of them, and what the API tells."""
    sys.stdout.write(f"\n{'':<22}" + "".join(f"{field:>13}" for field in FIELDS) + "\n")
    for tool, *rows in table:
        for name, row in zip(("counted", "in each file", "as sessions", "API"), rows, strict=True):
            head = tool if name == "counted" else ""
            numbers = "".join(f"{row[field]:>13,}" for field in FIELDS)
            sys.stdout.write(f"{head:<9} {name:<12}{numbers}\n")
