"""Probes: alive, ready, and what stands in the way (O06)."""

from __future__ import annotations

import json

import pytest

from lethe_core.plugins import PluginReport
from lethe_server.health import CACHE_SECONDS, Health, is_ready
from lethe_server.keys import HEALTH, PARSERS, STORE

NAMES = ["database", "writer", "disk", "plugins"]


async def ready(archive):
    """Status and answer of /readyz, asked directly."""
    answer = await archive.client.get("/readyz")
    return answer.status, await answer.json()


async def test_a_sound_server_is_ready(archive):
    """All probes are told by name and pass."""
    status, answer = await ready(archive)

    assert (200, "ok") == (status, answer["status"])
    assert NAMES == list(answer["checks"])
    assert {"ok"} == {check["status"] for check in answer["checks"].values()}


@pytest.mark.promise("I07", "O3", "O06")
async def test_i07_a_full_database_makes_the_server_unready_until_there_is_room(archive, event):
    """Full: 503 STORAGE_FULL for a batch, of which nothing stays; reads go on; then it recovers."""
    await archive.send(event(1))
    store = archive.app[STORE]

    def bound(pages):
        return lambda connection: connection.pragma("max_page_count", pages)

    await store.change(bound(1))  # SQLite takes it for the present size
    stored, answer = 1, None
    while answer is None or answer.status == 200:  # there may be free pages left
        line = json.dumps(event(stored + 1, content="x" * 50_000)).encode()
        answer = await archive.post(line)
        stored += answer.status == 200
    assert (503, "STORAGE_FULL") == (answer.status, (await answer.json())["code"])
    assert int(answer.headers["Retry-After"]) > 0
    assert stored == (await archive.get("/sessions"))["sessions"][0]["turns"]
    status, told = await ready(archive)
    assert (503, "error", "STORAGE_FULL") == (
        status,
        told["checks"]["writer"]["status"],
        told["checks"]["writer"]["code"],
    )
    assert 200 == (await archive.client.get("/healthz")).status

    await store.change(bound(1_000_000))
    assert 200 == (await ready(archive))[0]
    assert 200 == (await archive.post(line)).status
    assert stored + 1 == (await archive.get("/sessions"))["sessions"][0]["turns"]


async def test_probes_are_shared(archive):
    """Who asks again soon is told the same; later the probes run again."""
    timer = [0.0]
    health = Health(archive.app[STORE], archive.app[PARSERS], lambda: timer[0])

    first = await health.checks()
    assert first is await health.checks()
    timer[0] = CACHE_SECONDS
    assert first is not await health.checks()


async def test_a_plugin_that_fails_is_told_and_does_no_harm(archive):
    """A broken plugin degrades its check; the server is ready all the same."""
    registry = archive.app[PARSERS]
    registry.reports.append(PluginReport(name="bad", distribution="bad-dist", status="error"))

    checks = await Health(archive.app[STORE], registry).checks()

    assert "degraded" == checks["plugins"]["status"]
    assert [{"name": "bad", "distribution": "bad-dist"}] == checks["plugins"]["failed"]
    assert is_ready(checks)


async def test_little_room_on_the_disk_is_told_before_it_is_full(archive, monkeypatch):
    """When less is free than a request may need, the server is not ready."""
    store = archive.app[STORE]
    space = store.disk_space()
    monkeypatch.setattr(store, "disk_space", lambda: space._replace(free=space.needed - 1))

    checks = await Health(store, archive.app[PARSERS]).checks()

    assert ("error", "STORAGE_FULL") == (checks["disk"]["status"], checks["disk"]["code"])
    assert not is_ready(checks)


async def test_healthz_touches_nothing(archive, monkeypatch):
    """The process is alive whatever becomes of the database."""
    archive.app[STORE].close()

    answer = await archive.client.get("/healthz")

    assert (200, {"status": "ok"}) == (answer.status, await answer.json())
    assert archive.app[HEALTH] is not None
