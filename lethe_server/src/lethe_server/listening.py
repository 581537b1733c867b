"""Where the server listens: loopback or a unix socket, nothing else.

The unix socket has mode 0660, so that a proxy that shares its group can connect; who may name a
user through it is a matter of `auth.forward_auth.trusted_peers`.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from marshmallow import ValidationError

from lethe_core.errors import ConfigInvalid
from lethe_core.settings import Text

SOCKET_MODE: Final = 0o660
UNIX_PREFIX: Final = "unix:"

_LISTEN: Final = re.compile(r"(?:\[([0-9A-Fa-f:]+)\]|([0-9.]+)):([0-9]{1,5})")
_MAX_PORT: Final = 65535
#: Longest path of a socket that all systems take (bytes).
_MAX_PATH_BYTES: Final = 103


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where the server listens.

    Args:
        host: an address of the loopback interface; empty for a unix socket.
        port: of it; 0 takes a free one.
        path: of the unix socket, or `None`.
    """

    host: str = ""
    port: int = 0
    path: Path | None = None

    def __str__(self) -> str:
        """The place, as people write it."""
        if self.path is not None:
            return f"{UNIX_PREFIX}{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ListenField(Text):
    """``127.0.0.1:PORT``, ``[::1]:PORT`` or ``unix:PATH``."""

    allowed = "127.0.0.1:PORT or [::1]:PORT, on loopback alone, or unix:PATH"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if text.startswith(UNIX_PREFIX):
            return Listen(path=_socket_path(text.removeprefix(UNIX_PREFIX)))
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


def open_listener(listen: Listen) -> socket.socket:
    """Bind the socket; it accepts nothing yet.

    Args:
        listen: where.

    Raises:
        ConfigInvalid: it cannot be bound there.
    """
    try:
        listener = _bind_unix(listen.path) if listen.path else _bind_tcp(listen)
    except OSError as error:
        raise ConfigInvalid(
            f"listen: cannot listen on {listen}: {error.strerror or error}",
            hint="stop the other program, or choose another place (port 0 takes a free one)",
        ) from error
    listener.setblocking(False)
    return listener


def _socket_path(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_absolute() or len(os.fsencode(path)) > _MAX_PATH_BYTES:
        raise ValidationError(f"must be an absolute path of at most {_MAX_PATH_BYTES} bytes")
    return path


def _bind_tcp(listen: Listen) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return _bound(listener, (listen.host, listen.port))


def _bind_unix(path: Path) -> socket.socket:
    _remove_stale(path)
    listener = _bound(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), str(path))
    # Nobody can connect before `listen`, so that no moment with another mode counts.
    path.chmod(SOCKET_MODE)
    return listener


def _bound(listener: socket.socket, place: str | tuple[str, int]) -> socket.socket:
    try:
        listener.bind(place)
    except OSError:
        listener.close()
        raise
    return listener


def _remove_stale(path: Path) -> None:
    """Remove the socket that a server left which was killed; never anything else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigInvalid(
            f"listen: {path} is there and no socket", hint="choose another path for the socket"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise ConfigInvalid(
        f"listen: another program listens on {path}",
        hint="stop the other program, or choose another path for the socket",
    )
