"""Records that say something of the session: titles, cost, pull requests, modes.

They are written again and again (at each turn's end, at each resume); the last one counts, and
the archive sees to that by their place in the file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from lethe_claude_code.session import make_title
from lethe_core import SessionMeta
from lethe_core.limits import MIB
from lethe_core.mapping import wire_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lethe_claude_code.records import Entry
    from lethe_core import Event, Line, TitleSource


def map_statement(entry: Entry, line: Line) -> Sequence[Event] | str:
    """Map a record that says something of the session; an empty one is nothing."""
    summary = entry.type == "summary"
    meta = _summary(entry, line) if summary else STATEMENTS[entry.type](entry)
    return [line.session(meta)] if meta else entry.type


def _title(text: str | None, source: TitleSource) -> SessionMeta | None:
    title = make_title(text or "")
    return SessionMeta(title=title, title_source=source) if title else None


def _metadata(**known: Any) -> SessionMeta | None:
    told = {key: value for key, value in known.items() if value is not None}
    return SessionMeta(metadata=told) if told else None


def _pull_request(entry: Entry) -> SessionMeta | None:
    return _metadata(
        pr_url=entry.pr_url, pr_number=entry.pr_number, pr_repository=entry.pr_repository
    )


def _worktree(entry: Entry) -> SessionMeta | None:
    worktree = entry.worktree_session
    if worktree is None:
        return None
    return _metadata(
        worktree_path=worktree.worktree_path,
        worktree_name=worktree.worktree_name,
        worktree_branch=worktree.worktree_branch,
    )


def _cost(entry: Entry) -> SessionMeta | None:
    """Take what the client itself counted, since the session began.

    It is the only place that knows of helper models and of the whole output of subagents; the
    archive's own sums are made of `Usage` and stay beside it.
    """
    cost = {
        "usd": entry.total_cost_usd,
        "duration_ms": entry.total_duration,
        "api_duration_ms": entry.total_api_duration,
        "lines_added": entry.total_lines_added,
        "lines_removed": entry.total_lines_removed,
        "models": {
            name: {
                "usd": one.cost_usd,
                "input": one.input_tokens,
                "output": one.output_tokens,
                "reasoning": one.thinking_tokens,
                "cache_read": one.cache_read_input_tokens,
                "cache_write": one.cache_creation_input_tokens,
            }
            for name, one in (entry.model_usage or {}).items()
        },
    }
    told = {key: value for key, value in cost.items() if value not in (None, {})}
    return _metadata(cost=told) if told else None


def _summary(entry: Entry, line: Line) -> SessionMeta | None:
    """Take a summary as title if it is one of this session.

    Claude Code wrote the summaries of other sessions, too, into the file that happened to be
    open. A summary names the last record that it is made of, and that record was written before
    it: so it belongs to this session if that record stands further up in this file.
    """
    leaf = wire_key(entry.leaf_uuid)
    if not leaf or not entry.summary or not _stands_before(leaf, line.source.path, line.start):
        return None
    return _title(entry.summary, "summary")


def _stands_before(uuid: str, path: Path, end: int) -> bool:
    """Say whether a record with a uuid stands before a place in a file."""
    pattern = re.compile(rb'"uuid": ?"%b"' % re.escape(uuid.encode()))
    tail = b""
    try:
        with path.open("rb") as file:
            while block := file.read(min(MIB, end - file.tell())):
                if pattern.search(tail + block):
                    return True
                tail = block[-len(pattern.pattern) :]
    except OSError:
        return False
    return False


#: What each type of record says of its session.
STATEMENTS: Final[dict[str, Callable[[Entry], SessionMeta | None]]] = {
    "ai-title": lambda entry: _title(entry.ai_title, "generated"),
    "custom-title": lambda entry: _title(entry.custom_title, "custom"),
    "agent-name": lambda entry: _metadata(agent_name=entry.agent_name),
    "cost-state": _cost,
    "mode": lambda entry: _metadata(mode=entry.mode),
    "permission-mode": lambda entry: _metadata(permission_mode=entry.permission_mode),
    "pr-link": _pull_request,
    "relocated": lambda entry: _metadata(relocated_cwd=entry.relocated_cwd),
    "tag": lambda entry: _metadata(tag=entry.tag),
    "worktree-state": _worktree,
}
