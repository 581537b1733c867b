"""What tests of several views look for in a page."""

from __future__ import annotations


def tool_call(page, name):
    """The line of a tool call."""
    return page.locator(".tool-call > .tool-line", has_text=name).first
