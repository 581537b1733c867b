"""The server's configuration: a strict YAML file and an overlay from the environment.

`config.example.yaml` documents every key. ``LETHE_SERVER_CONFIG`` names the file;
``LETHE_SERVER__AUTH__ALLOWED_USERS=a,b`` overrides ``auth.allowed_users``. This is the only
module that reads the environment.
"""

from __future__ import annotations

import ipaddress
import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import platformdirs
from marshmallow import ValidationError, post_load, validates

from lethe_core.errors import ConfigInvalid
from lethe_core.logs import LEVELS, LogFormat
from lethe_core.settings import (
    Choice,
    FilePath,
    Items,
    Section,
    Settings,
    Switch,
    Text,
    load_settings,
)
from lethe_server.auth.names import user_problem

if TYPE_CHECKING:
    from collections.abc import Mapping

ENV_PREFIX: Final = "LETHE_SERVER__"
ENV_CONFIG: Final = "LETHE_SERVER_CONFIG"

_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_LISTEN: Final = re.compile(r"(?:\[([0-9A-Fa-f:]+)\]|([0-9.]+)):([0-9]{1,5})")
_MAX_PORT: Final = 65535
_MIN_SECRET: Final = 16

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where the server listens; port 0 takes a free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardAuth:
    """How the header of a reverse proxy is trusted.

    Args:
        enabled: whether it is read at all.
        user_header: its name.
        trusted_proxies: from where it is believed.
        proxy_secret: the proxy must send it in `Lethe-Proxy-Secret`; empty for none.
    """

    enabled: bool
    user_header: str
    trusted_proxies: tuple[Network, ...]
    proxy_secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """Who may come in.

    Args:
        allowed_users: whoever signs in must be one of them.
        admins: those of them who may read the archives of others.
        forward_auth: how the header of a reverse proxy is trusted.
    """

    allowed_users: frozenset[str]
    admins: frozenset[str]
    forward_auth: ForwardAuth


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What is logged, and in which form."""

    level: str
    format: LogFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The configuration; see `config.example.yaml`."""

    listen: Listen
    data_dir: Path
    allowed_hosts: frozenset[str]
    auth: Auth
    log: Log


def default_data_dir() -> Path:
    """Return the directory of the database if none is configured."""
    return platformdirs.user_data_path("lethe", appauthor=False)


def default_config_path() -> Path:
    """Return the configuration file that is read, if it exists and no other is named."""
    return platformdirs.user_config_path("lethe", appauthor=False) / "server.yaml"


class _ListenField(Text):
    allowed = "127.0.0.1:PORT or [::1]:PORT, on loopback alone"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        match = _LISTEN.fullmatch(text)
        if match is None or int(match[3]) > _MAX_PORT:
            raise ValidationError("must be an address and a port")
        try:
            address = ipaddress.ip_address(match[1] or match[2])
        except ValueError as error:
            raise ValidationError("must be an address and a port") from error
        if not address.is_loopback:
            raise ValidationError("is no loopback address; put a reverse proxy in front instead")
        return Listen(host=str(address), port=int(match[3]))


class _UserField(Text):
    allowed = "a user's name without blanks and none of , ; < > { } \" \\"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if user_problem(text):
            raise ValidationError("is no user's name")
        return unicodedata.normalize("NFC", text)


class _HostField(Text):
    allowed = "a host's name without a port, such as lethe.example.org"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not _HOST.fullmatch(text):
            raise ValidationError("is no host's name")
        return text.lower()


class _HeaderField(Text):
    allowed = "the name of a header: letters, digits and -"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not _HEADER.fullmatch(text):
            raise ValidationError("is no header's name")
        return text


class _NetworkField(Text):
    allowed = "an address or network such as 127.0.0.1 or 10.0.0.0/8"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return ipaddress.ip_network(text)
        except ValueError as error:
            raise ValidationError("is no network") from error


class _SecretField(Text):
    allowed = f"text of {_MIN_SECRET} or more printable ASCII characters"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if len(text) < _MIN_SECRET or not re.fullmatch(r"[!-~]+", text):
            raise ValidationError("is no secret")
        return text


_LOOPBACK: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


class _ForwardAuthSettings(Settings):
    enabled = Switch(load_default=True)
    user_header = _HeaderField(load_default="Remote-User")
    trusted_proxies = Items(_NetworkField(), load_default=list(_LOOPBACK))
    proxy_secret = _SecretField(load_default="")

    @post_load
    def make(self, data: dict[str, Any], **_kwargs: Any) -> ForwardAuth:
        return ForwardAuth(**data | {"trusted_proxies": tuple(data["trusted_proxies"])})


class _AuthSettings(Settings):
    allowed_users = Items(
        _UserField(),
        required=True,
        metadata={"allowed": "a list of at least one user's name"},
    )
    admins = Items(_UserField(), load_default=list)
    forward_auth = Section(_ForwardAuthSettings)

    @validates("allowed_users")
    def refuse_nobody(self, value: list[str], data_key: str) -> None:
        del data_key
        if not value:
            raise ValidationError("is empty: nobody could sign in")

    @post_load
    def make(self, data: dict[str, Any], **_kwargs: Any) -> Auth:
        strangers = sorted(set(data["admins"]) - set(data["allowed_users"]))
        if strangers:
            raise ValidationError({"admins": ["must be among `allowed_users` as well"]})
        return Auth(
            allowed_users=frozenset(data["allowed_users"]),
            admins=frozenset(data["admins"]),
            forward_auth=data["forward_auth"],
        )


class _LogSettings(Settings):
    level = Choice(*LEVELS, load_default="info")
    format = Choice("human", "json", load_default="human")

    @post_load
    def make(self, data: dict[str, Any], **_kwargs: Any) -> Log:
        return Log(**data)


class ServerSettings(Settings):
    """The keys of the configuration."""

    listen = _ListenField(load_default=Listen(host="127.0.0.1", port=8080))
    data_dir = FilePath(load_default=default_data_dir)
    allowed_hosts = Items(_HostField(), load_default=list)
    auth = Section(_AuthSettings)
    log = Section(_LogSettings)

    @post_load
    def make(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        """Complete what is no plain value."""
        return data | {"allowed_hosts": frozenset(data["allowed_hosts"])}


def load_config(
    path: Path | None = None,
    *,
    listen: str | None = None,
    data_dir: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Load the configuration.

    Args:
        path: the file; if `None`, the one that ``LETHE_SERVER_CONFIG`` names, or
            `default_config_path` if it exists, or none.
        listen: overrides the file and the environment.
        data_dir: overrides the file and the environment.
        environ: instead of the environment of the process; for tests.

    Raises:
        ConfigInvalid: in one line: the place, the key and what is allowed.
    """
    variables = dict(os.environ if environ is None else environ)
    if path is None:
        named = variables.get(ENV_CONFIG)
        path = Path(named).expanduser() if named else default_config_path()
        if not named and not path.is_file():
            path = None
    options = {"LISTEN": listen, "DATA_DIR": data_dir and str(data_dir.absolute())}
    variables |= {ENV_PREFIX + name: value for name, value in options.items() if value}
    loaded = load_settings(ServerSettings(), path=path, env_prefix=ENV_PREFIX, environ=variables)
    config = Config(**loaded)
    if path is not None and f"{ENV_PREFIX}AUTH__FORWARD_AUTH__PROXY_SECRET" not in variables:
        _refuse_readable_secret(path, config)
    return config


def _refuse_readable_secret(path: Path, config: Config) -> None:
    """Refuse a secret that other users of the machine can read (A7)."""
    if config.auth.forward_auth.proxy_secret and path.stat().st_mode & 0o077:
        raise ConfigInvalid(
            f"{path}: auth.forward_auth.proxy_secret: other users can read the file",
            hint=f"chmod 600 {path}",
        )
