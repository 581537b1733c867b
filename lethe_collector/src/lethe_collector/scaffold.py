"""`plugins new`: a package with a parser that works, to begin with.

The files are templates below ``templates``: those in ``every`` belong to each package, the others
to one kind of source. In a name, ``package`` stands for the import name; ``{{word}}`` in a file
stands for a value.
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from lethe_core import API_VERSION
from lethe_core import __version__ as core_version
from lethe_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable
    from pathlib import Path

#: What the sources of a tool are.
KINDS: Final = ("jsonl", "sqlite", "snapshot")

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_NAME_LENGTH: Final = 40
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_TEMPLATE: Final = ".in"
_CONFORMANCE: Final = {
    "jsonl": "JsonlConformance",
    "sqlite": "SqliteConformance",
    "snapshot": "SnapshotConformance",
}
_SUFFIXES: Final = {"jsonl": ".jsonl", "sqlite": ".db", "snapshot": ".json"}


def write_plugin(name: str, kind: str, directory: Path) -> list[Path]:
    """Write a package with a parser, samples and tests that pass.

    Args:
        name: of the tool, such as ``acme``.
        kind: what its sources are: one of `KINDS`.
        directory: where the package's directory ``lethe-NAME`` is made.

    Returns:
        The files that were written, the package's directory first.

    Raises:
        UsageError: the name is none, or the package is there already.
        OSError: it cannot be written.
    """
    if not _NAME.fullmatch(name) or len(name) > _NAME_LENGTH:
        raise UsageError(
            f"{name!r} is no name for a plugin",
            hint=f"small letters and digits in words joined by `-`, at most {_NAME_LENGTH}",
        )
    values = _values(name, kind)
    target = directory / values["distribution"]
    if target.exists():
        raise UsageError(f"{target} is there already", hint="choose another --directory")
    written = [target]
    for path, template in _templates(kind):
        parts = (values["package"] if part == "package" else part for part in path.parts)
        file = target.joinpath(*parts)
        file.parent.mkdir(parents=True, exist_ok=True)
        text = template.read_text(encoding="utf-8")
        file.write_text(_filled(text, values), encoding="utf-8", newline="\n")
        written.append(file)
    return written


def _values(name: str, kind: str) -> dict[str, str]:
    words = name.split("-")
    major, minor = core_version.split(".")[:2]
    return {
        "tool": name,
        "label": " ".join(word.capitalize() for word in words),
        "distribution": f"lethe-{name}",
        "package": f"lethe_{'_'.join(words)}",
        "parser": "".join(word.capitalize() for word in words) + "Parser",
        "variable": f"{'_'.join(words).upper()}_HOME",
        "conformance": _CONFORMANCE[kind],
        "suffix": _SUFFIXES[kind],
        "in_place_updates": "no" if kind == "jsonl" else "yes",
        "api": str(API_VERSION),
        "core": f"{major}.{minor}",
        "next_core": f"{major}.{int(minor) + 1}",
    }


def _templates(kind: str) -> Iterator[tuple[PurePath, Traversable]]:
    root = resources.files("lethe_collector") / "templates"
    for part in ("every", kind):
        yield from _files_below(root / part, PurePath())


def _files_below(folder: Traversable, path: PurePath) -> Iterator[tuple[PurePath, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _files_below(entry, path / entry.name)
        elif entry.name.endswith(_TEMPLATE):
            yield path / entry.name.removesuffix(_TEMPLATE), entry


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)
