"""The server's configuration: a strict YAML file and an overlay from the environment.

`config.example.yaml` documents every key. ``LETHE_SERVER_CONFIG`` names the file;
``LETHE_SERVER__AUTH__ALLOWED_USERS=a,b`` overrides ``auth.allowed_users``. No other module reads
settings from the environment.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import platformdirs
from marshmallow import ValidationError, post_load

from lethe_core.errors import ConfigInvalid
from lethe_core.logs import LEVELS, LogFormat
from lethe_core.settings import (
    Choice,
    FilePath,
    Items,
    Section,
    Settings,
    Text,
    load_settings,
)
from lethe_server.auth.settings import Auth, AuthSettings
from lethe_server.listening import Listen, ListenField

if TYPE_CHECKING:
    from collections.abc import Mapping

ENV_PREFIX: Final = "LETHE_SERVER__"
ENV_CONFIG: Final = "LETHE_SERVER_CONFIG"
#: What variables begin with that override settings of the programs that `lethe up` starts.
_OVERRIDES: Final = (ENV_PREFIX, "LETHE_COLLECTOR__")

_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


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
    prices: Path | None
    log: Log


def default_data_dir() -> Path:
    """Return the directory of the database if none is configured."""
    return platformdirs.user_data_path("lethe", appauthor=False)


def server_file(data: Path) -> Path:
    """Return the configuration that `lethe up` writes for the server.

    Args:
        data: its data directory.
    """
    return data / "server.yaml"


def default_config_path() -> Path:
    """Return the configuration file that is read, if it exists and no other is named."""
    return platformdirs.user_config_path("lethe", appauthor=False) / "server.yaml"


class _HostField(Text):
    allowed = "a host's name without a port, such as lethe.example.org"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not _HOST.fullmatch(text):
            raise ValidationError("is no host's name")
        return text.lower()


class _LogSettings(Settings):
    level = Choice(*LEVELS, load_default="info")
    format = Choice("human", "json", load_default="human")

    @post_load
    def make(self, data: dict[str, Any], **_kwargs: Any) -> Log:
        return Log(**data)


class ServerSettings(Settings):
    """The keys of the configuration."""

    listen = ListenField(load_default=Listen(host="127.0.0.1", port=8080))
    data_dir = FilePath(load_default=default_data_dir)
    allowed_hosts = Items(_HostField(), load_default=list)
    auth = Section(AuthSettings)
    prices = FilePath(load_default=None)
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
            `default_config_path` if it exists, or the one that `lethe up` has written if nothing
            else says who may sign in, or none.
        listen: overrides the file and the environment.
        data_dir: overrides the file and the environment.
        environ: instead of the environment of the process; for tests.

    Raises:
        ConfigInvalid: in one line: the place, the key and what is allowed.
    """
    variables = dict(os.environ if environ is None else environ)
    if path is None:
        path = _find_config(variables, data_dir)
    loaded = load_settings(
        ServerSettings(),
        path=path,
        env_prefix=ENV_PREFIX,
        environ=variables,
        options={"listen": listen, "data_dir": str(data_dir.absolute()) if data_dir else None},
    )
    config = Config(**loaded)
    if path is not None and f"{ENV_PREFIX}AUTH__FORWARD_AUTH__PROXY_SECRET" not in variables:
        _refuse_readable_secret(path, config)
    return config


def _find_config(variables: Mapping[str, str], data_dir: Path | None) -> Path | None:
    """Tell which file counts if none is given; `None` if there is none."""
    if named := variables.get(ENV_CONFIG):
        return Path(named).expanduser()
    candidates = [default_config_path()]
    if f"{ENV_PREFIX}AUTH__ALLOWED_USERS" not in variables:  # which is required
        candidates.append(server_file(data_dir or default_data_dir()))
    return next((path for path in candidates if path.is_file()), None)


def environment_without_settings() -> dict[str, str]:
    """Return the environment for programs whose settings stand in their files alone."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OVERRIDES)}


def _refuse_readable_secret(path: Path, config: Config) -> None:
    """Refuse a secret that other users of the machine can read (A7)."""
    if config.auth.forward_auth.proxy_secret and path.stat().st_mode & 0o077:
        raise ConfigInvalid(
            f"{path}: auth.forward_auth.proxy_secret: other users can read the file",
            hint=f"chmod 600 {path}",
        )
