"""Read contents: texts and images, as both generations write them."""

from __future__ import annotations

from typing import Any

from lethe_core.mapping import data_url_image, text, unknown_block


def read_content(content: Any) -> tuple[str, dict[str, Any]]:
    """Read the text of a content; what else is in it is metadata of the turn.

    Args:
        content: a text, or a list of parts.
    """
    words: list[str] = []
    attachments: list[dict[str, Any]] = []
    unknown: list[Any] = []
    for part in _parts(content):
        words_of_part, image = text(part.get("text")), _image(part)
        if words_of_part:
            words.append(words_of_part)
        if image:
            attachments.append(image)
        if not image and not isinstance(part.get("text"), str):
            unknown.append(part)
    metadata: dict[str, Any] = {"attachments": attachments} if attachments else {}
    return "\n".join(words), metadata | (unknown_block(unknown) if unknown else {})


def _image(part: dict[str, Any]) -> dict[str, Any] | None:
    for key in ("image_url", "imageUrl"):
        url = part.get(key)
        if found := data_url_image(url.get("url") if isinstance(url, dict) else url):
            return found
    return None


def _parts(content: Any) -> list[dict[str, Any]]:
    match content:
        case str():
            return [{"text": content}]
        case list():
            return [part for one in content for part in _parts(one)]
        case dict():
            return [content]
        case _:
            return []
