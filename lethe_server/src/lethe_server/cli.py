"""The commands of the server. What they need is imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lethe_core.cli import ReportingGroup

if TYPE_CHECKING:
    from lethe_server.config import Config
    from lethe_server.storage import TokenBook

EXIT_DAMAGED: Final = 1
EXIT_UNAVAILABLE: Final = 75
#: The codes of `Unavailable` and of what the server adds to it: try again later.
_UNAVAILABLE: Final = dict.fromkeys(
    ("UNAVAILABLE", "STORAGE_FULL", "INTEGRITY", "QUERY_TIMEOUT"), EXIT_UNAVAILABLE
)

_CONFIG = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="Configuration file [default: $LETHE_SERVER_CONFIG, or server.yaml in the XDG config"
    " directory of lethe, or that of `lethe up`].",
)
_DATA_DIR = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Overrides `data_dir`."
)
_OWNER = click.option("--owner", required=True, metavar="USER", help="Whose archive it opens.")


@click.group(cls=ReportingGroup, program="lethe-server", exit_codes=_UNAVAILABLE)
@click.version_option(package_name="lethe-server")
def main() -> None:
    """Serve an archive of AI coding-assistant sessions."""


@main.command()
@_CONFIG
@_DATA_DIR
@click.option("--listen", metavar="ADDRESS:PORT", help="Overrides `listen`; loopback only.")
@click.option(
    "--port-file",
    type=click.Path(path_type=Path),
    help="Write host, port and pid as JSON there when ready.",
)
@click.option("--ready-fd", type=int, metavar="N", help="Write the same to a descriptor.")
def serve(
    *,
    path: Path | None,
    data_dir: Path | None,
    listen: str | None,
    port_file: Path | None,
    ready_fd: int | None,
) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    import asyncio
    import gc
    import os

    # What is loaded now stays: to look at it again and again is a tenth of the start. `serve` lets
    # the collector of garbage begin when all is there.
    gc.disable()

    # Else loguru prepares a log of its own, which takes 5 ms and is replaced below.
    os.environ.setdefault("LOGURU_AUTOINIT", "0")

    from lethe_server.starting import import_libraries

    import_libraries()

    from lethe_core.logs import configure_logs
    from lethe_core.service import ServiceManager
    from lethe_server.config import load_config
    from lethe_server.serve import serve as run

    os.umask(0o077)  # A7: whatever is made here belongs to this user alone
    config = load_config(path, listen=listen, data_dir=data_dir)
    configure_logs(level=config.log.level, form=config.log.format)
    manager = ServiceManager(os.environ)
    asyncio.run(run(config, port_file=port_file, ready_fd=ready_fd, manager=manager))


@main.command("check-config")
@_CONFIG
def check_config(*, path: Path | None) -> None:
    """Check the configuration and tell what it comes to, without secrets."""
    from lethe_server.stats.prices import load_prices

    config = _load(path, None)
    load_prices(config.prices)
    click.echo(f"listen: {config.listen}")
    click.echo(f"data_dir: {config.data_dir}")
    click.echo(f"allowed_users: {len(config.auth.allowed_users)}")


@main.command()
@_CONFIG
@_DATA_DIR
@click.option("--owner", metavar="USER", help="Who is signed in [default: the only allowed user].")
@click.option("--url", help="Where browsers reach the server [default: where it listens].")
def link(*, path: Path | None, data_dir: Path | None, owner: str | None, url: str | None) -> None:
    """Print a link that signs a browser in, once and within 15 minutes."""
    from lethe_core.errors import ConfigInvalid, UsageError
    from lethe_server.auth.browser import create_link

    if url is not None and not url.startswith(("http://", "https://")):
        hint = "such as https://lethe.example.org"
        raise UsageError(f"--url {url!r} is no address of a server", hint=hint)
    config = _load(path, data_dir)
    if url is None and not config.listen.port:
        raise ConfigInvalid("the configuration tells no port", hint="say where with --url")
    users = config.auth.allowed_users
    if owner is None and len(users) > 1:
        raise ConfigInvalid("several users are allowed", hint="say which with --owner")
    owner = _allowed(owner or min(users), config)
    with _open_book(config) as book:
        place = create_link(book, owner=owner)
    click.echo((url or f"http://{config.listen}").rstrip("/") + place)


@main.command()
@_CONFIG
@_DATA_DIR
@click.argument("target", type=click.Path(path_type=Path))
def backup(*, path: Path | None, data_dir: Path | None, target: Path) -> None:
    """Copy the database to the file TARGET and check the copy; a server may run meanwhile."""
    import time

    from lethe_server.storage.backups import back_up

    if target.is_dir():
        target = target / f"lethe-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.db"
    size = back_up(_directory(path, data_dir), target)
    click.echo(f"{target}: {size} bytes, checked")


@main.command()
@_CONFIG
@_DATA_DIR
@click.argument("source", type=click.Path(path_type=Path))
def restore(*, path: Path | None, data_dir: Path | None, source: Path) -> None:
    """Put the backup SOURCE in the place of the database, which is kept; no server may run."""
    from lethe_server.storage.backups import restore as put_back

    aside = put_back(source, _directory(path, data_dir))
    click.echo(f"restored {source}" + (f"; the old database is {aside}" if aside else ""))


@main.command()
@_CONFIG
@_DATA_DIR
@click.option(
    "--rebuild-index",
    is_flag=True,
    help="Make the search index and the sums of the statistics anew from the turns.",
)
def integrity(*, path: Path | None, data_dir: Path | None, rebuild_index: bool) -> None:
    """Check the whole database; 1 is the exit code if something is damaged."""
    from lethe_server.storage.upkeep import check_archive, rebuild_search

    directory = _directory(path, data_dir)
    if rebuild_index:
        click.echo(f"rebuilt the search index and the sums of {rebuild_search(directory)} users")
    findings = check_archive(directory)
    for finding in findings:
        click.echo(f"{finding.part}: {finding.text}")
    if findings:
        raise SystemExit(EXIT_DAMAGED)
    click.echo("ok")


@main.command()
@_CONFIG
@_DATA_DIR
def compact(*, path: Path | None, data_dir: Path | None) -> None:
    """Write the database anew in as little room as it needs; no server may run."""
    from lethe_server.storage.compacting import compact as write_anew

    before, after = write_anew(_directory(path, data_dir))
    click.echo(f"{after} bytes, {before} before")


@main.group()
def token() -> None:
    """Make, list and revoke tokens for collectors and scripts."""


@token.command()
@_CONFIG
@_DATA_DIR
@_OWNER
@click.option("--name", required=True, help="For people; one token in force per user and name.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(("ingest", "read", "admin")),
    default=("ingest",),
    show_default=True,
    help="What it allows; may be given again.",
)
@click.option(
    "--days", type=click.IntRange(1, 36500), help="Expires after so many days [default: never]."
)
def create(
    *,
    path: Path | None,
    data_dir: Path | None,
    owner: str,
    name: str,
    scopes: tuple[str, ...],
    days: int | None,
) -> None:
    """Make a token and print its secret, which is shown this once."""
    import time

    from lethe_server.auth.tokens import create_token

    config = _load(path, data_dir)
    owner = _allowed(owner, config)
    expires_at = time.time() + days * 86400 if days else None
    with _open_book(config) as book:
        secret = create_token(book, owner=owner, name=name, scopes=scopes, expires_at=expires_at)
    click.echo(secret)


@token.command("list")
@_CONFIG
@_DATA_DIR
def list_tokens(*, path: Path | None, data_dir: Path | None) -> None:
    """List all tokens, without their secrets."""
    with _open_book(_load(path, data_dir)) as book:
        rows = book.list()
    line = "{:<16} {:<20} {:<18} {:<12} {:<12} {:<12} {:<12}"
    click.echo(line.format("OWNER", "NAME", "SCOPES", "CREATED", "LAST USED", "EXPIRES", "REVOKED"))
    for row in rows:
        times = (row.created_at, row.last_used_at, row.expires_at, row.revoked_at)
        scopes = ",".join(sorted(row.scopes))
        click.echo(line.format(row.owner, row.name, scopes, *map(_date, times)).rstrip())


@token.command()
@_CONFIG
@_DATA_DIR
@_OWNER
@click.option("--name", required=True, help="Of the token.")
def revoke(*, path: Path | None, data_dir: Path | None, owner: str, name: str) -> None:
    """Put a token out of force; a running server follows within two seconds."""
    from lethe_server.errors import NotFound

    with _open_book(_load(path, data_dir)) as book:
        revoked = book.revoke(owner=owner, name=name)
    if not revoked:
        hint = "`lethe-server token list` shows all tokens"
        raise NotFound(f"{owner} has no token in force named {name!r}", hint=hint)
    click.echo(f"revoked {name!r} of {owner}")


def _load(path: Path | None, data_dir: Path | None) -> Config:
    from lethe_server.config import load_config

    return load_config(path, data_dir=data_dir)


def _directory(path: Path | None, data_dir: Path | None) -> Path:
    """Return the data directory; who names it needs no configuration to look after an archive."""
    if path is None and data_dir is not None:
        return data_dir.absolute()
    return _load(path, data_dir).data_dir


def _open_book(config: Config) -> TokenBook:
    """Open the tokens of an archive, and say so if there was none: a server may use another one."""
    from lethe_server.storage import TokenBook
    from lethe_server.storage.database import FILE_NAME

    is_new = not (config.data_dir / FILE_NAME).exists()
    book = TokenBook(config.data_dir)
    if is_new:
        click.echo(f"{config.data_dir}: there was no database; made a new one", err=True)
    return book


def _allowed(owner: str, config: Config) -> str:
    """Return a user's name if who has it may sign in; all else would be refused with 403."""
    from lethe_core.errors import ConfigInvalid

    if owner not in config.auth.allowed_users:
        raise ConfigInvalid(f"{owner!r} is not among auth.allowed_users")
    return owner


def _date(seconds: float | None) -> str:
    import datetime as dt

    return "-" if seconds is None else f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%d}"
