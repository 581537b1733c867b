"""Journal: what was answered, until it is logged and counted.

That is done for some answers at a time, a moment later. One by one it cost more than all middleware
together: a tenth of a small answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from lethe_core.logs import log_many

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lethe_server.metrics import Metrics

#: So long an answer waits for others (seconds).
DELAY_SECONDS: Final = 0.05


class Answered(NamedTuple):
    """An answer.

    Args:
        time: when it was given, Unix seconds.
        request_id: names the request.
        user: who asked; `None` if that is not known.
        kind: how that was proved; likewise.
        method: of HTTP.
        route: the pattern, never the path: it may hold anything (A7).
        status: of HTTP.
        seconds: that it took.
    """

    time: float
    request_id: str
    user: str | None
    kind: str | None
    method: str
    route: str
    status: int
    seconds: float

    @property
    def fields(self) -> Mapping[str, object]:
        """What its line tells besides the time."""
        return {
            "request_id": self.request_id,
            "user": self.user,
            "method": self.method,
            "route": self.route,
            "status": self.status,
            "ms": round(self.seconds * 1000, 1),
        }


class Journal:
    """Logs and counts answers.

    Args:
        metrics: that count them.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._answers: list[Answered] = []

    def note(self, answer: Answered) -> None:
        """Have an answer written in a moment.

        Args:
            answer: that was given.
        """
        if not self._answers:
            asyncio.get_running_loop().call_later(DELAY_SECONDS, self.write)
        self._answers.append(answer)

    def write(self) -> None:
        """Log and count what was noted."""
        answers, self._answers = self._answers, []
        requests, seconds = self._metrics.requests, self._metrics.request_seconds
        for answer in answers:
            requests.labels(answer.method, answer.route, str(answer.status)).inc()
            seconds.labels(answer.route).observe(answer.seconds)
            if answer.kind is not None:
                self._metrics.sign_ins.labels(answer.kind, "ok").inc()
        if answers:
            log_many("request", ((answer.time, answer.fields) for answer in answers))
