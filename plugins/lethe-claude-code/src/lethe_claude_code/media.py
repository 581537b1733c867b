"""Content blocks as text, with images and documents beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lethe_core.mapping import image

if TYPE_CHECKING:
    from lethe_claude_code.records import Block

MEDIA: Final = frozenset({"image", "document"})


def attach(block: Block) -> dict[str, Any] | None:
    """Make an attachment of an image or a document; `None` if its bytes are elsewhere."""
    media = block.source
    if block.type not in MEDIA or media is None or not media.data:
        return None
    attachment = image(media.media_type, media.data) | {"type": block.type}
    if block.title:
        attachment["title"] = block.title
    return attachment


def flatten(content: str | list[Block] | Block | None) -> tuple[str, list[dict[str, Any]]]:
    """Write the content of a tool's result as text.

    Returns:
        The text, in which a line names each part that is none, and the attachments.
    """
    if content is None or isinstance(content, str):
        return content or "", []
    blocks = content if isinstance(content, list) else [content]
    lines, attachments = [], []
    for block in blocks:
        attachment = attach(block)
        if attachment:
            attachments.append(attachment)
        lines.append(_line(block, attachment))
    return "\n".join(lines), attachments


def _line(block: Block, attachment: dict[str, Any] | None) -> str:
    if attachment:
        return f"[{block.type} {attachment['media_type']}, {attachment['bytes']} bytes]"
    url = block.source.url if block.source else block.url
    match block.type:
        case "text":
            return block.text
        case "tool_reference":
            words = ["tool", block.tool_name]
        case "web_search_result":
            return f"{block.title or ''}\n{block.url}".strip()
        case _ if block.content is not None:
            return flatten(block.content)[0]
        case _:
            words = [block.type, block.title or "", block.error_code, url]
    return block.text or f"[{' '.join(filter(None, words))}]"
