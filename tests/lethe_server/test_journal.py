"""The journal: each answer is logged and counted, a moment later."""

from __future__ import annotations

import asyncio
import io
import json

import pytest
from loguru import logger

from lethe_core.logs import configure_logs
from lethe_server.journal import DELAY_SECONDS, Answered, Journal
from lethe_server.metrics import Metrics


@pytest.fixture
def log():
    """What is logged, as JSON."""
    stream = io.StringIO()
    configure_logs(form="json", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.remove()


def answered(name):
    """An answer to a request of a name."""
    return Answered(0.0, name, "alice", "token", "GET", "/api/v1/me", 200, 0.25)


def count(metrics):
    """How many answers were counted."""
    return metrics.requests.labels("GET", "/api/v1/me", "200")._value.get()


async def test_answers_are_written_together_after_a_moment(log):
    """Nobody asks for it: the first answer that waits has all written in a moment."""
    metrics = Metrics()
    journal = Journal(metrics)
    journal.note(answered("r1"))
    journal.note(answered("r2"))
    assert log() == []

    done = asyncio.Event()
    asyncio.get_running_loop().call_later(2 * DELAY_SECONDS, done.set)
    await done.wait()

    assert [line["request_id"] for line in log()] == ["r1", "r2"]
    assert count(metrics) == 2


async def test_answers_are_written_once(log):
    """What was written does not come again, and later answers do."""
    metrics = Metrics()
    journal = Journal(metrics)
    for name in ("r1", "r2"):
        journal.note(answered(name))
        journal.write()
        journal.write()

    assert [line["request_id"] for line in log()] == ["r1", "r2"]
    assert log()[0]["ms"] == 250.0
    assert count(metrics) == 2


async def test_metrics_count_all_that_was_answered(archive):
    """Whoever asks for the metrics waits for no moment."""
    await archive.client.get("/healthz")
    text = await (await archive.client.get("/metrics")).text()

    assert 'lethe_http_requests_total{method="GET",route="/healthz",status="200"} 1.0' in text
