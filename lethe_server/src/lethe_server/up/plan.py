"""What `lethe up` is going to do: which transcripts, which directories, which configuration."""

from __future__ import annotations

import os
import pwd
import re
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from marshmallow import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lethe_core.errors import ConfigInvalid, LetheError
from lethe_core.limits import NAME_PATTERN
from lethe_core.patience import call_within
from lethe_core.plugins import load_parsers
from lethe_server.auth.names import user_problem
from lethe_server.config import server_file
from lethe_server.listening import ListenField
from lethe_server.storage.upkeep import archived_users

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lethe_core.parser import Parser
    from lethe_core.plugins import ParserRegistry, PluginReport

#: How long a parser may take to name or to look at one place, in seconds.
LOOK_SECONDS: Final = 30.0

_NAME_LENGTH: Final = 64
#: Owns the archive of an account that has no name, or one that cannot be used.
_NAMELESS: Final = "me"
_HANGS: Final = f"its parser has not answered for {LOOK_SECONDS:.0f} s"


@dataclass(slots=True, kw_only=True)
class FoundRoot:
    """One place that was looked at.

    Args:
        tool: whose transcripts are looked for.
        label: the tool's name for people.
        path: the place.
        exists: whether there is anything.
        files: how many transcripts lie there.
        bytes: how large they are together.
        error: which part of the place could not be looked at, and why.
    """

    tool: str
    label: str
    path: Path
    exists: bool = False
    files: int = 0
    bytes: int = 0
    error: str = ""


@dataclass(slots=True, kw_only=True)
class Plan:
    """All that `lethe up` was told and has found out.

    Args:
        data: directory of the database, the collector's state and the token.
        listen: address of the server, such as ``127.0.0.1:8080``.
        host: name of this machine in the archive.
        owner: the user whose archive it is.
        roots: the places, with what was found there.
        sources: by tool, the places that the user gave instead of all default ones.
        failures: in sentences, what parsers failed with that were asked for their places.
        plugins: what became of each parser plugin.
    """

    data: Path
    listen: str
    host: str
    owner: str
    roots: list[FoundRoot] = field(default_factory=list)
    sources: dict[str, list[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    plugins: list[PluginReport] = field(default_factory=list)

    @property
    def token_file(self) -> Path:
        """Where the token of the collector and of scripts lies (mode 0600)."""
        return self.data / "token"

    @property
    def host_file(self) -> Path:
        """Where the name of this machine is remembered."""
        return _host_file(self.data)

    @property
    def server_file(self) -> Path:
        """The configuration of the server, from which the next run takes the user's name."""
        return server_file(self.data)

    @property
    def files(self) -> int:
        """How many transcripts were found."""
        return sum(root.files for root in self.roots)

    def server_settings(self) -> dict[str, Any]:
        """The configuration of the server."""
        return {
            "listen": self.listen,
            "data_dir": str(self.data),
            # Nothing stands in front of this server: a header would let every local user in.
            "auth": {"allowed_users": [self.owner], "forward_auth": {"enabled": False}},
        }

    def collector_settings(self, url: str) -> dict[str, Any]:
        """The configuration of the collector.

        Args:
            url: where the server listens.
        """
        settings: dict[str, Any] = {
            "host": self.host,
            "server": {"url": url, "token_file": str(self.token_file)},
            "state_dir": str(self.data / "collector"),
            "log": {"level": "warning"},
        }
        if self.sources:
            settings["sources"] = self.sources
        return settings


def make_plan(
    *,
    data: Path,
    listen: str,
    host: str | None,
    sources: Iterable[str],
    registry: ParserRegistry | None = None,
) -> Plan:
    """Find the transcripts and decide what to start.

    Args:
        data: directory for everything that is kept.
        listen: address of the server.
        host: name of this machine; if `None`, that of the last run, at first its host name.
        sources: ``TOOL=PATH`` each, instead of the default places.
        registry: the parsers; those of the installed plugins if `None`.

    Raises:
        ConfigInvalid: a source is not ``TOOL=PATH`` or its path does not exist; a name or the
            address is wrong.
        UnknownTool: no installed parser reads the tool of a source.
    """
    _check_listen(listen)
    registry = load_parsers() if registry is None else registry
    plan = Plan(
        data=data,
        listen=listen,
        host=_checked_host(host) if host is not None else _usual_host(data),
        owner=_usual_owner(data),
        plugins=registry.reports,
    )
    given = [_split_source(source) for source in sources]
    if given:
        plan.sources = {parser.tool: [] for parser in registry}
    for tool, path in given:
        registry.get(tool)
        plan.sources[tool].append(str(path))
    for parser in registry:
        if plan.sources:
            paths = [Path(path) for path in plan.sources[parser.tool]]
        else:
            paths = _default_places(parser, plan.failures)
        plan.roots.extend(look_at(parser, path) for path in paths)
    return plan


def _default_places(parser: Parser, failures: list[str]) -> list[Path]:
    try:
        return call_within(LOOK_SECONDS, lambda: list(parser.default_roots()))
    except TimeoutError:
        failures.append(f"{parser.label}: {_HANGS}")
        return []
    except Exception as error:  # noqa: BLE001 - P9: a plugin's failure concerns its tool alone
        failures.append(f"{parser.label}: its parser failed with {type(error).__name__}")
        return []


def look_at(parser: Parser, path: Path) -> FoundRoot:
    """Count the transcripts of a tool in one place.

    Args:
        parser: who knows what a transcript is.
        path: the place.
    """
    root = FoundRoot(tool=parser.tool, label=parser.label, path=path, exists=path.exists())
    if not root.exists:
        return root

    def count() -> None:
        for source in parser.discover(path):
            root.files += 1
            root.bytes += source.size

    try:
        call_within(LOOK_SECONDS, count)
    except TimeoutError:
        root.error = _HANGS
    except OSError as error:
        reason = error.strerror or type(error).__name__
        root.error = f"{error.filename or path} cannot be read: {reason}"
    except Exception as error:  # noqa: BLE001 - P9: a plugin's failure concerns its tool alone
        root.error = f"its parser failed with {type(error).__name__}"
    return root


def machine_name() -> str:
    """Name this machine by its host name, in the form that the wire allows."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", socket.gethostname()).lstrip("._-")
    return name[:_NAME_LENGTH] or "localhost"


def _host_file(data: Path) -> Path:
    return data / "host"


def _usual_host(data: Path) -> str:
    """Name this machine as the last run did.

    Host names change, with the network of a laptop for instance; a session would then go on as
    another one, of another machine.
    """
    try:
        text = _host_file(data).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return machine_name()
    except (OSError, UnicodeDecodeError):
        text = ""
    if not re.match(NAME_PATTERN, text):
        raise ConfigInvalid(
            f"{_host_file(data)} holds no name of a host", hint="give the name with --host"
        )
    return text


def _check_listen(listen: str) -> None:
    try:
        place = ListenField().deserialize(listen)
    except ValidationError as error:
        raise ConfigInvalid(
            f"--listen {listen} {str(error.messages[0]).rstrip('.')}",
            hint="an address of this machine alone and a port, such as 127.0.0.1:8377",
        ) from None
    if place.path is not None:
        raise ConfigInvalid(
            f"--listen {listen}: the collector of `lethe up` needs an address and a port",
            hint="such as 127.0.0.1:8377; `lethe-server serve` listens on unix sockets",
        )


def _checked_host(host: str) -> str:
    if not re.match(NAME_PATTERN, host):
        raise ConfigInvalid(
            f"--host {host!r} is no name of a host",
            hint="letters, digits, `.`, `_` and `-`, at most 64, beginning with a letter or digit",
        )
    return host


def _usual_owner(data: Path) -> str:
    """Name the user as the last run did, or as a database does that was put there.

    The account may have another name, as on a new machine; to that one the archive would seem to be
    empty.
    """
    account = _account_name()
    known = _configured_users(data) or _archived_users(data)
    return account if account in known or len(known) != 1 else known[0]


def _configured_users(data: Path) -> list[str]:
    """Return who is named in the configuration of the last run."""
    try:
        settings = YAML(typ="safe", pure=True).load(server_file(data).read_text(encoding="utf-8"))
        users = settings["auth"]["allowed_users"]
        return [user for user in users if isinstance(user, str) and not user_problem(user)]
    except (OSError, UnicodeDecodeError, YAMLError, KeyError, TypeError):
        return []  # the first run, or a file that is going to be written anew


def _archived_users(data: Path) -> list[str]:
    try:
        return archived_users(data)
    except LetheError:
        return []  # the server will say what is wrong with it


def _account_name() -> str:
    """Name the user by the account.

    Not by the environment: with another `USER` tomorrow, the archive would seem to be empty.
    """
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return _NAMELESS
    return _NAMELESS if user_problem(name) else name


def _split_source(source: str) -> tuple[str, Path]:
    tool, separator, text = source.partition("=")
    if not (tool and separator and text):
        raise ConfigInvalid(
            f"--source {source!r} is not TOOL=PATH", hint="such as claude-code=~/transcripts"
        )
    path = Path(text).expanduser().absolute()
    if not path.exists():
        raise ConfigInvalid(f"--source {source}: there is no {path}")
    return tool, path
