"""The command that resumes a session in its tool, as the tool's plugin tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loguru import logger

if TYPE_CHECKING:
    from lethe_core.plugins import ParserRegistry
    from lethe_server.storage import SessionRow


def resume_command(parsers: ParserRegistry, session: SessionRow) -> str | None:
    """Return the shell command, or `None` if the tool has none or its plugin is not here.

    Args:
        parsers: that are installed on the server.
        session: to resume.
    """
    if session.tool not in parsers:
        return None
    try:
        return parsers.get(session.tool).resume_command(session.session_id, session.working_dir)
    except Exception as error:  # noqa: BLE001 - a plugin's mistake must not hide the session
        logger.warning("the plugin for {} failed: {}", session.tool, type(error).__name__)
        return None
