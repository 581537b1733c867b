"""What stands in a user record: a prompt, a command, or words that Claude Code put there.

Claude Code marks most of what no person typed by a tag at the beginning of the text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lethe_core import Role

_INTERRUPT: Final = "[Request interrupted by user"
_TAG = re.compile(r"\s*<([a-z][a-z_-]*)")
_IDE = re.compile(r"\s*<(ide_[a-z_]+)>(.*?)</\1>\s*", re.DOTALL)
_OUTPUT = re.compile(r"<(local-command-stdout|local-command-stderr|bash-stdout|bash-stderr)>")
_NO_OUTPUT: Final = frozenset({"", "(no content)"})

_COMMANDS: Final = frozenset({"command-name", "command-message"})
_OUTPUTS: Final = {
    "local-command-stdout": "command_output",
    "local-command-stderr": "command_output",
    "bash-stdout": "shell_output",
    "bash-stderr": "shell_output",
}
_CONTEXT: Final = frozenset({"system-reminder", "local-command-caveat"})
_NOTIFICATIONS: Final = frozenset(
    {"task-notification", "cross-session-message", "teammate-message"}
)


class Said(NamedTuple):
    """Who says what.

    Args:
        role: who speaks.
        kind: what sort of turn it is; empty for an output without a word, which is no turn.
        content: the text without its tags.
        metadata: what the tags told.
    """

    role: Role
    kind: str
    content: str
    metadata: dict[str, Any]


def understand(text: str, *, is_injected: bool = False, origin: str = "") -> Said:
    """Tell what a text of a user record is.

    Args:
        text: the text.
        is_injected: whether the record says that Claude Code wrote it (``isMeta``).
        origin: whom the record names as its origin, if it does.
    """
    tag = match[1] if (match := _TAG.match(text)) else ""
    if text.startswith(_INTERRUPT):
        return Said("system", "interrupt", text, {})
    if kind := _OUTPUTS.get(tag):
        output = _join_output(text)
        return Said("system", kind if output not in _NO_OUTPUT else "", output, {})
    if is_injected or tag in _CONTEXT:
        return Said("system", "context", text, {})
    if tag in _NOTIFICATIONS or origin not in {"", "human"}:
        return Said("system", "notification", text, {"origin": origin})
    return _understand_typed(text, tag)


def _understand_typed(text: str, tag: str) -> Said:
    """Tell a command and a line for the shell from a prompt."""
    if tag in _COMMANDS:
        return Said("user", "command", _join_command(text), {})
    if tag == "bash-input" and (shell := _inner(text, tag)) is not None:
        return Said("user", "shell", f"!{shell.strip()}", {})
    return _strip_editor(text)


def _strip_editor(text: str) -> Said:
    """Take what the editor told before a prompt out of its text."""
    told = []
    place = 0
    while match := _IDE.match(text, place):
        told.append({"type": match[1], "text": match[2].strip()})
        place = match.end()
    return Said("user", "prompt", text[place:], {"ide": told})


def _join_command(text: str) -> str:
    """Write a command as it was typed: ``/name arguments``."""
    name = _inner(text, "command-name")
    if name is None:
        return text
    arguments = _inner(text, "command-args") or ""
    return f"{name.strip()} {arguments.strip()}".rstrip()


def _join_output(text: str) -> str:
    parts = [output.strip("\n") for output in _outputs(text)]
    return "\n".join(filter(None, parts)) if parts else text


def _inner(text: str, tag: str) -> str | None:
    """Return what stands between a tag and its end; `None` if one of them is missing.

    A prompt may hold anything, such as a tag a million times. A pattern would look for the end of
    each of them, for days, in which the interpreter does nothing else.
    """
    _, _, rest = text.partition(f"<{tag}>")
    inner, end, _ = rest.partition(f"</{tag}>")
    return inner if end else None


def _outputs(text: str) -> Iterator[str]:
    """Give what stands in each tag of an output; one that has no end is none (see `_inner`)."""
    unclosed: set[str] = set()
    place = 0
    while match := _OUTPUT.search(text, place):
        tag, place = match[1], match.end()
        end = -1 if tag in unclosed else text.find(f"</{tag}>", place)
        if end < 0:
            unclosed.add(tag)
            continue
        yield text[place:end]
        place = end + len(f"</{tag}>")
