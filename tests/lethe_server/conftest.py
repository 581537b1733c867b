"""A server in the process of the test, and events to send to it."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from lethe_server.app import create_app
from lethe_server.auth.tokens import ensure_token
from lethe_server.config import Config, load_config

if TYPE_CHECKING:
    from collections.abc import Callable

NDJSON = {"Content-Type": "application/x-ndjson"}


class Archive:
    """A client of a running server.

    Args:
        client: of aiohttp's test kit.
        user: signs in by the header of a proxy.
    """

    def __init__(self, client, user="alice") -> None:
        self.client = client
        self.user = user

    @property
    def app(self):
        """The application behind the client."""
        return self.client.server.app

    def as_user(self, user) -> Archive:
        """Return a client of the same server for somebody else."""
        return Archive(self.client, user)

    async def post(self, body: bytes, **headers: str):
        """Post a body to ingest."""
        given = {"Remote-User": self.user, **NDJSON}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = io.BytesIO(body) if isinstance(body, bytes) else body
        return await self.client.post("/api/v1/ingest", data=data, headers=given)

    async def send(self, *events: dict[str, Any]) -> dict[str, Any]:
        """Post events and return the answer, which must be 200."""
        body = b"".join(json.dumps(event).encode() + b"\n" for event in events)
        answer = await self.post(body)
        assert answer.status == 200, await answer.text()
        return await answer.json()

    async def get(self, path: str, status: int = 200, **parameters: Any) -> dict[str, Any]:
        """Get a path of the API and return the answer, which must have the status."""
        headers = {"Remote-User": self.user}
        answer = await self.client.get(f"/api/v1{path}", params=parameters, headers=headers)
        assert answer.status == status, await answer.text()
        return msgspec.json.decode(await answer.read())


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    """Build a turn as it is sent; a number names it and places it."""

    def build(number: int = 1, **fields: Any) -> dict[str, Any]:
        turn = {
            "tool": "claude-code",
            "host": "laptop",
            "session_id": "s1",
            "turn_id": f"turn-{number}",
            "seq": number * 10,
            "role": "user",
            "timestamp": 1_700_000_000.0 + number,
            "content": f"text {number}",
        }
        return {name: value for name, value in (turn | fields).items() if value is not ...}

    return build


@pytest.fixture
def make_config(tmp_path) -> Callable[..., Config]:
    """Load a configuration; settings are given as ``AUTH__ADMINS="bob"``."""

    def make(**settings: str) -> Config:
        given = {"LISTEN": "127.0.0.1:0", "DATA_DIR": str(tmp_path / "data")}
        given |= {"AUTH__ALLOWED_USERS": "alice,bob,root", "AUTH__ADMINS": "root"}
        environ = {f"LETHE_SERVER__{name}": value for name, value in (given | settings).items()}
        return load_config(tmp_path / "absent.yaml", environ=environ)

    (tmp_path / "absent.yaml").touch()
    return make


@pytest.fixture
def make_archive(aiohttp_client, make_config) -> Callable[..., Any]:
    """Start a server in this process and return its client."""

    async def make(*, body_seconds: float = 30.0, **settings: str) -> Archive:
        app = create_app(make_config(**settings), body_seconds=body_seconds)
        return Archive(await aiohttp_client(app))

    return make


@pytest.fixture
async def archive(make_archive) -> Archive:
    """A server with the users alice, bob and the admin root."""
    return await make_archive()


@pytest.fixture
def make_token(make_config) -> Callable[..., str]:
    """Make a token in the database of the server."""

    def make(owner="alice", scopes=("ingest", "read"), name="test") -> str:
        return ensure_token(make_config().data_dir, owner=owner, name=name, scopes=scopes)

    return make
