"""Which server is asked, and with which token. The only module that reads the environment.

Of each setting the first that there is counts:

1. `LETHE_CLIENT__URL`, `LETHE_CLIENT__TOKEN`, ... of the environment;
2. `client.yaml` in the configuration directory of lethe, or the file that `LETHE_CLIENT_CONFIG`
   names;
3. what `lethe up` wrote into its data directory: where it listens, and a token, which is sent there
   alone.

Without a file and a variable the schema is not even imported: it costs half of the time of a
command.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import platformdirs

from lethe_core.errors import ConfigInvalid
from lethe_core.tokens import check_token, read_token

if TYPE_CHECKING:
    from collections.abc import Mapping

ENV_PREFIX: Final = "LETHE_CLIENT__"
ENV_CONFIG: Final = "LETHE_CLIENT_CONFIG"
#: Where `lethe up` listens unless told otherwise.
DEFAULT_URL: Final = "http://127.0.0.1:8377"

_MAX_FILE_BYTES: Final = 64 * 1024
_ZONES: Final = "/zoneinfo/"
_HINT: Final = "start `lethe up` on this machine, or name a server and its token: docs/cli.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How the server is reached.

    Args:
        url: without a slash at its end.
        token: for the header `Authorization`.
    """

    url: str
    token: str = field(repr=False)


def load_connection(environ: Mapping[str, str] | None = None) -> Connection:
    """Find out which server to ask.

    Args:
        environ: the environment; that of the process if `None`.

    Raises:
        ConfigInvalid: a setting is wrong, or there is no token anywhere.
    """
    environ = os.environ if environ is None else environ
    settings = _load_settings(environ)
    data = settings["data_dir"] or platformdirs.user_data_path("lethe", appauthor=False)
    local_url = _local_url(data / "server.port")
    url = (settings["url"] or local_url).rstrip("/")
    if settings["token"]:
        token = check_token(settings["token"], f"{ENV_PREFIX}TOKEN")
    elif settings["token_file"]:
        token = read_token(settings["token_file"], hint=_HINT)
    elif url == local_url:
        token = read_token(data / "token", hint=_HINT)
    else:  # the token of `lethe up` is for the server that it runs, and for no other
        raise ConfigInvalid(
            f"there is no token for {url}: that of `lethe up` is for {local_url} alone",
            hint="name one by `token_file`, or leave `url` out: docs/cli.md",
        )
    return Connection(url=url, token=token)


def zone_name(environ: Mapping[str, str] | None = None, clock: Path | None = None) -> str | None:
    """Name the time zone of this machine as the server knows it.

    Args:
        environ: the environment; that of the process if `None`.
        clock: the link that names the zone.

    Returns:
        An IANA name; `None` if there is none, as where TZ holds a rule such as ``CET-1CEST``.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - for days alone

    environ = os.environ if environ is None else environ
    name = environ.get("TZ", "").lstrip(":")
    if not name:
        name = str((clock or Path("/etc/localtime")).resolve())
    if name.startswith("/"):
        name = name.partition(_ZONES)[2]
    try:
        return ZoneInfo(name).key if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def wants_colour(environ: Mapping[str, str] | None = None) -> bool:
    """Tell whether a terminal may be told to show colours.

    Args:
        environ: the environment; that of the process if `None`.
    """
    environ = os.environ if environ is None else environ
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def _load_settings(environ: Mapping[str, str]) -> dict[str, Any]:
    usual = platformdirs.user_config_path("lethe", appauthor=False) / "client.yaml"
    path = usual if usual.exists() else None
    if named := environ.get(ENV_CONFIG):
        path = Path(named).expanduser()
    if path is None and not any(name.startswith(ENV_PREFIX) for name in environ):
        return dict.fromkeys(("url", "token", "token_file", "data_dir"))
    from lethe_client.settings import ClientSettings  # noqa: PLC0415 - see above
    from lethe_core.settings import load_settings  # noqa: PLC0415 - see above

    return load_settings(ClientSettings(), path=path, env_prefix=ENV_PREFIX, environ=environ)


def _local_url(port_file: Path) -> str:
    """Return where the server of `lethe up` listens; it tells as long as it runs."""
    try:
        told = json.loads(port_file.read_bytes()[:_MAX_FILE_BYTES])
        host, port = str(told["host"]), int(told["port"])
    except (OSError, ValueError, KeyError, TypeError):
        return DEFAULT_URL
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
