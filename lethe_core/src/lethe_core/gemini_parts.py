"""Parts of a message in the form of the Gemini API: text, thoughts, calls, results, media.

Several tools write down what they send to that API, and what it answers, as it is; their parsers
share this. The API's reference for `Content` and `Part` describes the form.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from lethe_core.mapping import image, text, unknown_block

#: What lies beside the content of a part, or is of no use outside the API.
_BESIDE = frozenset({"thought", "thoughtSignature", "videoMetadata", "partMetadata"})


@dataclass(slots=True)
class Parts:
    """A message's content, sorted.

    Args:
        text: the plain text of all parts.
        thoughts: texts of the model's thoughts.
        calls: the ``functionCall`` objects.
        results: the ``functionResponse`` objects.
        attachments: images and files.
        unknown: names of parts of other forms.
        blocks: these parts.
    """

    text: str = ""
    thoughts: list[str] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    blocks: list[dict[str, Any]] = field(default_factory=list)

    def metadata(self) -> dict[str, Any]:
        """Make the metadata of the turn that has what is neither text, call nor result."""
        found: dict[str, Any] = {}
        if self.attachments:
            found["attachments"] = self.attachments
        if self.blocks:
            found |= {"unknown_parts": self.unknown} | unknown_block(self.blocks)
        return found


def sort_parts(content: Any) -> Parts:
    """Sort a message's content.

    Args:
        content: text, one part, or a list of both.
    """
    parts = Parts()
    texts: list[str] = []
    for part in content if isinstance(content, list) else [content]:
        match part:
            case str():
                texts.append(part)
            case {"text": str(words), "thought": True}:
                parts.thoughts.append(words)
            case {"text": str(words)}:
                texts.append(words)
            case {"functionCall": dict(call)}:
                parts.calls.append(call)
            case {"functionResponse": dict(result)}:
                parts.results.append(result)
            case {"inlineData": dict(media)}:
                parts.attachments.append(_media(media))
            case {"fileData": dict(file)}:
                parts.attachments.append(
                    {
                        "type": "file",
                        "media_type": text(file.get("mimeType")),
                        "uri": text(file.get("fileUri")),
                    }
                )
            case dict():
                names = [name for name in part if name not in _BESIDE][:1]
                parts.unknown += names
                parts.blocks += [part] if names else []
    parts.text = "".join(texts)
    return parts


def result_output(response: Any) -> tuple[str, bool]:
    """Read what a tool answered.

    Args:
        response: the ``response`` of a ``functionResponse``.

    Returns:
        The output as text, and whether it is an error.
    """
    match response:
        case {"output": str(output)}:
            return output, False
        case {"error": str(error)}:
            return error, True
        case str():
            return response, False
        case None:
            return "", False
        case _:
            return msgspec.json.encode(response).decode(), False


def _media(media: dict[str, Any]) -> dict[str, Any]:
    media_type, data = text(media.get("mimeType")), text(media.get("data"))
    attachment = image(media_type, data)
    return attachment if media_type.startswith("image/") else attachment | {"type": "file"}
