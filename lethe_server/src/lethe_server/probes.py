"""``/healthz``, ``/readyz`` and ``/metrics``: open to this machine itself alone."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from lethe_server.answering import answer_json
from lethe_server.health import is_ready
from lethe_server.keys import HEALTH, JOURNAL, METRICS, STORE
from lethe_server.metrics import CONTENT_TYPE


async def healthz(request: web.Request) -> web.Response:
    """Answer that the process is alive; touches nothing."""
    del request
    return answer_json({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """Answer whether a write would pass, probe by probe (O3)."""
    checks = await request.app[HEALTH].checks()
    ready = is_ready(checks)
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return answer_json(
        {"status": "ok" if ready else "unavailable", "checks": checks}, status=status
    )


async def metrics(request: web.Request) -> web.Response:
    """Answer the metrics in the form of Prometheus."""
    request.app[JOURNAL].write()
    body = request.app[METRICS].render(request.app[STORE])
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})
