"""The commands ``lethe search``, ``lethe sessions``, ``lethe show`` and ``lethe stats``.

What a command needs is imported when it runs.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Final, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lethe_client.answers import Page, Reply
    from lethe_client.server import Server

T = TypeVar("T")

_DIMENSIONS: Final = ("tool", "host", "day", "week", "month", "model", "project", "role")
_KEY: Final = ("tool", "host", "session_id")
_OWNER: Final = click.option(
    "--owner", metavar="USER", help="For admins: of this user, or of everybody (*)."
)


def _unix_seconds(
    _context: click.Context, _option: click.Parameter, text: str | None
) -> str | None:
    from lethe_client.times import unix_seconds

    return text and unix_seconds(text)


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that all commands have in common."""
    options = (
        click.option("--tool", help="Only of this tool, such as claude-code."),
        click.option("--host", help="Only of this machine."),
        click.option("--project", help="Only in this directory: whole, or its last parts."),
        click.option(
            "--since",
            metavar="TIME",
            callback=_unix_seconds,
            help="At or after: 2026-10-01, or Unix seconds.",
        ),
        click.option("--until", metavar="TIME", callback=_unix_seconds, help="Before."),
        _OWNER,
        click.option("--json", "as_json", is_flag=True, help="Print what the server answers."),
    )
    for option in reversed(options):
        command = option(command)
    return command


_LIMIT = click.option(
    "--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="At most so many."
)


# A word such as --no-verify, or -not, is looked for: what is no option is part of the query.
@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("query", nargs=-1, required=True, type=click.UNPROCESSED)
@_filters
@click.option("--role", help="Only turns of user, assistant, tool or system.")
@click.option("--outputs", is_flag=True, help="Search what tools answered, too.")
@click.option("--newest", is_flag=True, help="The newest first, instead of the best.")
@_LIMIT
def search(
    *,
    query: tuple[str, ...],
    as_json: bool,
    outputs: bool,
    newest: bool,
    limit: int,
    **filters: str | None,
) -> None:
    """Search all turns for QUERY: words, "phrases", -not, and tool: host: project: after: ..."""
    from lethe_client.answers import Hits
    from lethe_client.listings import print_hits

    with _server() as server:
        reply = server.get(
            Hits,
            "search",
            q=" ".join(query),
            include_tool_outputs="true" if outputs else None,
            order="time" if newest else None,
            tz=_zone(),
            limit=limit,
            **filters,
        )
    _print(reply, as_json=as_json, rows=print_hits)


@click.command()
@_filters
@_LIMIT
def sessions(*, as_json: bool, limit: int, **filters: str | None) -> None:
    """List sessions, the newest activity first."""
    from lethe_client.answers import Sessions
    from lethe_client.listings import print_sessions

    with _server() as server:
        reply = server.get(Sessions, "sessions", limit=limit, **filters)
    _print(reply, as_json=as_json, rows=print_sessions)


@click.command()
@click.argument("session")
@click.option("--outputs", is_flag=True, help="Show the outputs of tools whole.")
@_OWNER
@click.option("--json", "as_json", is_flag=True, help="Print the session and all its turns.")
def show(*, session: str, outputs: bool, owner: str | None, as_json: bool) -> None:
    """Print one SESSION: its id, the beginning of its id, or TOOL/HOST/ID."""
    from lethe_client.config import wants_colour

    colour = None if wants_colour() else False  # None: if it is a terminal
    with _server() as server:
        key = _find(server, session, owner)
        pages = _pages(server, key, owner)
        for line in _json_lines(pages) if as_json else _text_lines(pages, whole=outputs):
            click.echo(line, color=colour)


@click.command()
@_filters
@click.option("--model", help="Only turns of this model.")
@click.option(
    "--by",
    "group_by",
    default="month",
    show_default=True,
    metavar="NAMES",
    help=f"Group by these, with commas: {', '.join(_DIMENSIONS)}.",
)
def stats(*, as_json: bool, group_by: str, **filters: str | None) -> None:
    """Add up sessions, turns, tokens and cost; days are those of this machine."""
    from lethe_client.answers import Stats
    from lethe_client.listings import print_stats

    with _server() as server:
        reply = server.get(Stats, "stats", group_by=group_by, tz=_zone(), **filters)
    _print(reply, as_json=as_json, rows=print_stats)


def _server() -> Server:
    from lethe_client.config import load_connection
    from lethe_client.server import Server

    return Server(load_connection())


def _zone() -> str:
    """Name the time zone whose days are meant."""
    import time

    from lethe_client.config import zone_name

    name = zone_name()
    if name is None and (time.timezone or time.daylight):
        click.echo(
            "lethe: the time zone of this machine has no name that a server could know: its days"
            " are those of UTC here\nhint: set TZ to a name such as Europe/Berlin",
            err=True,
        )
    return name or "UTC"


def _print(reply: Reply[T], *, as_json: bool, rows: Callable[[T], None]) -> None:
    from lethe_client.output import print_json

    if as_json:
        print_json(reply.body)
    else:
        rows(reply.values)


def _find(server: Server, text: str, owner: str | None) -> tuple[str, str, str]:
    """Return tool, host and id of the one session that a text names.

    Raises:
        NotOneSession: there is none, or there are several.
    """
    from lethe_client.answers import Sessions
    from lethe_client.errors import NotOneSession

    parts = text.split("/")
    if len(parts) == len(_KEY):
        return parts[0], parts[1], parts[2]
    found = server.get(Sessions, "sessions", session=text, limit=10, owner=owner).values
    exact = [one for one in found["sessions"] if one["session_id"] == text]
    match exact or found["sessions"]:
        case []:
            raise NotOneSession(f"no session has an id that begins with {text!r}")
        case [one]:
            return one["tool"], one["host"], one["session_id"]
        case several:
            names = ", ".join(map("/".join, map(itemgetter(*_KEY), several)))
            raise NotOneSession(f"{found['total']} sessions have such an id: {names}")


def _pages(server: Server, key: tuple[str, str, str], owner: str | None) -> Iterator[Page]:
    after: int | None = None
    while True:
        page = server.session(*key, after=after, owner=owner)
        yield page
        after = page["next"]
        if after is None:
            return


def _text_lines(pages: Iterator[Page], *, whole: bool) -> Iterator[str]:
    from lethe_client.transcript import head_of, turn_lines

    for index, page in enumerate(pages):
        if index == 0:
            yield from head_of(page)
        for turn in page["turns"]:
            yield from turn_lines(turn, whole=whole)


def _json_lines(pages: Iterator[Page]) -> Iterator[str]:
    """Give one JSON document, a turn a line, page by page: long sessions need little memory."""
    import json

    separator = ""
    for index, page in enumerate(pages):
        if index == 0:
            yield f'{{"session": {json.dumps(page["session"])}, "turns": ['
        for turn in page["turns"]:
            yield separator + json.dumps(turn)
            separator = ","
    yield "]}"
