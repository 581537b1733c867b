r"""Power loss: what would be on the disk if the power had failed at any moment of a run.

A process is run under `strace`, which records each write, sync and answer. From this, `Recording`
builds the files as they may be after a power loss: what was synced is there; of what was written
since, any part may be, down to single sectors. That is harsher than a disk of today, and it uses
what the process really did, not what a test double saw.

Taken for granted: creating and removing a file is durable at once, and a sector is not torn.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

SECTOR = 512

_ANSWER = b"HTTP/1.1 200"
_CALLS = "trace=pwrite64,fdatasync,fsync,ftruncate,unlink,write,sendto,writev,sendmsg,recvfrom"
_CALL = re.compile(r'^\d+ +(\w+)\((?:\d+<([^>]*)>(?:\([^)]*\))?)?(?:, )?(?:"([^"]*)")?(.*)$')
_RESUMED = re.compile(r"^(\d+) +<\.\.\. f(?:data)?sync resumed>.*= 0")
_RECEIVED = re.compile(r"^\d+ +<\.\.\. recvfrom resumed>(.*)$")  # another thread came in between
_SYNC = re.compile(r"^(\d+) +f(?:data)?sync\(\d+<([^>]*)>(.*)$")


def tracer(output):
    """Return the words before a command that have it recorded."""
    return ["strace", "-f", "-yy", "-xx", "-s", "100000", "-e", _CALLS, "-o", str(output)]


class Step(NamedTuple):
    """One thing that the process did: ``write``, ``cut``, ``sync``, ``remove`` or ``answer``."""

    kind: str
    path: str
    offset: int = 0
    data: bytes = b""


@dataclass
class Recording:
    """What a process did with the files of a directory.

    Args:
        base: the files as they were before, by path.
        steps: what it did, in order.
    """

    base: dict[str, bytes]
    steps: list[Step]

    @classmethod
    def read(cls, trace, base):
        """Read a recording; steps that concern none of the directory's files are left out.

        Args:
            trace: the file that `strace` wrote.
            base: a directory that is as the recorded one was before, and the recorded one.
        """
        before, directory = base
        contents = {
            str(directory / path.name): path.read_bytes()
            for path in before.iterdir()
            if path.is_file()
        }
        with Path(trace).open(errors="replace") as lines:
            steps = [step for step in _steps(lines) if _concerns(step, f"{directory}/")]
        return cls(contents, steps)

    def answers(self, end):
        """Count the answers before a step."""
        return sum(step.kind == "answer" for step in self.steps[:end])

    def crash(self, end, chance, target):
        """Write the files as they may be if the power fails before a step.

        Args:
            end: the number of the step.
            chance: decides what of the unsynced writes is there.
            target: a directory, emptied first.
        """
        files, pending = self._left(end)
        for steps in pending.values():
            keep = chance.choice((0.0, 0.5, 1.0))
            for sector in (sector for step in steps for sector in _sectors(step)):
                if chance.random() < keep:
                    _apply(files, sector)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(mode=0o700)
        for path, data in files.items():
            file = target / Path(path).name
            file.touch(mode=0o600)
            file.write_bytes(data)

    def _left(self, end):
        """Return the files as they were synced last, and what was written to each since."""
        files = {path: bytearray(data) for path, data in self.base.items()}
        pending = {}
        for step in self.steps[:end]:
            if step.kind in {"write", "cut"}:
                pending.setdefault(step.path, []).append(step)
            elif step.kind == "sync":
                for left in pending.pop(step.path, ()):
                    _apply(files, left)
            elif step.kind == "remove":
                files.pop(step.path, None)
                pending.pop(step.path, None)
        return files, pending


def _apply(files, step):
    data = files.setdefault(step.path, bytearray())
    if step.kind == "cut":
        del data[step.offset :]
        data.extend(bytes(step.offset - len(data)))
        return
    data.extend(bytes(max(0, step.offset - len(data))))
    data[step.offset : step.offset + len(step.data)] = step.data


def _sectors(step):
    if step.kind == "cut":
        yield step
        return
    start = 0
    while start < len(step.data):
        end = min(len(step.data), start + SECTOR - (step.offset + start) % SECTOR)
        yield step._replace(offset=step.offset + start, data=step.data[start:end])
        start = end


def _concerns(step, prefix):
    return step.kind == "answer" or (step.path.startswith(prefix) and "-shm" not in step.path)


def _steps(lines):
    syncing = {}
    for line in lines:
        if done := _RESUMED.match(line):
            if done[1] in syncing:
                yield Step("sync", syncing.pop(done[1]))
        elif received := _RECEIVED.match(line):
            if _text(received[1]).startswith(_ANSWER):
                yield Step("answer", "")
        elif sync := _SYNC.match(line):
            path = _text(sync[2]).decode()
            if "unfinished" in sync[3]:
                syncing[sync[1]] = path
            elif sync[3].endswith("= 0"):
                yield Step("sync", path)
        elif call := _CALL.match(line):
            yield from _step(call[1], call[2] or "", _text(call[3] or ""), call[4])


def _step(name, path, data, rest):
    numbers = [int(number) for number in re.findall(r"\b\d+\b", rest)]
    path = _text(path).decode(errors="replace")
    if name == "pwrite64":
        yield Step("write", path, numbers[1], data)  # the size, the place, what came of it
    elif name == "ftruncate":
        yield Step("cut", path, numbers[0])
    elif name == "unlink":
        yield Step("remove", data.decode())
    elif data.startswith(_ANSWER) or _ANSWER in _text(rest):
        yield Step("answer", "")


def _text(escaped):
    return bytes.fromhex("".join(re.findall(r"\\x([0-9a-f]{2})", escaped)))
