"""The two programs that `lethe up` runs: started in order, stopped in order, never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from typing import IO, TYPE_CHECKING, Final

from lethe_core.errors import Unavailable
from lethe_server.config import environment_without_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

#: How often it is said that the server is still starting (seconds).
_TELL_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.02
_PR_SET_PDEATHSIG: Final = 1


class Child:
    """One running program.

    Args:
        name: its module.
        process: the program.
        log: where it writes its log; `None` if it writes to the terminal.
    """

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path | None) -> None:
        self.name = name
        self.process = process
        self.log = log

    async def wait(self) -> int:
        """Wait until the program has ended; return its exit code."""
        return await self.process.wait()

    async def stop(self) -> int:
        """Ask the program to end; end it by force if it does not.

        Returns:
            Its exit code; negative for a signal.
        """
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            try:
                async with asyncio.timeout(_STOP_SECONDS):
                    await self.process.wait()
            except TimeoutError:
                self.process.kill()
        return await self.process.wait()

    def failure(self, code: int) -> Unavailable:
        """Word the error of a program that ended by itself.

        Args:
            code: its exit code.
        """
        said = _last_line(self.log) if self.log else ""
        where = f"its log is {self.log}" if self.log else "it said why above"
        return Unavailable(
            f"the {self.name} ended with exit code {code}{': ' + said if said else ''}", hint=where
        )


def program(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the command line of a program of lethe.

    Nothing is imported from the working directory (`-P`): who starts lethe in somebody's
    repository must not run what lies there, be it named like a plugin or like a library.

    Args:
        module: what to run.
        arguments: of the program.
    """
    return (sys.executable, "-P", "-m", module, *arguments)


@contextlib.asynccontextmanager
async def running(
    module: str, arguments: Sequence[str], *, log: Path | None = None
) -> AsyncIterator[Child]:
    """Run a program of lethe; it is stopped when the block is left.

    No variable of the environment overrides its configuration, which says what was asked for.

    Args:
        module: what to run.
        arguments: of the program.
        log: file for what it writes to stderr; the terminal if `None`.
    """
    with contextlib.ExitStack() as stack:
        stderr: IO[bytes] | None = None
        if log is not None:
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            stderr = stack.enter_context(os.fdopen(descriptor, "wb"))
        process = await asyncio.create_subprocess_exec(
            *program(module, *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stderr or asyncio.subprocess.DEVNULL,
            stderr=stderr,
            env=environment_without_settings(),
            start_new_session=True,  # Ctrl-C reaches `lethe up` alone, which stops both in order
            preexec_fn=_die_with_parent(),
        )
    child = Child(module, process, log)
    try:
        yield child
    finally:
        await child.stop()


async def wait_for_port(
    child: Child, port_file: Path, stopped: asyncio.Event, tell: Callable[[str], None]
) -> str | None:
    """Wait until the server has written where it listens, however long that takes.

    A new version may bring a large archive up to date first, and would begin again if it was ended.

    Args:
        child: the server.
        port_file: what it writes when it is ready.
        stopped: is set when nobody wants to wait any more.
        tell: is told now and then that it still starts.

    Returns:
        Its address, such as ``http://127.0.0.1:8377``; `None` if the wait was stopped.

    Raises:
        Unavailable: it ended.
    """
    clock = asyncio.get_running_loop().time
    next_word = clock() + _TELL_SECONDS
    while not port_file.exists():  # noqa: ASYNC240 - one stat of a local file
        if child.process.returncode is not None:
            raise child.failure(child.process.returncode)
        if stopped.is_set():
            return None
        if clock() >= next_word:
            next_word += _TELL_SECONDS
            tell(f"The server is still starting; its log is {child.log}")
        await asyncio.sleep(_POLL_SECONDS)
    place = json.loads(port_file.read_text())  # noqa: ASYNC240 - one short local file
    host = f"[{place['host']}]" if ":" in place["host"] else place["host"]
    return f"http://{host}:{place['port']}"


def _die_with_parent() -> Callable[[], None] | None:
    """Have the kernel end a child whose parent was killed (Linux); elsewhere do nothing."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return ask


def _last_line(log: Path) -> str:
    """Return the last line that says what happened; a hint how to mend it may stand below."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return next((line for line in reversed(lines) if not line.startswith("hint: ")), "")
