"""Messages of a task's display: requests with their tokens and cost, errors, condensing.

The history has what was said; of the display only that is taken which the history has not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from lethe_core import TurnEvent, Usage
from lethe_core.mapping import count, price, skip_word, text, unix_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lethe_cline.task import Task
    from lethe_core import Event, Place

_REQUESTS: Final = ("api_req_started", "subagent_usage")
#: Messages that are taken as they are: their kind, and their text if they have none.
_PLAIN: Final = {
    "api_req_failed": ("api_error", ""),
    "sliding_window_truncation": ("compact_boundary", "Older messages were left out."),
    "error": ("notice", ""),
    "diff_error": ("notice", ""),
    "clineignore_error": ("notice", ""),
    "rooignore_error": ("notice", ""),
}
#: Providers for which Cline writes all tokens of the prompt; for others those not cached.
_TOTAL_PROVIDERS: Final = (
    "openai",
    "litellm",
    "doubao",
    "fireworks",
    "hicap",
    "lmstudio",
    "qwen",
    "xai",
    "zai",
)
#: Since when Roo Code writes all tokens of the prompt for all providers (3.29.5), in ms.
_ROO_TOTAL_SINCE: Final = 1_761_955_200_000
_PLACE_SHIFT: Final = 16
#: Where the display's turns stand among those of the message that they follow.
_AFTER: Final = 0x8000


def map_request(shown: dict[str, Any], place: Place) -> Iterable[Event] | str:
    """Map one message of the display."""
    name = shown.get("say") or shown.get("ask")
    if shown.get("partial") is True:
        return "partial message"
    if name in _REQUESTS:
        return _request(shown, place)
    if name in _PLAIN:
        kind, content = _PLAIN[name]
        turn = _turn(shown, place, kind, content or text(shown.get("text")))
        if kind == "notice":
            turn.metadata["level"] = "error"
        return [turn]
    condensed = shown.get("contextCondense")
    if isinstance(condensed, dict):  # the summary stands in the history
        turn = _turn(shown, place, "compact_boundary", "Conversation condensed.")
        turn.metadata["tokens_before"] = count(condensed.get("prevContextTokens"))
        turn.metadata["tokens_after"] = count(condensed.get("newContextTokens"))
        return [turn]
    return skip_word("display", name)


def _tokens_of(shown: dict[str, Any]) -> dict[str, Any]:
    """Read the numbers of a request, which stand as JSON in its text."""
    try:
        numbers = msgspec.json.decode(text(shown.get("text")).encode())
    except (ValueError, RecursionError):
        return {}
    return numbers if isinstance(numbers, dict) else {}


def _request(shown: dict[str, Any], place: Place) -> Iterable[Event] | str:
    numbers = _tokens_of(shown)
    usage = _usage(shown, numbers, place)
    failure = text(numbers.get("streamingFailedMessage"))
    kind = "usage"
    if numbers.get("cancelReason") == "user_cancelled":
        kind = "interrupt"
    elif failure or numbers.get("cancelReason"):
        kind = "api_error"
    elif not usage:
        return "request without an answer"
    turn = _turn(shown, place, kind, failure)
    turn.usage = usage
    turn.cost_usd = price(numbers.get("cost"))
    return [turn]


def _usage(shown: dict[str, Any], numbers: dict[str, Any], place: Place) -> Usage | None:
    task: Task = place.context
    read, write = count(numbers.get("cacheReads")), count(numbers.get("cacheWrites"))
    fresh = count(numbers.get("tokensIn"))
    if fresh >= read + write and _is_total(shown, numbers, task.tool):
        fresh -= read + write
    usage = Usage(
        key=f"{place.session_id}:{count(shown.get('ts'))}",
        input=fresh,
        output=count(numbers.get("tokensOut")),
        cache_read=read,
        cache_write=write,
    )
    return usage if usage.input or usage.output or read or write else None


def _is_total(shown: dict[str, Any], numbers: dict[str, Any], tool: str) -> bool:
    """Say whether `tokensIn` includes the cached tokens, which no field tells."""
    if tool == "cline":
        return _provider(shown) in _TOTAL_PROVIDERS
    protocol = numbers.get("apiProtocol") or shown.get("apiProtocol")
    return protocol != "anthropic" or count(shown.get("ts")) >= _ROO_TOTAL_SINCE


def _provider(shown: dict[str, Any]) -> str:
    info = shown.get("modelInfo")
    return text(info.get("providerId")) if isinstance(info, dict) else ""


def _turn(shown: dict[str, Any], place: Place, kind: str, content: str) -> TurnEvent:
    """Make a turn that stands behind the message of the history that was the last at the time."""
    task: Task = place.context
    info = shown.get("modelInfo")
    model = text(info.get("modelId")) if isinstance(info, dict) else ""
    moment = count(shown.get("ts"))
    turn = place.turn(
        turn_id=f"shown.{moment}" if moment else "",
        role="system",
        content=content,
        timestamp=unix_time(shown.get("ts")),
        model=model or None,
        metadata={"kind": kind},
        session_meta=task.meta,
    )
    last = shown.get("conversationHistoryIndex")
    if isinstance(last, int) and not isinstance(last, bool) and -1 <= last < 1 << 24:
        before = place.index << _PLACE_SHIFT
        behind = (last + 1 << _PLACE_SHIFT) + _AFTER + (place.index & (_AFTER - 1))
        turn.seq += behind - before
    return turn
