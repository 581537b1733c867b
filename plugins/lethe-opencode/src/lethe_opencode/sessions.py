"""What a session's row or file says of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lethe_core import SessionMeta
from lethe_core.mapping import clean_session_id, text

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a session is called until a model has made up a title.
_NO_TITLE = re.compile(r"(New|Child) session - \d{4}-\d\d-\d\dT[\d:.]+Z")


def session_meta(session: Mapping[str, Any], source_file: str) -> SessionMeta:
    """Describe a session.

    Args:
        session: with the names that the columns of the tables have.
        source_file: where it is kept.
    """
    meta = SessionMeta(
        source_file=source_file,
        working_dir=text(session.get("directory")) or None,
        metadata={name: value for name in ("version", "agent") if (value := session.get(name))},
    )
    title = text(session.get("title")).strip()
    if title and not _NO_TITLE.fullmatch(title):
        meta.title, meta.title_source = title, "generated"
    if fork := text(session.get("fork_session_id")):
        meta.parent_session_id, meta.relation = clean_session_id(fork), "fork"
    elif parent := text(session.get("parent_id")):
        meta.parent_session_id, meta.relation = clean_session_id(parent), "subagent"
    if session.get("time_archived"):
        meta.metadata["archived"] = True
    return meta
