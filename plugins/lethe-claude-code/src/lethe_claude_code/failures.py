"""What is said of requests to the API that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from lethe_claude_code.records import decode_failure

if TYPE_CHECKING:
    from msgspec import Raw


def failure_metadata(error: Raw) -> dict[str, Any]:
    """Describe an ``error``: a word in assistant records, an object in system records."""
    try:
        failure = decode_failure(error) if bytes(error) else None
    except msgspec.ValidationError:
        return {}
    if failure is None or isinstance(failure, str):
        return {"error": failure}
    return {"error": failure.formatted or failure.message, "status": failure.status}
