"""Assets: the files of the page, held in memory and named by what is in them.

* The *version* is a digest over all files. It stands in the path of each, so that a browser keeps
  them for good and asks for nothing twice; modules import each other by relative paths and stay in
  their version.
* Only what was found when the server started can be asked for: a request names a key of a
  dictionary and never reaches the file system.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Below this many bytes compressing gains nothing.
_SMALL: Final = 512
_HERE: Final = Path(__file__).parent
#: Where the files are, and under which path they are answered.
_ROOTS: Final = ((_HERE / "static", ""), (_HERE / "vendor", "vendor/"))
_SHELL: Final = "index.html"
_TYPES: Final = {".js": "text/javascript", ".svg": "image/svg+xml", ".css": "text/css"}
_NOT_SERVED: Final = frozenset({".py", ".pyc"})


@dataclass
class Asset:
    """One file.

    Args:
        data: its bytes.
        content_type: of them.
    """

    data: bytes
    content_type: str

    @cached_property
    def compressed(self) -> bytes | None:
        """The bytes as gzip; `None` if that is not worth it."""
        if len(self.data) < _SMALL:
            return None
        return gzip.compress(self.data, 9, mtime=0)


@dataclass
class Assets:
    """All files of the page.

    Args:
        files: by their path.
        version: of all of them together.
        shell: the document, in which the version has been filled in.
    """

    files: dict[str, Asset]
    version: str
    shell: Asset = field(repr=False)


def load_assets() -> Assets:
    """Read the files of the page.

    Raises:
        OSError: they cannot be read.
    """
    files = {
        prefix + place: Asset(path.read_bytes(), _type_of(path))
        for root, prefix in _ROOTS
        for place, path in _walk(root)
        if path.suffix not in _NOT_SERVED
    }
    shell = files.pop(_SHELL)
    digest = hashlib.sha256(shell.data)
    for name, asset in files.items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(asset.data).digest())
    version = digest.hexdigest()[:16]
    document = shell.data.replace(b"{version}", version.encode())
    return Assets(files, version, Asset(document, "text/html"))


def _walk(root: Path) -> Iterator[tuple[str, Path]]:
    """Give all files below a directory in a fixed order, each with its path from there.

    Each start does this: `rglob`, and looking at each path alone, take three times as long.
    """
    for folder, folders, names in os.walk(root, onerror=_raise):
        folders.sort()
        here = Path(folder)
        place = "" if here == root else f"{here.relative_to(root).as_posix()}/"
        for name in sorted(names):
            yield place + name, here / name


def _raise(error: OSError) -> None:
    raise error


def _type_of(path: Path) -> str:
    guessed = mimetypes.guess_type(path.name)[0]
    return _TYPES.get(path.suffix) or guessed or "text/plain"
