"""Read contents: texts and images, as both generations write them."""

from __future__ import annotations

from typing import Any

from lethe_core.mapping import data_url_image, text


def read_content(content: Any) -> tuple[str, list[dict[str, Any]]]:
    """Read the text and the images of a content.

    Args:
        content: a text, or a list of parts.
    """
    words: list[str] = []
    attachments: list[dict[str, Any]] = []
    for part in _parts(content):
        if words_of_part := text(part.get("text")):
            words.append(words_of_part)
        for key in ("image_url", "imageUrl"):
            url = part.get(key)
            found = data_url_image(url.get("url") if isinstance(url, dict) else url)
            if found:
                attachments.append(found)
    return "\n".join(words), attachments


def _parts(content: Any) -> list[dict[str, Any]]:
    match content:
        case str():
            return [{"text": content}]
        case list():
            return [part for part in content if isinstance(part, dict)]
        case _:
            return []


def with_attachments(attachments: list[dict[str, Any]]) -> dict[str, Any]:
    """Make the metadata of a turn with attachments."""
    return {"attachments": attachments} if attachments else {}
