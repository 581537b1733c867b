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
import ssl
from typing import TYPE_CHECKING

from lethe_core.late_patterns import import_marshmallow

if TYPE_CHECKING:
    from collections.abc import Iterator


def import_libraries() -> None:
    """Import both libraries; later imports find them. Before there are threads."""
    with _no_certificates():
        import aiohttp  # noqa: F401, PLC0415 - that is what this is for
    import_marshmallow()


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
