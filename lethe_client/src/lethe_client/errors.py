"""The errors of the commands, beside those of `lethe_core.errors`.

    UsageError
    ├── Refused                 REFUSED: the server does not do this
    └── NotOneSession           NOT_ONE_SESSION
    Unavailable
    └── Unreachable             UNREACHABLE: no answer, or none of lethe

What the server refuses keeps its own code in the message.
"""

from __future__ import annotations

from lethe_core.errors import Unavailable, UsageError


class Refused(UsageError):
    """The server refuses what was asked; the message holds its words and its code."""

    code = "REFUSED"


class NotOneSession(UsageError):
    """No session has such an id, or several begin with it."""

    code = "NOT_ONE_SESSION"
    hint = "`lethe sessions` lists them; TOOL/HOST/ID names one without doubt"


class Unreachable(Unavailable):
    """No answer of a lethe server came."""

    code = "UNREACHABLE"
    hint = "is the server running (`lethe up`), and is `url` the right one? See docs/cli.md"
