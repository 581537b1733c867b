"""Count tokens once: those of answers stand in messages, all others where the process ends.

``session.shutdown`` tells the tokens by model since the process began; a resumed session has
several. Its input includes what was read from and written to the cache. Its output repeats that
of the messages: only what no message told is counted, such as the answer of a compaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lethe_core import Usage
from lethe_core.mapping import count, text, wire_key

if TYPE_CHECKING:
    from lethe_copilot.happening import Happening, Mapped
    from lethe_core import Event


def message_usage(event: Happening) -> Usage | None:
    """Read the tokens of an answer; `None` if it tells none."""
    output = count(event.data.get("outputTokens"))
    if not output:
        return None
    state = event.line.state
    state["output"] = count(state.get("output")) + output
    identity = wire_key(event.data.get("apiCallId")) or wire_key(event.data.get("messageId"))
    return Usage(key=identity or event.line.hashed_id(), output=output)


def map_shutdown(event: Happening) -> Mapped:
    """Map the end of a process: a turn with tokens for each model."""
    told = count(event.line.state.pop("output", 0))
    numbers = _by_model(event)
    if not numbers:
        return "event session.shutdown"
    rest = max(sum(usage.output for usage in numbers.values()) - told, 0)
    main = max(numbers, key=lambda model: numbers[model].output)
    events: list[Event] = []
    for model, usage in numbers.items():
        usage.output = rest if model == main else 0
        events.append(
            event.turn("system", "usage", index=len(events), model=model or None, usage=usage)
        )
    return events


def _by_model(event: Happening) -> dict[str, Usage]:
    metrics = event.data.get("modelMetrics")
    found: dict[str, Usage] = {}
    for model, metric in metrics.items() if isinstance(metrics, dict) else ():
        numbers = metric.get("usage") if isinstance(metric, dict) else None
        if isinstance(numbers, dict):
            found[model] = _gross_usage(numbers, _key(event, model))
    details = event.data.get("tokenDetails")
    if not found and isinstance(details, dict):
        model = text(event.data.get("currentModel"))
        found[model] = _net_usage(details, _key(event, model))
    return found


def _key(event: Happening, model: str) -> str:
    identity = wire_key(event.record.get("id"))
    return wire_key(f"{identity}:{model}") if identity else event.line.hashed_id()


def _gross_usage(numbers: dict[str, Any], key: str) -> Usage:
    read, written = count(numbers.get("cacheReadTokens")), count(numbers.get("cacheWriteTokens"))
    return Usage(
        key=key,
        input=max(count(numbers.get("inputTokens")) - read - written, 0),
        output=count(numbers.get("outputTokens")),
        cache_read=read,
        cache_write=written,
        reasoning=count(numbers.get("reasoningTokens")),
    )


def _net_usage(details: dict[str, Any], key: str) -> Usage:
    def tokens(name: str) -> int:
        entry = details.get(name)
        return count(entry.get("tokenCount")) if isinstance(entry, dict) else 0

    return Usage(
        key=key,
        input=tokens("input"),
        output=tokens("output"),
        cache_read=tokens("cache_read"),
        cache_write=tokens("cache_write"),
    )
