"""``GET /api/v1/me`` and ``/api/v1/tokens``: who asks, and their own tokens.

Tokens are made and revoked by people: whoever comes with a token may look at `me` and at nothing
else here, so that a token that leaked cannot make others that outlive it. The scope `admin` is
given by `lethe-server token create` alone.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypedDict

import msgspec
from aiohttp import web
from marshmallow import fields, validate

from lethe_server.answering import answer_json
from lethe_server.auth.tokens import (
    TOKEN_NAME,
    TOKEN_NAME_PROBLEM,
    digest_secret,
    make_secret,
)
from lethe_server.bodies import Body, load_body
from lethe_server.errors import Conflict, Forbidden, NotFound
from lethe_server.keys import IDENTITY, STORE
from lethe_server.parameters import NO_PARAMETERS, load_parameters
from lethe_server.storage import tokens

if TYPE_CHECKING:
    from lethe_server.auth.identity import Identity
    from lethe_server.storage import TokenRow

PATH: Final = "/api/v1/tokens"
#: What a token that is made here may allow.
OFFERED: Final = ("ingest", "read")
#: Days after which a token expires, at most.
MAX_DAYS: Final = 36_500

_DAY: Final = 86_400.0


class TokenBody(Body):
    """Body of a new token."""

    name = fields.String(
        required=True,
        validate=validate.Regexp(TOKEN_NAME, error=TOKEN_NAME_PROBLEM),
        metadata={"description": "For people; one token in force has it."},
    )
    scopes = fields.List(
        fields.String(validate=validate.OneOf(OFFERED)),
        required=True,
        validate=validate.Length(min=1, max=len(OFFERED)),
        metadata={"description": "What it allows."},
    )
    days = fields.Integer(
        strict=True,
        validate=validate.Range(1, MAX_DAYS),
        metadata={"description": "Expires after so many; without, never."},
    )


TOKEN_BODY: Final = TokenBody()


class MeAnswer(msgspec.Struct):
    """Who asks, how that was proved, and what they may."""

    user: str
    kind: str
    scopes: list[str]
    admin: bool


class TokenAnswer(msgspec.Struct):
    """A token or a browser's session that is in force, without its secret."""

    name: str
    scopes: list[str]
    created_at: float
    expires_at: float | None
    last_used_at: float | None


class NewTokenAnswer(msgspec.Struct):
    """A token that was made; the secret is told this once."""

    name: str
    scopes: list[str]
    expires_at: float | None
    secret: str


class TokenList(TypedDict):
    """Tokens and browser sessions that are in force."""

    tokens: list[TokenAnswer]


async def show_me(request: web.Request) -> web.Response:
    """Answer who asks."""
    identity = _check(request)
    answer = MeAnswer(identity.user, identity.kind, sorted(identity.scopes), identity.is_admin)
    return answer_json(answer)


async def list_tokens(request: web.Request) -> web.Response:
    """Answer the tokens and browser sessions of who asks that are in force."""
    identity = _check_person(request)
    now = time.time()
    rows = await request.app[STORE].query(
        lambda connection: tokens.list_tokens(connection, identity.user)
    )
    # A link that was not opened yet has a scope of its own, and is none of them.
    answer: TokenList = {
        "tokens": [_answer(row) for row in rows if row.is_valid(now) and row.scopes & {*OFFERED}]
    }
    return answer_json(answer)


async def create_token(request: web.Request) -> web.Response:
    """Make a token of who asks."""
    identity = _check_person(request)
    body = await load_body(request, TOKEN_BODY)
    secret = make_secret()
    now = time.time()
    expires_at = now + body["days"] * _DAY if "days" in body else None
    scopes = frozenset(body["scopes"])
    token = tokens.NewToken(body["name"], scopes, digest_secret(secret), now, expires_at)
    stored = await request.app[STORE].change(
        lambda connection: tokens.add_token(connection, identity.user, token)
    )
    if not stored:
        raise Conflict("you have a token of this name", hint="revoke it, or choose another name")
    return answer_json(NewTokenAnswer(body["name"], sorted(scopes), expires_at, secret), status=201)


async def revoke_token(request: web.Request) -> web.Response:
    """Put a token of who asks out of force; it is refused within two seconds."""
    identity = _check_person(request)
    name, now = request.match_info["name"], time.time()
    revoked = await request.app[STORE].change(
        lambda connection: tokens.revoke_token(connection, owner=identity.user, name=name, now=now)
    )
    if not revoked:
        raise NotFound("you have no such token")
    return web.Response(status=204)


def _check(request: web.Request) -> Identity:
    identity: Identity = request[IDENTITY]
    load_parameters(request, NO_PARAMETERS)
    return identity


def _check_person(request: web.Request) -> Identity:
    identity = _check(request)
    if identity.kind == "token":
        raise Forbidden("a token may not look after tokens", hint="sign in with a browser")
    return identity


def _answer(row: TokenRow) -> TokenAnswer:
    return TokenAnswer(
        row.name, sorted(row.scopes), row.created_at, row.expires_at, row.last_used_at
    )
