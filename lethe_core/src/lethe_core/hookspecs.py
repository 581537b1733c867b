"""The hooks of lethe: what a plugin may implement.

A plugin is a distribution with an entry point in the group ``lethe.parsers`` that names a module
(or object) with hook implementations::

    [project.entry-points."lethe.parsers"]
    my-tool = "lethe_my_tool"

and in ``lethe_my_tool/__init__.py``::

    from lethe_core import hookimpl

    @hookimpl
    def lethe_parsers():
        return [MyToolParser()]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lethe_core.parser import Parser

PROJECT: Final = "lethe"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def lethe_parsers() -> Iterable[Parser]:  # type: ignore[empty-body]
    """Return the parsers that this plugin provides.

    Called once, when plugins are loaded, in the collector and in the server. It must be quick and
    must not touch the file system: looking for transcripts is the business of
    `Parser.default_roots` and `Parser.discover`.
    """
