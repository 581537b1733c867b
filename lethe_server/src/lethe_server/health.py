"""Health: is the process there, and would a write pass?

``/healthz`` touches nothing. ``/readyz`` probes by name: the disk, the database, the writer, the
plugins and the identity provider; it is 503 whenever a write would fail (O3) and recovers by
itself. The writer's probe writes for real; it is shared by all who ask within a second or two.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from lethe_core.errors import LetheError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lethe_core.plugins import ParserRegistry
    from lethe_server.auth.oidc.provider import Provider
    from lethe_server.storage import Store

#: For so long a good result of the probes is told again (seconds).
CACHE_SECONDS: Final = 2.0
#: A probe that takes longer has failed (seconds).
PROBE_SECONDS: Final = 6.0

Check = dict[str, Any]


class Health:
    """Probes what the server needs.

    Args:
        store: the archive.
        parsers: the plugins; one that fails is told and makes nothing unready.
        timer: seconds that only go forward.
        provider: of identities; while it is away, known keys stay good.
    """

    def __init__(
        self,
        store: Store,
        parsers: ParserRegistry,
        timer: Callable[[], float] = time.monotonic,
        *,
        provider: Provider | None = None,
    ) -> None:
        self._store = store
        self._parsers = parsers
        self._provider = provider
        self._timer = timer
        self._lock = asyncio.Lock()
        self._checks: dict[str, Check] = {}
        self._until = 0.0

    async def checks(self) -> dict[str, Check]:
        """Return the outcome of each probe: ``status`` is ``ok``, ``degraded`` or ``error``."""
        async with self._lock:
            good = is_ready(self._checks) and self._store.writer_state.fault is None
            if not good or self._timer() >= self._until:
                self._checks = {
                    "database": await self._read(),
                    "writer": await self._write(),
                    "disk": self._disk(),
                    "plugins": self._plugins(),
                }
                if self._provider is not None:
                    self._checks["oidc"] = self._provider.check()
                self._until = self._timer() + CACHE_SECONDS
            return self._checks

    async def _read(self) -> Check:
        return await _outcome(self._store.probe_read())

    async def _write(self) -> Check:
        check = await _outcome(self._store.probe_write())
        return check | {"waiting": self._store.writer_state.waiting}

    def _disk(self) -> Check:
        try:
            space = self._store.disk_space()
        except OSError:
            return {"status": "error", "code": "UNAVAILABLE"}
        check: Check = {"status": "ok", "free_bytes": space.free}
        if space.free < space.needed:
            check |= {"status": "error", "code": "STORAGE_FULL", "needed_bytes": space.needed}
        return check

    def _plugins(self) -> Check:
        failed = self._parsers.failed
        check: Check = {"status": "degraded" if failed else "ok", "loaded": len(self._parsers)}
        if failed:
            check["failed"] = [
                {"name": report.name, "distribution": report.distribution} for report in failed
            ]
        return check


def is_ready(checks: dict[str, Check]) -> bool:
    """Tell whether nothing that a write needs has failed.

    Args:
        checks: from `Health.checks`.
    """
    return all(check["status"] != "error" for check in checks.values())


async def _outcome(probe: Awaitable[object]) -> Check:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await probe
    except LetheError as error:
        return {"status": "error", "code": error.code}
    except TimeoutError:
        return {"status": "error", "code": "UNAVAILABLE"}
    return {"status": "ok"}
