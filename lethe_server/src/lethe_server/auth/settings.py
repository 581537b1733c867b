"""The section `auth` of the configuration; `config.example.yaml` documents every key."""

from __future__ import annotations

import ipaddress
import pwd
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from marshmallow import ValidationError, fields, post_load, validates

from lethe_core.settings import Choice, Items, Section, Settings, Switch, Text
from lethe_server.auth.names import user_problem

if TYPE_CHECKING:
    from collections.abc import Callable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
BearerFailure = Literal["refuse", "try_header"]

#: Algorithms of an OIDC token: public keys alone, so that no key can be taken for a secret.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "ES256", "ES384")

_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_CLAIM: Final = re.compile(r"[A-Za-z0-9_:./-]{1,100}")
_MIN_SECRET: Final = 16
_SECRET: Final = re.compile(f"[!-~]{{{_MIN_SECRET},}}")
_MAX_UID: Final = 2**32 - 2
_LOOPBACK: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardAuth:
    """How the header of a reverse proxy is trusted.

    Args:
        enabled: whether it is read at all.
        user_header: its name.
        trusted_proxies: addresses from which it is believed.
        trusted_peers: ids of the system's users from whom it is believed through a unix socket.
        proxy_secret: the proxy must send it in `Lethe-Proxy-Secret`; empty for none.
    """

    enabled: bool
    user_header: str
    trusted_proxies: tuple[Network, ...]
    trusted_peers: frozenset[int]
    proxy_secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Oidc:
    """Whose bearer tokens are accepted.

    Args:
        issuer: the URL that stands in the tokens; empty if none are accepted.
        audience: that the tokens must be meant for.
        username_claim: the claim that names the user.
        algorithms: that tokens may be signed with.
    """

    issuer: str
    audience: str
    username_claim: str
    algorithms: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """Who may come in.

    Args:
        allowed_users: whoever signs in must be one of them.
        admins: those of them who may read the archives of others.
        on_bearer_failure: ``refuse``, or ``try_header`` if a bearer that fails is passed over.
        forward_auth: how the header of a reverse proxy is trusted.
        oidc: whose bearer tokens are accepted.
    """

    allowed_users: frozenset[str]
    admins: frozenset[str]
    on_bearer_failure: BearerFailure
    forward_auth: ForwardAuth
    oidc: Oidc


class _UserField(Text):
    allowed = "a user's name without blanks and none of , ; < > { } \" \\"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if user_problem(text):
            raise ValidationError("is no user's name")
        return unicodedata.normalize("NFC", text)


class _NetworkField(Text):
    allowed = "an address or network such as 127.0.0.1 or 10.0.0.0/8"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return ipaddress.ip_network(text)
        except ValueError as error:
            raise ValidationError("is no network") from error


class _PeerField(fields.Field[int]):
    """A user of this system, by name or number."""

    allowed = "the name or number of a user of this system"
    default_error_messages = {"null": "must not be empty"}  # noqa: RUF012 - marshmallow's form

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        del attr, data, kwargs
        text = str(value)
        if not isinstance(value, bool) and re.fullmatch(r"[0-9]{1,10}", text):
            if int(text) > _MAX_UID:
                raise ValidationError("is no user's number")
            return int(text)
        try:
            return pwd.getpwnam(text).pw_uid
        except KeyError:
            raise ValidationError("is no user of this system") from None


def _refuse_unless(is_right: Callable[[str], object], problem: str) -> Callable[[str], None]:
    """Make a validator of marshmallow."""

    def check(text: str) -> None:
        if not is_right(text):
            raise ValidationError(problem)

    return check


def is_safe_url(url: str) -> bool:
    """Tell whether nobody on the way can change what a URL answers: TLS, or this machine itself.

    Args:
        url: any text.
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.username is not None or not url.isascii() or not host:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_issuer(url: str) -> bool:
    return is_safe_url(url) and "?" not in url and "#" not in url


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _ForwardAuthSettings(Settings):
    enabled = Switch(load_default=True)
    user_header = Text(
        load_default="Remote-User",
        validate=_refuse_unless(_HEADER.fullmatch, "is no header's name"),
        metadata={"allowed": "the name of a header: letters, digits and -"},
    )
    trusted_proxies = Items(_NetworkField(), load_default=list(_LOOPBACK))
    trusted_peers = Items(_PeerField(), load_default=list)
    proxy_secret = Text(
        load_default="",
        validate=_refuse_unless(_SECRET.fullmatch, "is no secret"),
        metadata={"allowed": f"text of {_MIN_SECRET} or more printable ASCII characters"},
    )

    @post_load
    def make(self, data: dict[str, Any], **_kwargs: Any) -> ForwardAuth:
        proxies, peers = tuple(data["trusted_proxies"]), frozenset(data["trusted_peers"])
        return ForwardAuth(**data | {"trusted_proxies": proxies, "trusted_peers": peers})


class _OidcSettings(Settings):
    issuer = Text(
        load_default="",
        validate=_refuse_unless(_is_issuer, "is no issuer"),
        metadata={
            "allowed": "an https:// URL without query and fragment; http:// on loopback alone"
        },
    )
    audience = Text(load_default="")
    username_claim = Text(
        load_default="preferred_username",
        validate=_refuse_unless(_CLAIM.fullmatch, "is no claim's name"),
        metadata={"allowed": "the name of a claim, such as preferred_username"},
    )
    algorithms = Items(Choice(*ALGORITHMS), load_default=["RS256", "ES256"])

    @validates("algorithms")
    def refuse_none(self, value: list[str], data_key: str) -> None:
        del data_key
        if not value:
            raise ValidationError("is empty: no token could be valid")

    @post_load
    def make(self, data: dict[str, Any], **_kwargs: Any) -> Oidc:
        if data["issuer"] and not data["audience"]:
            raise ValidationError({"audience": ["is required with `issuer`"]})
        return Oidc(**data | {"algorithms": tuple(data["algorithms"])})


class AuthSettings(Settings):
    """The keys of the section."""

    allowed_users = Items(
        _UserField(),
        required=True,
        metadata={"allowed": "a list of at least one user's name"},
    )
    admins = Items(_UserField(), load_default=list)
    on_bearer_failure = Choice("refuse", "try_header", load_default="refuse")
    forward_auth = Section(_ForwardAuthSettings)
    oidc = Section(_OidcSettings)

    @validates("allowed_users")
    def refuse_nobody(self, value: list[str], data_key: str) -> None:
        """Refuse a list that would lock out everybody."""
        del data_key
        if not value:
            raise ValidationError("is empty: nobody could sign in")

    @post_load
    def make(self, data: dict[str, Any], **_kwargs: Any) -> Auth:
        """Put the section together."""
        users, admins = frozenset(data["allowed_users"]), frozenset(data["admins"])
        if not admins <= users:
            raise ValidationError({"admins": ["must be among `allowed_users` as well"]})
        return Auth(**data | {"allowed_users": users, "admins": admins})
