"""The collector as a process of its own, with the toy's plugin installed beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: Where a collector can be killed.
COLLECTOR_POINTS = (
    "lane.read.before",
    "batch.made",
    "post.before",
    "post.after",
    "cursor.commit.before",
    "cursor.commit.after",
    "outbox.put.before",
    "outbox.put.after",
    "outbox.delete.before",
    "outbox.delete.after",
)

_TESTS = Path(__file__).parent.parent


class CollectorProcess:
    """Starts collectors on one machine.

    Args:
        place: a directory for the plugin and for the home of the process.
        config: the configuration file.
    """

    def __init__(self, place, config):
        self.config = config
        self._site = place / "site"
        info = self._site / "toy_plugin-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-plugin\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[lethe.parsers]\ntoy = toy_plugin:plugin\n")
        (self._site / "toy_plugin.py").write_text(
            "from fakes.toy import ToyParser, hook\nplugin = hook(ToyParser())\n"
        )
        self._home = place / "home"
        self._home.mkdir()

    def start(self, *arguments, fail="", prefix=(), **options):
        """Start ``lethe-collector``; ``fail`` is for failpoints, ``prefix`` a command around it."""
        program = (*prefix, sys.executable, "-m", "lethe_collector")
        return subprocess.Popen(
            [*program, *arguments, "--config", str(self.config)],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self._home),
                "PYTHONPATH": f"{self._site}{os.pathsep}{_TESTS}",
                "LETHE_FAIL": fail,
            },
            text=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )

    def run(self, *arguments, fail="", prefix=(), patience=170):
        """Run to the end; return exit code, standard output and standard error."""
        process = self.start(*arguments, fail=fail, prefix=prefix)
        try:
            out, err = process.communicate(timeout=patience)
        finally:
            process.kill()
            process.wait()
        return process.returncode, out, err
