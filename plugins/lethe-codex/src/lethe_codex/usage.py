"""Count tokens once, whatever is repeated, resumed or forked.

Up to about 0.15x, ``token_count`` tells the cumulative total and the last reply, several times a
reply; the last reply counts where the total has changed. Its key is the turn and the total: a fork
copies both. Since then, ``token_usage_record`` tells each reply once, by the id of the response,
and ``token_count`` repeats it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lethe_core import Usage
from lethe_core.mapping import count, wire_key

if TYPE_CHECKING:
    from lethe_codex.step import Step
    from lethe_core import Event

_FIELDS = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
)


def map_usage_record(payload: dict[str, Any], step: Step) -> list[Event] | str:
    """Map a ``token_usage_record``: the tokens of one response."""
    step.state["exact"] = True
    usage = payload.get("usage")
    key = wire_key(payload.get("response_id"))
    if not isinstance(usage, dict) or not key:
        return "record token_usage_record"
    return _usage_turn(usage, key, step)


def map_token_count(payload: dict[str, Any], step: Step) -> list[Event] | str:
    """Map a ``token_count``: the last reply's tokens, if the total has grown."""
    info = payload.get("info")
    if step.state.get("exact") or not isinstance(info, dict):
        return "event token_count"
    total, last = info.get("total_token_usage"), info.get("last_token_usage")
    if not isinstance(total, dict) or not isinstance(last, dict):
        return "event token_count"
    numbers = [count(total.get(field)) for field in _FIELDS]
    if not any(numbers) or numbers == step.state.get("total"):
        return "event token_count, told before"
    step.state["total"] = numbers
    step.keep("model", info.get("model"))
    scope = step.turn_name or step.state.get("origin") or step.line.session_id
    return _usage_turn(last, wire_key(f"{scope}:{numbers[0]}:{numbers[3]}"), step)


def _usage_turn(numbers: dict[str, Any], key: str, step: Step) -> list[Event] | str:
    """Make the turn that carries tokens: they stand in a line of their own, behind the reply."""
    prompt, cached, written, answer, thinking = (count(numbers.get(field)) for field in _FIELDS)
    usage = Usage(
        key=key or step.line.hashed_id(),
        input=max(prompt - cached - written, 0),
        output=answer,
        cache_read=cached,
        cache_write=written,
        reasoning=thinking,
    )
    return [step.turn("system", "usage", model=step.model, usage=usage)]
