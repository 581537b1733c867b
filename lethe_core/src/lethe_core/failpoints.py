"""Places where tests make the program die or fail, switched by the environment.

``LETHE_FAIL="cursor.commit.before=kill@3,outbox.put=error"`` kills the process with SIGKILL the
third time it passes ``cursor.commit.before`` and raises `OSError` (EIO) each time it passes
``outbox.put``. Without the variable a failpoint costs one look-up in an empty dictionary.
"""

from __future__ import annotations

import errno
import functools
import os
import signal
from collections import Counter
from typing import Final

_VARIABLE: Final = "LETHE_FAIL"


def _parse(setting: str) -> dict[str, tuple[str, int]]:
    plan: dict[str, tuple[str, int]] = {}
    for item in filter(None, setting.split(",")):
        name, _, action = item.partition("=")
        action, _, count = action.partition("@")
        plan[name.strip()] = (action.strip(), int(count or 0))
    return plan


@functools.cache
def _plan() -> dict[str, tuple[str, int]]:
    return _parse(os.environ.get(_VARIABLE, ""))


_passed: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Pass a named place; do what the environment asks for here.

    Raises:
        OSError: (EIO) if the action is ``error``; (ENOSPC) if it is ``full``.
        ValueError: the action is unknown.
    """
    plan = _plan()
    if name not in plan:
        return
    action, count = plan[name]
    _passed[name] += 1
    if count and _passed[name] != count:
        return
    match action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "error":
            raise OSError(errno.EIO, "failpoint", name)
        case "full":
            raise OSError(errno.ENOSPC, "failpoint", name)
        case _:
            raise ValueError(f"{_VARIABLE}: unknown action {action!r} for {name}")
