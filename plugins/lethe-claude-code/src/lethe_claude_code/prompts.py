"""What stands in a user record: a prompt, a command, or words that Claude Code put there.

Claude Code marks most of what no person typed by a tag at the beginning of the text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from lethe_core import Role

_INTERRUPT: Final = "[Request interrupted by user"
_TAG = re.compile(r"\s*<([a-z][a-z_-]*)")
_IDE = re.compile(r"\s*<(ide_[a-z_]+)>(.*?)</\1>\s*", re.DOTALL)
_COMMAND_NAME = re.compile(r"<command-name>(.*?)</command-name>", re.DOTALL)
_COMMAND_ARGUMENTS = re.compile(r"<command-args>(.*?)</command-args>", re.DOTALL)
_SHELL = re.compile(r"<bash-input>(.*?)</bash-input>", re.DOTALL)
_OUTPUT = re.compile(
    r"<(local-command-stdout|local-command-stderr|bash-stdout|bash-stderr)>(.*?)</\1>", re.DOTALL
)
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
    if tag == "bash-input" and (shell := _SHELL.search(text)):
        return Said("user", "shell", f"!{shell[1].strip()}", {})
    return _strip_editor(text)


def _strip_editor(text: str) -> Said:
    """Take what the editor told before a prompt out of its text."""
    told = []
    while match := _IDE.match(text):
        told.append({"type": match[1], "text": match[2].strip()})
        text = text[match.end() :]
    return Said("user", "prompt", text, {"ide": told})


def _join_command(text: str) -> str:
    """Write a command as it was typed: ``/name arguments``."""
    name = _COMMAND_NAME.search(text)
    if name is None:
        return text
    arguments = _COMMAND_ARGUMENTS.search(text)
    return f"{name[1].strip()} {arguments[1].strip() if arguments else ''}".rstrip()


def _join_output(text: str) -> str:
    parts = [match[2].strip("\n") for match in _OUTPUT.finditer(text)]
    return "\n".join(filter(None, parts)) if parts else text
