"""A small world: tools that write, a collector and a server as processes, and what befalls them.

Everything random comes from one seed, which is printed. `settle` lets the world come to rest and
asks the oracle.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from fakes.machine import Machine
from fakes.process import CollectorProcess
from fakes.proxy import CutProxy, Plan
from fakes.served import ServerProcess
from faults.oracle import Archive, Key, Ledger, Model, check

from lethe_core.testing import files

SERVER_POINTS = ("server.commit.before", "server.commit.after")
#: Turns that are searched for in the end.
SEARCHED = 100


class World:
    """See the module.

    Args:
        place: a directory for everything.
        seed: of all chance.
        steady: transcripts that only grow.
        troubled: transcripts that are also cut, replaced and deleted.
        pause: the longest time between two lines, in seconds.
    """

    def __init__(self, place, seed, *, steady=4, troubled=0, pause=0.01):
        print(f"LETHE_SEED={seed}", flush=True)  # noqa: T201 - to repeat it
        self.chance = random.Random(seed)
        self.server = ServerProcess(place)
        self.proxy = CutProxy(self.server.port)
        self.proxy.start()
        self.machine = Machine(place, self.proxy)
        self.machine.token_file.write_text(self.server.secret)
        self.collector = CollectorProcess(place, self.machine.config_file)
        self.process = None
        self.model = Model()
        self.steady = [self.machine.transcript(f"steady{n}").path for n in range(steady)]
        self.troubled = [self.machine.transcript(f"troubled{n}").path for n in range(troubled)]
        self.done = Counter()
        self.peaks = Counter()
        self._log = (place / "collector.log").open("a")
        self._pause = pause
        self._count = 0
        self._lock = threading.Lock()
        self._resting = threading.Event()
        self._writers = [
            threading.Thread(target=self._write, args=(paths, random.Random(seed + n)))
            for n, paths in enumerate((self.steady, self.steady, self.troubled))
            if paths
        ]

    def __enter__(self):
        for writer in self._writers:
            writer.start()
        return self

    def __exit__(self, *_):
        self.rest()
        self.server.kill()
        self._kill_collector()
        self.proxy.stop()
        self._log.close()

    # Tools ---------------------------------------------------------------------------------

    def record(self, path, chance):
        """Make a record that there never was, with a word that it alone has."""
        with self._lock:
            self._count += 1
            number = self._count
            self.model.possible.add(Key(path.stem, f"{path.stem}-{number}-0"))
        text = f"uniq{number}q " + "lorem " * chance.randrange(200)
        return json.dumps({"n": number, "text": text}).encode() + b"\n"

    def _write(self, paths, chance):
        """Write as a tool does: a line at a time, now and then in two parts."""
        while not self._resting.is_set():
            path = chance.choice(paths)
            line = self.record(path, chance)
            half = chance.randrange(len(line)) if chance.random() < 0.3 else 0
            with self._lock:  # two writers of one file would tear each other's lines
                if half:
                    files.append_partial(path, line[:half])
                    self._resting.wait(chance.random() * 0.002)
                files.append_partial(path, line[half:])
            self._resting.wait(chance.random() * self._pause)

    def rest(self):
        """Have the tools stop."""
        self._resting.set()
        for writer in self._writers:
            writer.join()

    def trouble(self):
        """Do to a file what should not be done to files."""
        path = self.chance.choice(self.troubled)
        with self._lock, suppress(FileNotFoundError):
            match self.chance.choice(("cut", "empty", "replace", "delete", "move")):
                case "cut":
                    files.truncate(path, self.chance.randrange(path.stat().st_size + 1))
                case "empty":
                    files.truncate(path)
                case "replace":
                    lines = path.read_bytes().split(b"\n")
                    del lines[self.chance.randrange(len(lines))]
                    files.replace(path, b"\n".join(lines))
                case "delete":
                    path.unlink()
                case "move":
                    folder = self.machine.root / f"moved{self.chance.randrange(3)}"
                    folder.mkdir(exist_ok=True)
                    self.troubled[self.troubled.index(path)] = path.rename(folder / path.name)
        self.done["trouble"] += 1

    # Processes -----------------------------------------------------------------------------

    def run_server(self, fail=""):
        """Have a server run."""
        if self.server.process is None or self.server.process.poll() is not None:
            self.server.start(fail=fail)
            self.done["server starts"] += 1

    def run_collector(self, fail=""):
        """Have a collector run."""
        if self.process is None or self.process.poll() is not None:
            self.process = self.collector.start(
                "daemon", fail=fail, stdout=subprocess.DEVNULL, stderr=self._log
            )
            self.done["collector starts"] += 1

    def kill(self, what):
        """Kill one or both."""
        if what in {"server", "both"}:
            self.server.kill()
        if what in {"collector", "both"}:
            self._kill_collector()
        self.done[f"kill {what}"] += 1

    def _kill_collector(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop_collector(self):
        """Have the collector end in order."""
        if self.process is not None and self.process.poll() is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(60) in {0, -signal.SIGTERM, -signal.SIGKILL}
        self.done["stop collector"] += 1

    def freeze(self, seconds):
        """Hold the server, with all that it is doing."""
        if self.server.process.poll() is None:
            os.kill(self.server.pid, signal.SIGSTOP)
            time.sleep(seconds)
            os.kill(self.server.pid, signal.SIGCONT)
        self.done["freeze server"] += 1

    def cut_network(self):
        """Cut all connections, and the next ones at any byte of a request or an answer."""
        for _ in range(self.chance.randrange(1, 4)):
            way = self.chance.choice(("up", "down"))
            place = self.chance.randrange(1, 2000 if way == "up" else 400)
            self.proxy.plans.append(Plan(**{way: place}, reset=self.chance.random() < 0.5))
        self.proxy.drop()
        self.done["cut network"] += 1

    def lose_archive(self):
        """Lose the server's database; somebody makes a new token."""
        self.server.kill()
        shutil.rmtree(self.server.data)
        self.server.make_token()
        self.machine.token_file.write_text(self.server.secret)
        self.done["lose archive"] += 1

    def measure(self):
        """Note how large everything is."""
        pids = {"server": self.server.pid}
        if self.process is not None:
            pids["collector"] = self.process.pid
        for name, pid in pids.items():
            with suppress(OSError, KeyError):  # it has ended
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                status = dict(line.split(":", 1) for line in lines)
                self._peak(f"{name} KiB", int(status["VmHWM"].split()[0]))
                self._peak(f"{name} threads", int(status["Threads"]))
                self._peak(f"{name} descriptors", len(list(Path(f"/proc/{pid}/fd").iterdir())))
        for name, path in (
            ("server log bytes", self.server.data / "lethe.db-wal"),
            ("collector log bytes", self.machine.state_dir / "state.db-wal"),
        ):
            with suppress(OSError):
                self._peak(name, path.stat().st_size)

    def _peak(self, name, value):
        self.peaks[name] = max(self.peaks[name], value)

    # The end -------------------------------------------------------------------------------

    def settle(self):
        """Let all arrive, and ask the oracle.

        Returns:
            How many turns there are.
        """
        self.rest()
        self.stop_collector()
        self.server.kill()  # it may have a fault in store
        self.run_server()
        code, _, err = self.collector.run("daemon", "--exit-when-idle", patience=800)
        assert code in {0, 2}, err[-2000:]
        for path in self.steady + self.troubled:
            if path.exists():
                self.model.owe(_keys(path))
        self.model.orders = [list(_keys(path)) for path in self.steady]
        ledger = Ledger.read(self.machine.state_dir)
        assert not ledger.waiting
        turns = self.server.turns()
        archive = Archive(turns, dead=ledger.dead)
        stored = sorted(Key(name, turn) for name, ids in turns.items() for turn in ids)
        sample = self.chance.sample(stored, min(SEARCHED, len(stored)))
        words = {key: f"uniq{key.turn_id.split('-')[1]}q" for key in sample}
        hits = self.server.hits(words.values())
        assert [word for word in words.values() if hits[word] != 1] == []
        check(self.model, archive)
        return len(stored)


def _keys(path):
    for line in path.read_bytes().split(b"\n")[:-1]:
        for place in (0, line.rfind(b'{"n"')):
            try:
                record = json.loads(line[max(0, place) :])
            except ValueError:
                continue
            yield Key(path.stem, f"{path.stem}-{record['n']}-0")
            break
