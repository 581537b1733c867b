"""Blocks of a message in the form of Anthropic's API, which Cline keeps its history in."""

from __future__ import annotations

from typing import Any

import msgspec

from lethe_core.mapping import data_url_image, image, text


def blocks_of(content: Any) -> list[dict[str, Any]]:
    """Give the blocks of a message; a plain text is one."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [one for one in content if isinstance(one, dict)] if isinstance(content, list) else []


def attachment_of(block: dict[str, Any]) -> dict[str, Any]:
    """Make an attachment of an image or document."""
    source = block.get("source")
    if isinstance(source, dict):
        found = image(text(source.get("media_type")), text(source.get("data")))
    else:
        found = data_url_image(block.get("image") or block.get("data")) or image(
            text(block.get("mediaType") or block.get("media_type")), text(block.get("data"))
        )
    return found if block.get("type") == "image" else found | {"type": "file"}


def output_of(content: Any) -> tuple[str, list[dict[str, Any]]]:
    """Read the content of a result.

    Returns:
        The text, and images.
    """
    if isinstance(content, str):
        return content, []
    if not isinstance(content, list):
        return ("" if content is None else _as_json(content)), []
    texts, attachments = [], []
    for block in content:
        match block:
            case {"type": "text", "text": str(words)}:
                texts.append(words)
            case {"type": "image"}:
                attachments.append(attachment_of(block))
            case {"result": str(words)}:
                texts.append(words or text(block.get("error")))
            case _:
                texts.append(_as_json(block))
    return "\n".join(texts), attachments


def _as_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
