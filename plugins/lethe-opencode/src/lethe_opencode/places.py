"""Where opencode keeps its sessions, and what both of its parsers have in common."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


def data_directory() -> Path:
    """Name opencode's data directory: the same on Linux, macOS and Windows."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base).absolute() if base else Path.home() / ".local" / "share") / "opencode"


class Tool:
    """What names the parsers of all forms."""

    tool: ClassVar[str] = "opencode"
    label: ClassVar[str] = "opencode"
    version: ClassVar[int] = 3

    def default_roots(self) -> Iterable[Path]:
        """Name the data directory, and the database that ``$OPENCODE_DB`` names elsewhere."""
        data = data_directory()
        named = os.environ.get("OPENCODE_DB", "")
        if named and Path(named).is_absolute() and Path(named).parent != data:
            return [data, Path(named)]
        return [data]

    def resume_command(self, session_id: str, working_dir: str | None) -> str | None:
        """Give the command that resumes a session."""
        command = f"opencode --session {shlex.quote(session_id)}"
        return f"cd {shlex.quote(working_dir)} && {command}" if working_dir else command
