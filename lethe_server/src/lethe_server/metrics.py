"""The metrics of the server, for Prometheus.

Labels have few values: routes of the route table, outcomes and codes; never a user, a tool or a
host, whose number is not bounded and whose names are nobody's business (A5, A3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from lethe_server.storage import Store

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_GROUPS: Final = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """All metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.requests = Counter(
            "lethe_http_requests",
            "Answered requests.",
            ("method", "route", "status"),
            registry=registry,
        )
        self.request_seconds = Histogram(
            "lethe_http_request_seconds",
            "Time from the request's head to the end of the answer.",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.problems = Counter(
            "lethe_problems", "Answers that are a problem.", ("code",), registry=registry
        )
        self.sign_ins = Counter(
            "lethe_sign_ins",
            "Requests that were let in, and refused.",
            ("kind", "outcome"),
            registry=registry,
        )
        self.ingest_bytes = Counter(
            "lethe_ingest_bytes",
            "Bytes of request bodies: as they came, and decompressed.",
            ("stage",),
            registry=registry,
        )
        self.ingest_lines = Counter(
            "lethe_ingest_lines", "Lines of requests.", ("outcome",), registry=registry
        )
        self.ingest_turns = Counter(
            "lethe_ingest_turns",
            "What became of the turns that were accepted.",
            ("outcome",),
            registry=registry,
        )
        self.unknown_fields = Counter(
            "lethe_ingest_unknown_fields",
            "Fields that this version does not know, and ignored.",
            registry=registry,
        )
        self.unknown_marks = Counter(
            "lethe_ingest_unknown_marks",
            "Requests that showed a mark of commits that this archive does not have.",
            registry=registry,
        )
        self.commit_seconds = Histogram(
            "lethe_commit_seconds",
            "Time of a write transaction, from BEGIN to the return of COMMIT.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.commit_group = Histogram(
            "lethe_commit_group",
            "Requests that one write transaction held.",
            buckets=_GROUPS,
            registry=registry,
        )
        self._queue = Gauge("lethe_writer_queue", "Writes that wait.", registry=registry)
        self._log_bytes = Gauge(
            "lethe_database_log_bytes", "Write-ahead log of the database.", registry=registry
        )
        self._database_bytes = Gauge(
            "lethe_database_bytes", "The database without its log.", registry=registry
        )

    def observe_commit(self, jobs: int, seconds: float) -> None:
        """Note a write transaction.

        Args:
            jobs: requests that it held.
            seconds: that it took.
        """
        self.commit_group.observe(jobs)
        self.commit_seconds.observe(seconds)

    def render(self, store: Store) -> bytes:
        """Write all metrics in the form that Prometheus reads.

        Args:
            store: whose state some gauges show.

        Raises:
            OSError: the database's file cannot be asked.
        """
        state = store.writer_state
        self._queue.set(state.waiting)
        self._log_bytes.set(state.log_bytes)
        self._database_bytes.set(store.database_bytes())
        return generate_latest(self.registry)
