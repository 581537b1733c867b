"""Parsers that hang, without a test that waits for them."""

from __future__ import annotations

from fakes.toy import ToyParser


class Hangs(BaseException):
    """Stands for a call that never returns."""


def call_within(seconds, function):
    """Give up at once what would hang; `lethe_core.patience` gives it up after a while."""
    try:
        return function()
    except Hangs:
        raise TimeoutError(f"no answer within {seconds:g} s") from None


class HangsInRoots(ToyParser):
    """Never says where its tool keeps its transcripts."""

    tool, label = "mute", "Mute"

    def default_roots(self):
        """Hang."""
        raise Hangs


class HangsInDiscover(ToyParser):
    """Never finds anything."""

    tool, label = "blind", "Blind"

    def discover(self, root):
        """Hang."""
        raise Hangs
