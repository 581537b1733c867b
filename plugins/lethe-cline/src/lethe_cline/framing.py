"""What Cline writes around texts: the person's words, tool calls and results as plain text.

Models without tool calls of their own are told to write calls as XML; results are sent back as
``[tool for 'argument'] Result:`` and a text. What a person typed stands in ``<task>``,
``<user_message>``, ``<feedback>`` or ``<answer>``, in sessions in ``<user_input>``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Tools that Cline and Roo Code offer as XML.
TOOLS: Final = (
    "access_mcp_resource",
    "apply_diff",
    "ask_followup_question",
    "attempt_completion",
    "browser_action",
    "codebase_search",
    "execute_command",
    "fetch_instructions",
    "insert_content",
    "list_code_definition_names",
    "list_files",
    "load_mcp_documentation",
    "new_task",
    "plan_mode_respond",
    "plan_mode_response",
    "read_file",
    "replace_in_file",
    "run_slash_command",
    "search_and_replace",
    "search_files",
    "switch_mode",
    "update_todo_list",
    "use_mcp_tool",
    "web_fetch",
    "web_search",
    "write_to_file",
)

_ENVIRONMENT = re.compile(r"<environment_details>.*?(</environment_details>|\Z)", re.DOTALL)
_DIRECTORY = re.compile(r"# Current (?:Working|Workspace) Directory \(([^\n]+)")
_NOTICE = re.compile(r"<(mode_notice)>")
_TYPED = re.compile(
    r"^<(task|user_message|feedback|answer|user_input|user_command)\b[^>\n]*>", re.MULTILINE
)
#: What Cline writes as the result of a tool that asks a person, at its very beginning.
_ANSWERED = re.compile(
    r"(?:The user [^\n]*\n+<feedback>(?P<feedback>.*?)</feedback>"
    r"|<answer>(?P<answer>.*?)</answer>"
    r"|(?:New [^\n]*\n+)?<user_message>(?P<message>.*?)</user_message>)",
    re.DOTALL,
)
_RESULT = re.compile(r"\[([a-z_]+)(?: for [^\n]*)?\] Result:\s*")
_NOTE = re.compile(r"\[[A-Z][A-Z ]+\]")
_CALL = re.compile(rf"<({'|'.join(TOOLS)})>")
_ARGUMENT = re.compile(r"<([a-z_]+)>")
_CLOSING = re.compile(r"</([a-z_]+)>")


class _Element(NamedTuple):
    """An XML element in a text: what stands in it, and where it begins and ends."""

    name: str
    inner: str
    start: int
    end: int


class Call(NamedTuple):
    """A call that was written as text."""

    name: str
    arguments: dict[str, str]


def without_environment(text: str) -> str:
    """Cut out what Cline appends to each message: open files, listings, the time."""
    return _ENVIRONMENT.sub("", text).strip()


def working_directory(text: str) -> str | None:
    """Find the directory in what Cline appends to a message."""
    for match in _DIRECTORY.finditer(text):
        if (end := match[1].find(") Files", 1)) > 0:
            return match[1][:end]
    return None


def without_notices(text: str) -> str:
    """Cut out the notes that a session puts before what was typed."""
    return _without(text, _elements(text, _NOTICE))


def typed_text(text: str) -> str:
    """Find what a person typed in a message, by its frame; nothing if there is none.

    What follows the frame, such as files that were named in it, may hold anything.
    """
    first = next(_elements(text, _TYPED), None)
    return first.inner.strip() if first else ""


def answered_text(text: str) -> str:
    """Find what a person typed in the result of a tool; nothing if it is another's output."""
    match = _ANSWERED.match(text)
    return "".join(filter(None, match.groups())).strip() if match else ""


def result_head(text: str) -> tuple[str, str] | None:
    """Take a text that begins a result apart: the tool's name, and the rest."""
    match = _RESULT.match(text)
    return (match[1], text[match.end() :]) if match else None


def is_note(text: str) -> bool:
    """Say whether a text is a note of Cline's own, such as ``[TASK RESUMPTION]``."""
    return _NOTE.match(text) is not None


def take_calls(text: str) -> tuple[str, list[Call]]:
    """Take the calls out of what a model wrote.

    Returns:
        What is left, and the calls in order.
    """
    found = list(_elements(text, _CALL))
    calls = [
        Call(call.name, {one.name: one.inner.strip() for one in _elements(call.inner, _ARGUMENT)})
        for call in found
    ]
    return (_without(text, found) if found else text), calls


def _elements(text: str, opening: re.Pattern[str]) -> Iterator[_Element]:
    """Find elements in a text that is no XML; one that is never closed is none.

    It takes time in proportion to the text, whatever stands in it.
    """
    match = opening.search(text)
    if not match:
        return
    last = {closing[1]: closing.start() for closing in _CLOSING.finditer(text, match.end())}
    while match:
        name, place = match[1], match.end()
        if last.get(name, -1) >= place:
            closing = f"</{name}>"
            end = text.index(closing, place)
            inner, place = text[place:end], end + len(closing)
            yield _Element(name, inner, match.start(), place)
        match = opening.search(text, place)


def _without(text: str, elements: Iterable[_Element]) -> str:
    """Cut elements out of a text."""
    parts, place = [], 0
    for element in elements:
        parts.append(text[place : element.start])
        place = element.end
    return "".join((*parts, text[place:])).strip()
