"""One session, turn by turn, as text for people and for models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from lethe_client.text import clean_block, clean_line
from lethe_client.times import local_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lethe_client.answers import Page, Session, Turn

#: Lines of a tool's output that are shown unless all are asked for.
OUTPUT_LINES: Final = 8

_COLOURS: Final = {"user": "green", "assistant": "cyan", "tool": "yellow", "system": "magenta"}


def head_of(page: Page) -> Iterator[str]:
    """Give the lines above the turns.

    Args:
        page: the first of the session, as the server tells it.
    """
    session = page["session"]
    yield click.style(clean_line(session["title"] or "(no title)"), bold=True)
    times = [local_time(time) for time in (session["started_at"], session["last_activity"])]
    lines = [
        f"{session['tool']}/{session['host']}/{session['session_id']}",
        session["working_dir"],
        " - ".join(time for time in dict.fromkeys(times) if time),
        ", ".join(session["models"]),
        _figures(session),
    ]
    if session["parent_session_id"]:
        lines.append(f"{session['relation'] or 'child'} of {session['parent_session_id']}")
    if page.get("resume_command"):
        lines.append(f"$ {page['resume_command']}")
    for line in lines:
        if line:
            yield click.style(clean_line(line), dim=True)
    yield ""


def _figures(session: Session) -> str:
    turns, calls = session["turns"], session["tool_calls"]
    used, made = session["tokens_in"], session["tokens_out"]
    return f"{turns:,} turns, {calls:,} calls of tools, {used:,} tokens in, {made:,} out"


def turn_lines(turn: Turn, *, whole: bool) -> Iterator[str]:
    """Give the lines of a turn.

    Args:
        turn: as the server tells it.
        whole: whether the outputs of tools are shown whole.
    """
    role = turn["role"]
    kind = turn["metadata"].get("kind")
    label = role if kind in (None, role, "prompt", "answer") else f"{role} {kind}"
    if turn.get("removed"):
        label += f" ({turn['removed']})"
    heading = click.style(clean_line(label), fg=_COLOURS.get(role), bold=True)
    yield f"{heading}  {click.style(local_time(turn['timestamp']), dim=True)}".rstrip()
    if text := clean_block(turn["content"]):
        yield text
    for call in turn["tool_calls"]:
        output = call.get("output")
        if output:
            yield from _output_lines(clean_block(output), whole=whole)
    yield ""


def _output_lines(text: str, *, whole: bool) -> Iterator[str]:
    lines = text.split("\n")
    kept = lines if whole else lines[:OUTPUT_LINES]
    for line in kept:
        yield click.style(f"  | {line}", dim=True)
    if len(kept) < len(lines):
        yield click.style(f"  | ... {len(lines) - len(kept)} more lines (--outputs)", dim=True)
