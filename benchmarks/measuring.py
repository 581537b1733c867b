"""What is measured, and how it is compared: rounds in turn, and the spread of their ratios."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_KIB = 1024


@dataclass(slots=True)
class Usage:
    """What a process has used.

    Args:
        cpu: seconds of CPU, user and system.
        peak: most bytes of memory that were resident.
        resident: bytes of memory that are resident now; 0 if it has ended.
    """

    cpu: float
    peak: int
    resident: int = 0


@dataclass(slots=True)
class Run:
    """What a command took from its start to its end."""

    wall: float
    cpu: float
    peak: int


def usage_of(pid: int) -> Usage:
    """Read what a running process has used so far (Linux).

    Its CPU is read in nanoseconds from its own clock, whose number is that of
    `clock_getcpuclockid(3)`; `/proc` tells it in hundredths of a second, too coarse for a hundred
    small requests.
    """
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return Usage(
        cpu=time.clock_gettime(~pid << 3 | 2),
        peak=int(status["VmHWM"].split()[0]) * _KIB,
        resident=int(status["VmRSS"].split()[0]) * _KIB,
    )


def run_command(
    command: Sequence[str], env: Mapping[str, str] | None = None, *, codes: Sequence[int] = (0,)
) -> Run:
    """Run a command to its end.

    Args:
        command: what to run; its output is thrown away.
        env: its environment.
        codes: exit codes that are right.
    """
    begun = time.perf_counter()
    process = subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return wait_for_end(process, begun, codes=codes)


def wait_for_end(
    process: subprocess.Popen[bytes], begun: float, *, codes: Sequence[int] = (0,)
) -> Run:
    """Wait for a process and tell what it took.

    Args:
        process: that runs.
        begun: when it was started, by `time.perf_counter`.
        codes: exit codes that are right.
    """
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        raise SystemExit(f"{process.args!r} ended with exit code {process.returncode}")
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * _KIB)


@dataclass(slots=True)
class Comparison:
    """One quantity of lethe and of its reference, a pair a round.

    Args:
        unit: of both.
        ours: a value of each round.
        theirs: of the same rounds; empty if nothing was compared.
    """

    unit: str
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    def add(self, ours: float, theirs: float | None = None) -> None:
        """Add a round."""
        self.ours.append(ours)
        if theirs is not None:
            self.theirs.append(theirs)

    @property
    def ratios(self) -> list[float]:
        """Ours to theirs, of each round."""
        return [
            ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=False) if theirs
        ]

    def summary(self) -> dict[str, object]:
        """Return medians, the ratio, and its spread: the least and the greatest of a round."""
        told: dict[str, object] = {"unit": self.unit, "ours": statistics.median(self.ours)}
        if self.ratios:
            told["theirs"] = statistics.median(self.theirs)
            told["ratio"] = statistics.median(self.ratios)
            told["spread"] = [min(self.ratios), max(self.ratios)]
        told["rounds"] = len(self.ours)
        return told


class Sheet:
    """The comparisons of a benchmark, by name."""

    def __init__(self) -> None:
        self._comparisons: dict[str, Comparison] = {}

    def add(self, name: str, unit: str, ours: float, theirs: float | None = None) -> None:
        """Add a round of a quantity.

        Args:
            name: of the quantity.
            unit: of both values.
            ours: what lethe took.
            theirs: what the reference took in the same round.
        """
        self._comparisons.setdefault(name, Comparison(unit)).add(ours, theirs)

    def summaries(self) -> dict[str, dict[str, object]]:
        """Return what was measured, ready for JSON."""
        return {name: each.summary() for name, each in self._comparisons.items()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._comparisons)


def p50(times: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(times)


def p95(times: Sequence[float]) -> float:
    """Return what 95 of 100 do not exceed."""
    return statistics.quantiles(times, n=20)[-1]
