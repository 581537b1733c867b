"""Tell what a person wrote from what Codex put in their name.

Messages of the role ``user`` also carry the environment, AGENTS.md, skills, notices of subagents
and more. Recent versions name each part in ``content_item_kinds``; before, a part is recognised by
the frame that Codex puts around it, never by being framed at all: people write tags, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lethe_core.mapping import data_url_image, text, unknown_block

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Frames that Codex puts around what it injects.
_FRAMES: Final = (
    "environment_context",
    "user_instructions",
    "permissions instructions",
    "skill",
    "user_shell_command",
    "turn_aborted",
    "subagent_notification",
    "recommended_plugins",
    "goal_context",
    "codex_internal_context",
    "hook_prompt",
)
# The name is taken whole: to try each beginning of a long one would take hours.
_FRAME = re.compile(
    rf"\s*<({'|'.join(_FRAMES)}|(?>external_[A-Za-z0-9_-]+))\b[^>]*>.*</\1>\s*\Z", re.DOTALL
)
_OPENING: Final = (
    "# AGENTS.md instructions",
    "Warning: apply_patch was requested via ",
    "Warning: The maximum number of unified exec processes",
)
#: What a part holds that is read, or cannot be.
_KNOWN: Final = frozenset({"text", "image_url", "encrypted_content"})
_IMAGE_TAG = re.compile(r"\s*</?image\b[^>]*>\s*\Z")


class Message(NamedTuple):
    """The parts of a message.

    Args:
        written: what was written, by a person or a model.
        injected: what Codex added.
        metadata: images, and parts that are not known.
    """

    written: str
    injected: str
    metadata: dict[str, Any]


def read_message(payload: dict[str, Any]) -> Message:
    """Sort the parts of a message of the role ``user``.

    Args:
        payload: of the ``response_item``.
    """
    parts = content_parts(payload.get("content"))
    kinds = _kinds(payload, len(parts))
    written: list[str] = []
    injected: list[str] = []
    attachments: list[dict[str, Any]] = []
    for part, kind in zip(parts, kinds, strict=True):
        if image := data_url_image(part.get("image_url")):
            attachments.append(image)
        words = text(part.get("text"))
        if not words or _IMAGE_TAG.match(words):
            continue
        (written if _is_written(words, kind) else injected).append(words)
    metadata: dict[str, Any] = {"attachments": attachments} if attachments else {}
    return Message("\n".join(written), "\n".join(injected), metadata | unknown_parts(parts))


def content_parts(content: Any) -> list[dict[str, Any]]:
    """Return the parts of a content: a text, a part, or a list of parts."""
    match content:
        case str():
            return [{"type": "input_text", "text": content}]
        case dict():
            return [content]
        case list():
            return [part for one in content for part in content_parts(one)]
        case _:
            return []


def unknown_parts(content: Any) -> dict[str, Any]:
    """Make the metadata of the parts of a content that have another form than those that are read.

    Args:
        content: a text, a part, or a list of parts.
    """
    unknown = [part for part in content_parts(content) if _KNOWN.isdisjoint(part)]
    return unknown_block(unknown) if unknown else {}


def joined_text(content: Any) -> str:
    """Join the texts of a content."""
    return "\n".join(_texts(content))


def _texts(content: Any) -> Iterator[str]:
    for part in content_parts(content):
        if words := text(part.get("text")):
            yield words


def _kinds(payload: dict[str, Any], size: int) -> list[str | None]:
    """Return Codex's own word for each part; `None` where it wrote none."""
    passed = payload.get("internal_chat_message_metadata_passthrough")
    kinds = passed.get("content_item_kinds") if isinstance(passed, dict) else None
    if kinds is None:
        kinds = payload.get("content_item_kinds")
    if not isinstance(kinds, list) or len(kinds) != size:
        return [None] * size
    return [kind if isinstance(kind, str) and kind else None for kind in kinds]


def _is_written(words: str, kind: str | None) -> bool:
    if kind is not None and kind != "unknown":
        return kind.startswith("user.")
    return not _FRAME.match(words) and not words.lstrip().startswith(_OPENING)
