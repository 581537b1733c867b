"""Provider: the issuer's keys, fetched when they are needed and kept while they are good.

* Nothing is fetched at the start but once in the background; the server starts without it.
* Keys are fetched again when they are older than `REFRESH_SECONDS` and used, so that a key which
  was withdrawn is not believed for longer. Whoever comes first waits for it, a moment at most.
* A token that names a key nobody knows makes one fetch, at most every `MISS_SECONDS` whoever
  sends how many of them: a new key is seen at once, and nobody can make lethe ask all the time.
* While the issuer is away the keys that are known stay good for `STALE_SECONDS` (A10).
* The issuer of the discovery document must be the configured one, and its `jwks_uri` as safe as
  the issuer's own URL; no redirect is followed (A1).
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from loguru import logger

from lethe_core.errors import Unavailable
from lethe_server.auth.oidc.fetching import Fetcher, FetchFailed, HttpFetcher
from lethe_server.auth.oidc.keys import make_keys
from lethe_server.auth.settings import is_safe_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from lethe_server.auth.oidc.keys import Keys
    from lethe_server.auth.settings import Oidc

#: Keys that are older and used are fetched again (seconds).
REFRESH_SECONDS: Final = 60.0
#: An unknown key is looked for at most so often (seconds).
MISS_SECONDS: Final = 60.0
#: After a failure, the next try in so many seconds.
RETRY_SECONDS: Final = 5.0
#: Keys stay good so long while the issuer is away (seconds).
STALE_SECONDS: Final = 24 * 3600.0
#: A request waits so long for a fetch that another one began (seconds).
JOIN_SECONDS: Final = 1.0

_DISCOVERY: Final = "/.well-known/openid-configuration"


class Provider:
    """Knows the keys of one issuer.

    Args:
        settings: the issuer and the algorithms.
        fetcher: gets documents.
        timer: seconds that only go forward.
    """

    def __init__(
        self,
        settings: Oidc,
        fetcher: Fetcher | None = None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._fetcher = fetcher or HttpFetcher()
        self._timer = timer
        self._keys: Keys = {}
        self._fetched = -STALE_SECONDS
        self._tried = -REFRESH_SECONDS
        self._missed = -MISS_SECONDS
        self._running: asyncio.Task[None] | None = None
        self._failure = ""
        #: Raised whenever the keys change; what was proved by older ones is proved anew.
        self.generation = 0

    def start(self) -> None:
        """Begin the first fetch; nobody waits for it."""
        self._begin()

    async def close(self) -> None:
        """Stop fetching."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})
        await self._fetcher.close()

    def check(self) -> dict[str, Any]:
        """Say how it is, for ``/readyz``: ``degraded`` if the last fetch failed."""
        if not self._failure:
            return {"status": "ok", "keys": len(self._keys)}
        return {"status": "degraded", "keys": len(self._keys), "reason": self._failure}

    async def find_key(self, kid: str, algorithm: str) -> Any:
        """Return a key, or `None` if the issuer has none of that name.

        Args:
            kid: its name.
            algorithm: that it is used with.

        Raises:
            Unavailable: there are no keys, because the issuer cannot be asked.
        """
        if self._age() >= STALE_SECONDS:
            await self._join(self._retry())
            if self._age() >= STALE_SECONDS:
                raise Unavailable(
                    "the keys of the identity provider are not known now",
                    hint="the server's log says why they could not be fetched",
                )
        elif self._age() >= REFRESH_SECONDS and self._running is None:
            self._missed = self._timer()  # the fetch that begins is a look as well
            await self._join(self._retry())
        key = self._keys.get((kid, algorithm))
        if key is None:
            await self._join(self._look_again())
            key = self._keys.get((kid, algorithm))
        return key

    def is_current(self, generation: int) -> bool:
        """Tell whether what was proved by the keys of a generation need not be proved again.

        Args:
            generation: that it was proved in.
        """
        return generation == self.generation and self._age() < REFRESH_SECONDS

    def _age(self) -> float:
        return self._timer() - self._fetched

    def _retry(self) -> asyncio.Task[None] | None:
        if self._running is None and self._timer() - self._tried >= RETRY_SECONDS:
            self._begin()
        return self._running

    def _look_again(self) -> asyncio.Task[None] | None:
        if self._running is None and self._timer() - self._missed >= MISS_SECONDS:
            self._missed = self._timer()
            self._begin()
        return self._running

    @staticmethod
    async def _join(running: asyncio.Task[None] | None) -> None:
        if running is not None:
            await asyncio.wait({running}, timeout=JOIN_SECONDS)

    def _begin(self) -> None:
        self._tried = self._timer()
        self._running = asyncio.create_task(self._refresh())
        self._running.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._running = None
        if not task.cancelled():
            task.result()

    async def _refresh(self) -> None:
        try:
            keys = await self._fetch_keys()
        except FetchFailed as error:
            if self._failure != str(error):
                logger.warning("the keys of the identity provider: {}", error)
            self._failure = str(error)
            return
        if self._failure:
            logger.info("the keys of the identity provider are there again")
        self._failure = ""
        self._fetched = self._timer()
        self._keys = keys
        self.generation += 1

    async def _fetch_keys(self) -> Keys:
        issuer = self._settings.issuer
        document = await self._fetch("discovery", issuer.rstrip("/") + _DISCOVERY)
        if document.get("issuer") != issuer:
            raise FetchFailed("discovery: names another issuer")
        uri = document.get("jwks_uri")
        if not isinstance(uri, str) or not is_safe_url(uri):
            raise FetchFailed("discovery: its jwks_uri is no https URL")
        if issuer.startswith("https:") and not uri.startswith("https:"):
            raise FetchFailed("discovery: its jwks_uri is not as safe as the issuer")
        keys = make_keys(await self._fetch("keys", uri), self._settings.algorithms)
        if not keys:
            raise FetchFailed("keys: none of them can be used with the configured algorithms")
        return keys

    async def _fetch(self, what: str, url: str) -> dict[str, Any]:
        try:
            return await self._fetcher.fetch(url)
        except FetchFailed as error:
            raise FetchFailed(f"{what}: {error}") from error
