"""What keeps the start short: two libraries do work when they are imported, for nobody here.

| library     | what it does                                      | of 400 ms | instead            |
| ----------- | ------------------------------------------------- | --------- | ------------------ |
| aiohttp     | loads the system's certificates, twice, for its   | 36        | not at all         |
|             | client, which `auth.oidc` alone uses              |           |                    |
| marshmallow | compiles a pattern for addresses of e-mail, with  | 27        | when it is used,   |
|             | all letters of Unicode                            |           | which it never is  |

A context of TLS without certificates trusts nobody. Whoever asks others from this process makes a
context of their own: `auth.oidc.fetching` does.
"""

from __future__ import annotations

import contextlib
import re
import ssl
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def import_libraries() -> None:
    """Import both libraries; later imports find them. Before there are threads."""
    with _no_certificates():
        import aiohttp  # noqa: F401, PLC0415 - that is what this is for
    with _late_patterns("marshmallow.validate"):
        import marshmallow  # noqa: F401, PLC0415 - as above


@contextlib.contextmanager
def _no_certificates() -> Iterator[None]:
    """Make contexts of TLS that hold no certificates."""
    ssl.SSLContext.set_default_verify_paths = _load_nothing  # type: ignore[method-assign]
    try:
        yield
    finally:
        del ssl.SSLContext.set_default_verify_paths  # that of the class below is there again


def _load_nothing(self: ssl.SSLContext) -> None:
    """Stand in for what loads certificates."""


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
