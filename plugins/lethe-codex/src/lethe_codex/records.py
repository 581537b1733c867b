"""Map a line of a rollout: its envelope, and what it says of the thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lethe_codex.happenings import map_happening
from lethe_codex.items import Mapped, map_item
from lethe_codex.usage import map_usage_record
from lethe_core import SessionMeta
from lethe_core.mapping import clean_session_id, skip_word, text, unix_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from lethe_codex.step import Step
    from lethe_core import Event, Relation

_KEPT: Final = ("cli_version", "originator", "model_provider", "thread_source", "history_mode")


def map_record(record: dict[str, Any], step: Step) -> Mapped:
    """Map one line.

    Args:
        record: the line.
        step: where it stands.
    """
    payload = record.get("payload")
    if not isinstance(payload, dict):
        return _map_bare(record, step)
    kind = record.get("type")
    mapping = _MAPPINGS.get(kind) if isinstance(kind, str) else None
    return mapping(payload, step) if mapping else skip_word("record", kind)


def _map_bare(record: dict[str, Any], step: Step) -> Mapped:
    """Map a line of 2025: the item itself, without an envelope."""
    if "record_type" in record:
        return "record state"
    if "type" in record or "role" in record:
        return map_item(record, step)
    if "id" in record and "timestamp" in record:
        return map_meta(record, step)
    return "unknown record"


def _map_context(payload: dict[str, Any], step: Step) -> Mapped:
    step.keep("turn", payload.get("turn_id"))
    step.keep("model", payload.get("model"))
    return "record turn_context"


def map_meta(payload: dict[str, Any], step: Step) -> Mapped:
    """Map the head of a thread; only the first one is the file's own, others are copied.

    Args:
        payload: what it says.
        step: where it stands.
    """
    state = step.state
    thread = text(payload.get("id")) or text(payload.get("session_id"))
    if "session" in state:
        step.keep("origin", thread)
        return "session_meta, told before"
    step.keep("session", thread or step.line.session_id)
    step.keep("origin", thread)
    step.keep("model", payload.get("model"))
    git = payload.get("git")
    parent, relation = _parent(payload)
    if parent == step.line.session_id:
        parent = ""
    metadata = {key: value for key in _KEPT if (value := text(payload.get(key)))}
    if version := metadata.pop("cli_version", ""):
        metadata["version"] = version
    source = payload.get("source")
    metadata |= {"source": source} if isinstance(source, str) else _agent(source)
    meta = SessionMeta(
        source_file=str(step.line.source.path),
        working_dir=text(payload.get("cwd")) or None,
        git_branch=(text(git.get("branch")) or None) if isinstance(git, dict) else None,
        parent_session_id=clean_session_id(parent) if parent else None,
        relation=relation if parent else None,
        metadata=metadata,
    )
    return [step.line.session(meta, unix_time(payload.get("timestamp")) or step.time)]


def _parent(payload: dict[str, Any]) -> tuple[str, Relation]:
    """Tell the thread that this one came from, and how."""
    source = payload.get("source")
    agent = source.get("subagent") if isinstance(source, dict) else None
    spawn = agent.get("thread_spawn") if isinstance(agent, dict) else None
    spawner = text(spawn.get("parent_thread_id")) if isinstance(spawn, dict) else ""
    if parent := spawner or text(payload.get("parent_thread_id")):
        return parent, "subagent"
    if parent := text(payload.get("forked_from_id")):
        return parent, "subagent" if agent else "fork"
    base = payload.get("history_base")
    return (text(base.get("thread_id")) if isinstance(base, dict) else ""), "continuation"


def _agent(source: Any) -> dict[str, Any]:
    """Describe a subagent: its name, role and kind."""
    agent = source.get("subagent") if isinstance(source, dict) else None
    if isinstance(agent, str):
        return {"agent_kind": agent}
    if not isinstance(agent, dict) or not agent:
        return {}
    spawn = agent.get("thread_spawn")
    if not isinstance(spawn, dict):
        return {"agent_kind": text(agent.get("other")) or next(iter(agent))}
    known = {"agent_name": spawn.get("agent_nickname"), "agent_role": spawn.get("agent_role")}
    return {key: value for key, value in known.items() if isinstance(value, str)}


def _map_compaction(payload: dict[str, Any], step: Step) -> Mapped:
    """Map a compaction; the history that it carries along was told before."""
    events: list[Event] = [step.turn("system", "compact_boundary")]
    if summary := text(payload.get("message")):
        events.append(step.turn("system", "compact_summary", summary, index=1))
    return events


_MAPPINGS: Final[dict[str, Callable[[dict[str, Any], Step], Mapped]]] = {
    "response_item": map_item,
    "event_msg": map_happening,
    "turn_context": _map_context,
    "session_meta": map_meta,
    "token_usage_record": map_usage_record,
    "compacted": _map_compaction,
}
