"""What the settings of a session say: its model, and the tokens of all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lethe_core import SessionMeta, Usage
from lethe_core.mapping import count, text

if TYPE_CHECKING:
    from lethe_core import Event, Place

#: What is told of a session, beside its tokens.
_KEPT: Final[tuple[str, ...]] = ("model", "reasoningEffort", "autonomyMode", "providerLock")
#: The last place of a generation: the sum stands behind all that was said.
_LAST_PLACE: Final = (1 << 42) - 1


def kept_settings(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is not archived.

    Args:
        document: the settings.
    """
    kept: dict[str, Any] = {name: value for name in _KEPT if (value := text(document.get(name)))}
    tokens = document.get("tokenUsage")
    if isinstance(tokens, dict):
        kept["tokenUsage"] = {name: count(value) for name, value in sorted(tokens.items())}
    return kept


def map_settings(settings: dict[str, Any], place: Place) -> list[Event]:
    """Map the settings: what they say of the session, and its tokens so far.

    Args:
        settings: what `kept_settings` has left.
        place: where they stand.
    """
    known = {name: settings[name] for name in _KEPT if name in settings}
    events: list[Event] = [place.session(SessionMeta(metadata=known))] if known else []
    usage = _read_usage(settings.get("tokenUsage") or {}, place.session_id)
    if usage:
        turn = place.turn(
            turn_id="usage",
            role="system",
            timestamp=place.source.mtime_ns / 1e9,
            model=settings.get("model"),
            usage=usage,
            metadata={"kind": "usage"},
        )
        turn.seq |= _LAST_PLACE
        events.append(turn)
    return events


def _read_usage(tokens: dict[str, int], session_id: str) -> Usage | None:
    """Read the tokens of a session; the key is its own, as they are counted nowhere else."""
    thought = tokens.get("thinkingTokens", 0)
    usage = Usage(
        key=f"session.{session_id}",
        input=tokens.get("inputTokens", 0),
        output=tokens.get("outputTokens", 0) + thought,
        cache_read=tokens.get("cacheReadTokens", 0),
        cache_write=tokens.get("cacheCreationTokens", 0),
        reasoning=thought,
    )
    return usage if usage != Usage(key=usage.key) else None
