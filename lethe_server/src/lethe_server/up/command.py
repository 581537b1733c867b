"""The command `lethe up`; what it does is imported when it runs."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of the database, the collector's state and the token"
    " [default: lethe in the XDG data directory].",
)
@click.option(
    "--listen",
    default="127.0.0.1:8377",
    show_default=True,
    metavar="127.0.0.1:PORT",
    help="Where the server listens; loopback only, port 0 takes a free one.",
)
@click.option(
    "--host",
    metavar="NAME",
    help="Name of this machine [default: as in the last run; at first, its host name].",
)
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="TOOL=PATH",
    help="Read these transcripts instead of the default places; may be given again.",
)
@click.option("--exit-when-idle", is_flag=True, help="Archive all that is there, then stop.")
@click.option("--json", "as_json", is_flag=True, help="Print a summary for scripts at the end.")
def up(
    *,
    data: Path | None,
    listen: str,
    host: str | None,
    sources: tuple[str, ...],
    exit_when_idle: bool,
    as_json: bool,
) -> None:
    """Archive this machine's sessions and serve them, until Ctrl-C."""
    import asyncio

    import platformdirs

    from lethe_server.up.plan import make_plan
    from lethe_server.up.run import run

    data = data or Path(platformdirs.user_data_dir("lethe", appauthor=False))
    plan = make_plan(data=data.absolute(), listen=listen, host=host, sources=sources)
    raise SystemExit(asyncio.run(run(plan, exit_when_idle=exit_when_idle, as_json=as_json)))
