"""Commands that ask a real server in the process of the test."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from lethe_core.cli import main
from lethe_server.app import create_app
from lethe_server.auth.tokens import ensure_token
from lethe_server.config import load_config

if TYPE_CHECKING:
    from collections.abc import Callable


class Asked:
    """A server with an archive, and the commands that ask it.

    Args:
        url: of the server.
        send: posts events of alice.
        admin: a token of the admin root.
    """

    def __init__(self, url, send, admin) -> None:
        self.url = url
        self.send = send
        self.admin = admin

    async def lethe(self, *arguments: str, exit_code: int = 0, color: bool = False):
        """Run a command beside the server and return its result."""
        result = await asyncio.to_thread(CliRunner().invoke, main, arguments, color=color)
        assert result.exit_code == exit_code, result.output
        return result

    async def json(self, *arguments: str) -> Any:
        """Run a command with `--json` and return what it prints."""
        return json.loads((await self.lethe(*arguments, "--json")).stdout)


@pytest.fixture
def settings(monkeypatch, tmp_path) -> Callable[..., None]:
    """Set the client's variables; there is no file of the user."""
    monkeypatch.setenv("LETHE_CLIENT_CONFIG", str(tmp_path / "client.yaml"))
    (tmp_path / "client.yaml").touch()

    def give(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"LETHE_CLIENT__{name}", value)

    return give


@pytest.fixture
async def asked(aiohttp_client, tmp_path, settings) -> Asked:
    """A server, and a token that may read."""
    environ = {"DATA_DIR": str(tmp_path / "data"), "AUTH__ALLOWED_USERS": "alice,root"}
    environ["AUTH__ADMINS"] = "root"
    given = {f"LETHE_SERVER__{name}": value for name, value in environ.items()}
    (tmp_path / "server.yaml").touch()
    config = load_config(tmp_path / "server.yaml", environ=given)
    token = ensure_token(config.data_dir, owner="alice", name="t", scopes=("ingest", "read"))
    admin = ensure_token(config.data_dir, owner="root", name="t", scopes=("read", "admin"))
    client = await aiohttp_client(create_app(config))
    url = str(client.make_url("")).rstrip("/")
    settings(URL=url, TOKEN=token)

    async def send(*events: dict[str, Any]) -> None:
        answer = await client.post(
            "/api/v1/ingest",
            data="".join(json.dumps(event) + "\n" for event in events),
            headers={
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/x-ndjson",
            },
        )
        assert answer.status == 200, await answer.text()

    return Asked(url, send, admin)


@pytest.fixture
def turn() -> Callable[..., dict[str, Any]]:
    """Build a turn as it is sent."""

    def build(number: int = 1, **fields: Any) -> dict[str, Any]:
        return {
            "tool": "claude-code",
            "host": "laptop",
            "session_id": "5f2e-first",
            "turn_id": f"t{number}",
            "seq": number,
            "role": "user",
            "timestamp": 1_790_000_000 + number,
            "content": f"text {number}",
        } | fields

    return build


@pytest.fixture
def zone(monkeypatch):
    """Move this machine into a time zone."""
    with monkeypatch.context() as patched:

        def move(name: str) -> None:
            patched.setenv("TZ", name)
            time.tzset()

        yield move
    time.tzset()
