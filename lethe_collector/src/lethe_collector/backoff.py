"""How long to wait before what did not arrive is sent again (P12).

Full jitter below a bound that doubles, so that collectors that lost their server at one moment do
not come back at one moment; or what the server asked for, and a little more.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from lethe_collector.answers import Keep

#: Longest wait between two attempts, in seconds.
MAX_BACKOFF: Final = 300.0
_FIRST_BACKOFF: Final = 0.5
_RETRY_AFTER_JITTER: Final = 0.2


class Undelivered(Exception):
    """What was sent did not arrive; it is kept and sent again.

    Args:
        keep: why.
    """

    def __init__(self, keep: Keep) -> None:
        super().__init__(keep.detail)
        self.keep = keep


def why_undelivered(retry: RetryCallState) -> Keep:
    """Tell why the last attempt failed."""
    error = retry.outcome.exception() if retry.outcome else None
    assert isinstance(error, Undelivered)
    return error.keep


def seconds_until_retry(retry: RetryCallState) -> float:
    """Tell how long to wait after the last attempt."""
    asked = why_undelivered(retry).retry_after
    if asked is not None:
        return asked * random.uniform(1, 1 + _RETRY_AFTER_JITTER)  # noqa: S311 - no secret
    bound = min(MAX_BACKOFF, _FIRST_BACKOFF * 2.0 ** min(retry.attempt_number, 16))
    return random.uniform(0, bound)  # noqa: S311 - no secret
