"""``python -m lethe_collector``, and the command ``lethe-collector``.

`status` is meant to be called often, by prompts and monitors; it goes its own way, because the
import of the other commands costs several times as much as its answer.
"""

from __future__ import annotations

import sys
from typing import Final

EXIT_INTERRUPTED: Final = 130  # that of `lethe_core.cli`, which takes too long to import


def run() -> None:
    """Run the command that the arguments name; Ctrl-C ends it without a word."""
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def _run() -> None:
    if sys.argv[1:2] == ["status"]:
        from lethe_collector import status_command  # noqa: PLC0415

        sys.exit(status_command.main(sys.argv[2:]))
    from lethe_collector.cli import main  # noqa: PLC0415

    main(prog_name="lethe-collector")


if __name__ == "__main__":
    run()
