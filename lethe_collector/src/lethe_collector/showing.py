"""How times and sizes are written for people; light, because `status` starts with it."""

from __future__ import annotations


def shown_time(seconds: float | None) -> str:
    """Write a moment as people of this machine read it.

    Args:
        seconds: Unix time; `None` if it never came.
    """
    if seconds is None:
        return "never"
    from datetime import datetime  # noqa: PLC0415 - costs as much as all of argparse

    return datetime.fromtimestamp(seconds).astimezone().isoformat(sep=" ", timespec="seconds")


def shown_size(count: float) -> str:
    """Write a number of bytes in the unit that suits it.

    Args:
        count: bytes.
    """
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:  # noqa: PLR2004
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
