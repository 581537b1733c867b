"""The schema of `client.yaml`."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from marshmallow import ValidationError

from lethe_core.settings import FilePath, Settings, Text

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def _check_url(value: str) -> None:
    try:
        parts = urlsplit(value)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise ValidationError("is no URL") from None
    if not parts.hostname or not port_is_valid or parts.query or parts.fragment:
        raise ValidationError("is no URL of a server")
    if parts.username is not None or parts.password is not None:
        raise ValidationError("must not hold a name or password; the token stands in its own file")
    if parts.scheme not in ("http", "https"):
        raise ValidationError("has an unknown scheme")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValidationError("sends the token unencrypted over a network")


class ClientSettings(Settings):
    """The whole file."""

    url = Text(
        load_default=None,
        validate=_check_url,
        metadata={"allowed": "https://HOST[:PORT][/PATH], or http:// on 127.0.0.1, localhost, ::1"},
    )
    token = Text(load_default=None)
    token_file = FilePath(load_default=None)
    data_dir = FilePath(load_default=None)
