"""The application: routes, middleware and resources, put together from a configuration."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from aiohttp import web
from loguru import logger

from lethe_core.plugins import load_parsers
from lethe_server.auth.browser import BrowserSessions
from lethe_server.auth.signin import SignIn
from lethe_server.auth.tokens import TokenVerifier
from lethe_server.edge import HANDLER_ARGUMENTS
from lethe_server.events.feed import Feed
from lethe_server.health import Health
from lethe_server.ingest.service import IngestService
from lethe_server.journal import Journal
from lethe_server.keys import (
    ASSETS,
    BODY_SECONDS,
    BROWSER_SESSIONS,
    CONFIG,
    DECODERS,
    EXPORTERS,
    FEED,
    HEALTH,
    INGEST,
    JOURNAL,
    LISTING,
    METRICS,
    PARSERS,
    PRICES,
    SIGN_IN,
    STORE,
    TOKENS,
)
from lethe_server.metrics import Metrics
from lethe_server.middleware.access_log import access_log
from lethe_server.middleware.compression import compression
from lethe_server.middleware.limits import make_limits, make_shares
from lethe_server.middleware.problem_answers import problem_answers
from lethe_server.middleware.refusals import refusals
from lethe_server.middleware.security_headers import add_security_headers
from lethe_server.middleware.sign_in import sign_in
from lethe_server.routes import add_routes
from lethe_server.sessions.listing import SessionListing
from lethe_server.stats.prices import load_prices
from lethe_server.storage import Store
from lethe_server.web.assets import load_assets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from lethe_server.auth.oidc.provider import Provider
    from lethe_server.auth.oidc.verifying import BearerVerifier
    from lethe_server.auth.settings import Oidc
    from lethe_server.config import Config
    from lethe_server.stats.prices import PriceList

#: Threads that decode request bodies.
DECODER_THREADS: Final = 2
#: Threads that write exports; what else is done in threads never waits for these.
EXPORTER_THREADS: Final = 2
#: Seconds within which the body of a request must have arrived.
DEFAULT_BODY_SECONDS: Final = 30.0


def create_app(config: Config, *, body_seconds: float = DEFAULT_BODY_SECONDS) -> web.Application:
    """Make the application; its resources are opened when it starts.

    Args:
        config: the configuration.
        body_seconds: within which the body of a request must have arrived.
    """
    app = web.Application(
        middlewares=[
            access_log,
            compression,
            problem_answers,
            refusals,
            make_limits(),
            sign_in,
            make_shares(),
        ],
        handler_args=HANDLER_ARGUMENTS,
    )
    app[CONFIG] = config
    app[BODY_SECONDS] = body_seconds
    app[METRICS] = Metrics()
    app[JOURNAL] = Journal(app[METRICS])
    app[PARSERS] = load_parsers()
    app[ASSETS] = load_assets()
    app[PRICES] = _prices_of(config)
    app[FEED] = Feed()
    app[LISTING] = SessionListing()
    add_routes(app)
    app.on_response_prepare.append(add_security_headers)
    app.on_shutdown.append(_end_streams)
    app.cleanup_ctx.append(_resources)
    return app


def _prices_of(config: Config) -> Callable[[], PriceList]:
    """Return what loads the prices once; the operator's own at once, since it may be wrong."""
    load = functools.cache(lambda: load_prices(config.prices))
    if config.prices is not None:
        load()
    return load


async def _end_streams(app: web.Application) -> None:
    """End what would never end by itself, before requests in progress are waited for (P14)."""
    app[FEED].close()


async def _resources(app: web.Application) -> AsyncIterator[None]:
    """Open the archive and the threads; close them when all requests have been answered."""
    store = Store.open(app[CONFIG].data_dir, app[METRICS].observe_commit)
    threads = ThreadPoolExecutor(DECODER_THREADS, thread_name_prefix="lethe-decoder")
    exporters = ThreadPoolExecutor(EXPORTER_THREADS, thread_name_prefix="lethe-exporter")
    app[STORE] = store
    app[EXPORTERS] = exporters
    app[DECODERS] = threads
    app[TOKENS] = TokenVerifier(store)
    app[BROWSER_SESSIONS] = BrowserSessions(store)
    provider, bearers = _identity_provider(app[CONFIG].auth.oidc)
    app[SIGN_IN] = SignIn(app[CONFIG].auth, app[TOKENS], bearers)
    app[INGEST] = IngestService(store, app[METRICS])
    app[HEALTH] = Health(store, app[PARSERS], provider=provider)
    for report in app[PARSERS].failed:
        logger.warning("plugin {} is not in use: {}", report.name, report.error)
    if provider is not None:
        provider.start()
    try:
        yield
    finally:
        if provider is not None:
            await provider.close()
        threads.shutdown(wait=True)
        exporters.shutdown(wait=True, cancel_futures=True)
        store.close()
        app[JOURNAL].write()


def _identity_provider(oidc: Oidc) -> tuple[Provider | None, BearerVerifier | None]:
    """Return what asks the identity provider and what trusts it, if there is one."""
    if not oidc.issuer:
        return None, None
    # A tenth of the start is the import of cryptography, which most servers never need.
    from lethe_server.auth.oidc.provider import Provider  # noqa: PLC0415
    from lethe_server.auth.oidc.verifying import BearerVerifier  # noqa: PLC0415

    provider = Provider(oidc)
    return provider, BearerVerifier(oidc, provider)
