"""A real OpenID Connect provider: discovery, tokens, another audience, new keys, an outage.

It is a package of npm, installed once into the user's cache; without node, npm or a way to install
it the tests are skipped.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shutil
import socket
import subprocess
from pathlib import Path

import aiohttp
import platformdirs
import pytest
from fakes.ports import HeldPort
from security.served import USERS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("node") and shutil.which("npm")), reason="node and npm are not installed"
    ),
]

HERE = Path(__file__).parent / "provider"
SESSIONS = "/api/v1/sessions"
_SECONDS = 60.0


@pytest.fixture(scope="module")
def installed() -> Path:
    """The directory in which the provider is installed."""
    cache = os.environ.get("LETHE_TEST_CACHE") or platformdirs.user_cache_path("lethe-tests")
    place = Path(cache) / "oidc-provider"
    place.mkdir(parents=True, exist_ok=True)
    for path in HERE.iterdir():
        shutil.copy(path, place)
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]
    try:
        subprocess.run(command, cwd=place, capture_output=True, check=True, timeout=300)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip("oidc-provider cannot be installed here")
    return place


class Provider:
    """The provider's process, always at the same port."""

    def __init__(self, place: Path) -> None:
        self._held = HeldPort()
        self.port = self._held.number
        self._place = place
        self._process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        """The issuer."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self, key: str) -> None:
        """Start it with one fresh key, such as ``RS256:first``."""
        self._process = subprocess.Popen(  # noqa: ASYNC220 - it is waited for below
            ["node", "provider.mjs", str(self.port), key],
            cwd=self._place,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        async with asyncio.timeout(_SECONDS):
            while True:
                assert self._process.poll() is None, "the provider ended"
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", self.port)).close()
                    return
                await asyncio.sleep(0.1)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_SECONDS)
            self._process = None

    def release(self) -> None:
        """Give its port back."""
        self._held.release()

    async def token(self, user: str = "alice", audience: str = "lethe") -> str:
        """Get an access token."""
        form = {"grant_type": "client_credentials", "scope": "ingest"}
        form |= {"resource": f"urn:{audience}"}
        secret = base64.b64encode(f"{user}:a-secret-of-the-test".encode()).decode()
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Basic {secret}"}) as client,
            client.post(f"{self.url}/token", data=form) as answer,
        ):
            assert 200 == answer.status, await answer.text()
            return str((await answer.json())["access_token"])


@pytest.fixture
async def provider(installed):
    """A provider with an RSA key."""
    provider = Provider(installed)
    await provider.start("RS256:first")
    yield provider
    provider.stop()
    provider.release()


@pytest.mark.promise("A10", "A11", "A1")
async def test_a11_a_real_provider(provider, serve, poll):
    """Its tokens sign in; one for somebody else, of an old key or of a stranger does not."""
    server = serve(auth=USERS | {"oidc": {"issuer": provider.url, "audience": "lethe"}})

    async def send(token):
        return await server.get(SESSIONS, headers={"Authorization": f"Bearer {token}"})

    first = await provider.token()

    async def accepted():
        return 200 == (await send(first)).status

    await poll(accepted)
    assert 401 == (await send(await provider.token(audience="somebody-else"))).status
    assert 403 == (await send(await provider.token("mallory"))).status
    assert 401 == (await send(first[:-5])).status

    provider.stop()
    assert 200 == (await send(first)).status  # an outage locks nobody out
    await provider.start("ES256:second")
    second = await provider.token()

    async def renewed():
        return 200 == (await send(second)).status

    await poll(renewed, seconds=180)  # at most one look a minute
    assert 401 == (await send(first)).status
    assert "ok" == (await server.get("/readyz")).json["checks"]["oidc"]["status"]
