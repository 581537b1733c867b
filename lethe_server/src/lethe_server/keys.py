"""What the application holds, by typed key."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from aiohttp import web

from lethe_core.plugins import ParserRegistry
from lethe_server.auth.browser import BrowserSessions
from lethe_server.auth.identity import Identity
from lethe_server.auth.signin import SignIn
from lethe_server.auth.tokens import TokenVerifier
from lethe_server.config import Config
from lethe_server.events.feed import Feed
from lethe_server.health import Health
from lethe_server.ingest.service import IngestService
from lethe_server.journal import Journal
from lethe_server.metrics import Metrics
from lethe_server.sessions.listing import SessionListing
from lethe_server.storage import Store
from lethe_server.web.assets import Assets

if TYPE_CHECKING:
    from collections.abc import Callable

    from lethe_server.stats.prices import PriceList

CONFIG: Final = web.AppKey("config", Config)
STORE: Final = web.AppKey("store", Store)
METRICS: Final = web.AppKey("metrics", Metrics)
JOURNAL: Final = web.AppKey("journal", Journal)
PARSERS: Final = web.AppKey("parsers", ParserRegistry)
SIGN_IN: Final = web.AppKey("sign_in", SignIn)
TOKENS: Final = web.AppKey("tokens", TokenVerifier)
BROWSER_SESSIONS: Final = web.AppKey("browser_sessions", BrowserSessions)
INGEST: Final = web.AppKey("ingest", IngestService)
FEED: Final = web.AppKey("feed", Feed)
HEALTH: Final = web.AppKey("health", Health)
DECODERS: Final = web.AppKey("decoders", ThreadPoolExecutor)
EXPORTERS: Final = web.AppKey("exporters", ThreadPoolExecutor)
LISTING: Final = web.AppKey("listing", SessionListing)
ASSETS: Final = web.AppKey("assets", Assets)
#: Loads the list of prices at the first call.
PRICES: Final[web.AppKey[Callable[[], PriceList]]] = web.AppKey("prices")
#: Seconds within which the body of a request must have arrived.
BODY_SECONDS: Final = web.AppKey("body_seconds", float)

#: Of a request: names it in the log, in the answer and in a problem.
REQUEST_ID: Final = web.RequestKey("request_id", str)
#: Of a request that was signed in.
IDENTITY: Final = web.RequestKey("identity", Identity)
