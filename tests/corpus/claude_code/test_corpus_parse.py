"""What the parser makes of real transcripts, against counts that were made without it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lethe_claude_code import ClaudeCodeParser
from lethe_core import TurnEvent
from lethe_core.testing import read_events, read_records
from lethe_core.wire import decode_line, encode_event

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
try:
    from archived import Archived
    from count import Totals, count_tree, total
finally:
    sys.path.remove(str(HERE))


@pytest.fixture(scope="module")
def tallies(transcripts):
    """The independent count of each transcript."""
    return count_tree(transcripts)


@pytest.fixture(scope="module")
def archived(sources):
    """What an archive would hold of each transcript."""
    parser = ClaudeCodeParser()
    return {path: Archived(read_events(parser, source)) for path, source in sources.items()}


def test_discovers_what_is_a_transcript(sources, tallies):
    """The parser reads the same files that the count reads."""
    assert set(tallies) == set(sources)


def test_session_ids_differ(sources):
    """No two transcripts of the corpus fall into one session."""
    parser = ClaudeCodeParser()
    names = [parser.session_id(source) for source in sources.values()]

    assert sorted(set(names)) == sorted(names)


@pytest.mark.promise("P9")
def test_reads_every_file_onto_the_wire(sources):
    """Each file is read to its last newline, and each event keeps the contract of the wire."""
    parser = ClaudeCodeParser()
    for path, source in sources.items():
        records = read_records(parser, source)
        end = path.read_bytes().rfind(b"\n") + 1
        assert (records[-1].position if records else 0) == end, path
        for record in records:
            for event in record.events:
                event.host = "test"
                assert decode_line(encode_event(event)).unknown_fields == 0, path


def test_unreadable_lines_are_few_and_known(sources, transcripts):
    """Only samples of broken files have lines that cannot be mapped."""
    parser = ClaudeCodeParser()
    broken = {
        path.relative_to(transcripts).parts[0]
        for path, source in sources.items()
        for record in read_records(parser, source)
        if record.unmapped
    }

    assert broken == {
        "Dicklesworthstone-coding_agent_session_search",
        "Dicklesworthstone-cross_agent_session_resumer",
        "daaain-claude-code-log",
        "dspv-caprock",
        "handgemacht-ai-claude-code-log",
        "ryoppippi-ccusage",
    }


def test_each_file_agrees_with_the_count(tallies, archived):
    """The prompts, replies and calls of each file are those of the count."""
    for path, tally in tallies.items():
        one = archived[path]
        assert len(tally.prompts) == len(one.of_kind("prompt")), path
        assert len(tally.queued) == len(one.of_kind("queued_prompt")), path
        assert tally.messages == one.messages, path
        assert tally.calls == one.calls, path


def test_output_of_each_reply_agrees_with_the_count(tallies, archived):
    """The output tokens of each reply are those of the count."""
    for path, tally in tallies.items():
        output = {key: usage.output for key, usage in archived[path].usage.items()}
        # A reply without any id has a name of its own in either view.
        named = {key: number for key, number in tally.output.items() if "#" not in key}
        assert named.items() <= output.items(), path
        assert sorted(tally.output.values()) == sorted(output.values()), path


def test_each_session_of_the_count_is_archived(tallies, archived):
    """A file with something to say gives events, and a file without gives none."""
    for path, tally in tallies.items():
        assert tally.is_session == bool(archived[path].events), path


def test_sums_agree_with_the_count(tallies, archived):
    """The sums over the corpus agree; replies that several sessions hold count once."""
    output: dict[str, int] = {}
    for one in archived.values():
        for key, usage in one.usage.items():
            output[key] = max(usage.output, output.get(key, 0))
    found = archived.values()
    actual = Totals(
        sessions=sum(bool(one.events) for one in found),
        prompts=sum(len(one.of_kind("prompt")) for one in found),
        queued=sum(len(one.of_kind("queued_prompt")) for one in found),
        messages=len(set().union(*(one.messages for one in found))),
        calls=len(set().union(*(one.calls for one in found))),
        output=sum(output.values()),
    )

    assert total(list(tallies.values())) == actual


def test_tokens_agree_with_the_oracle(corpus, sources, archived):
    """Input, output and cache tokens of each file are the oracle's, counted once per reply."""
    oracle = json.loads((corpus / "ORACLE.json").read_text())
    for path in sources:
        facts = oracle[path.relative_to(corpus).as_posix()]
        if not facts["final_newline"] or not facts["uuids"]:
            continue  # it counts the unfinished line, too, and takes replies without ids for one
        usage = archived[path].usage.values()
        names = ("input", "output", "cache_write", "cache_read")
        actual = [sum(getattr(one, name) for one in usage) for name in names]
        assert facts["dedup"] == actual, path


def test_identities_agree_with_the_oracle(corpus, sources, archived):
    """No more turns bear the bare uuid of a record than the oracle found uuids in the file."""
    oracle = json.loads((corpus / "ORACLE.json").read_text())
    for path in sources:
        facts = oracle[path.relative_to(corpus).as_posix()]
        turns = (one for one in archived[path].turns.values() if isinstance(one, TurnEvent))
        bare = [turn for turn in turns if "." not in turn.turn_id and len(turn.turn_id) == 36]
        assert len(bare) <= facts["uniq_uuid"], path


def test_count_prints_a_table(tmp_path):
    """The count is a script of its own that needs nothing but Python."""
    (tmp_path / "one.jsonl").write_text(
        '{"type":"user","uuid":"u1","message":{"content":"Hello"}}\n'
        '{"type":"assistant","uuid":"u2","message":{"id":"m1","content":'
        '[{"type":"tool_use","id":"t1","name":"Bash"}],"usage":{"output_tokens":7}}}\n'
    )
    done = subprocess.run(
        [sys.executable, "-I", HERE / "count.py", tmp_path],
        capture_output=True,
        text=True,
        check=True,
    )
    numbers = [int(line.split()[-1]) for line in done.stdout.splitlines()]

    assert numbers == [1, 1, 0, 1, 1, 7]
