"""Importing a module whose patterns cost more than its import, and are never used.

`marshmallow.validate` compiles one for addresses of e-mail with all letters of Unicode: a tenth of
the start of a server, and of a collector.
"""

from __future__ import annotations

import contextlib
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def import_marshmallow() -> None:
    """Import marshmallow; later imports find it. Before there are threads."""
    with _late_patterns("marshmallow.validate"):
        import marshmallow  # noqa: F401, PLC0415 - that is what this is for


@contextlib.contextmanager
def _late_patterns(module: str) -> Iterator[None]:
    """Have the patterns of a module compiled when they are first used."""
    compile_now = re.compile

    def compile_late(pattern: Any, flags: Any = 0) -> Any:
        if sys._getframe(1).f_globals["__name__"] != module:  # noqa: SLF001 - who asks
            return compile_now(pattern, flags)
        return _LatePattern(pattern, flags)

    re.compile = compile_late
    try:
        yield
    finally:
        re.compile = compile_now


class _LatePattern:
    """A pattern that is compiled when it is first asked for anything; `re` remembers it then."""

    def __init__(self, *given: Any) -> None:
        self._given = given

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked by who makes the class that holds the pattern
            raise AttributeError(name)
        return getattr(re.compile(*self._given), name)
