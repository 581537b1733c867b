"""What a row of `sessions` says of a session, and what it has used that no ledger tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from lethe_core import SessionMeta
from lethe_core.decoding import DECODING_ERRORS
from lethe_core.mapping import clean_session_id, text, unix_time
from lethe_goose.ledger import Tokens, told_by_ledger, usage_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lethe_core import Event, Row

#: What sessions are called until a person or a model names them.
_NO_TITLES: Final = frozenset({"CLI Session", "New Chat", "New Session", "ACP Session"})
#: Kinds of sessions that another one has begun.
_SUBAGENTS: Final = frozenset({"sub_agent", "subagent", "specialist"})


class _Model(msgspec.Struct):
    model_name: str


_decode_model = msgspec.json.Decoder(_Model).decode


def map_session(row: Row) -> Iterator[Event]:
    """Map a row of `sessions`.

    Args:
        row: the row.
    """
    session_id = clean_session_id(row["id"])
    model = _model(text(row["model_config_json"]))
    yield row.session(
        session_id, _meta(row, model), seq=row.changed, timestamp=unix_time(row["updated_at"])
    )
    left = Tokens.of(row.values, "accumulated_").less(told_by_ledger(row))
    key = usage_key(row["id"], row["created_at"], row["working_dir"])
    if usage := left.usage(key):
        yield row.turn(
            session_id=session_id,
            turn_id="usage",
            seq=0,
            role="system",
            timestamp=unix_time(row["created_at"]),
            model=model,
            usage=usage,
            metadata={"kind": "usage"},
        )


def _meta(row: Row, model: str | None) -> SessionMeta:
    known = {
        "provider": row["provider_name"],
        "model": model,
        "session_type": row["session_type"],
        "mode": row["goose_mode"],
    }
    meta = SessionMeta(
        source_file=str(row.source.path),
        working_dir=text(row["working_dir"]) or None,
        metadata={name: value for name, value in known.items() if text(value)},
    )
    if row["archived_at"]:
        meta.metadata["archived"] = True
    title = (text(row["name"]) or text(row["description"])).strip()
    if title and title not in _NO_TITLES:
        meta.title = title
        meta.title_source = "custom" if row["user_set_name"] else "generated"
    if parent := text(row["parent_session_id"]):
        meta.parent_session_id = clean_session_id(parent)
        if text(row["session_type"]) in _SUBAGENTS:
            meta.relation = "subagent"
    return meta


def _model(config: str) -> str | None:
    try:
        return _decode_model(config.encode()).model_name
    except DECODING_ERRORS:
        return None
