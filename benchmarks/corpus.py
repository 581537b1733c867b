"""The transcripts that are measured on: made by a generator, the same on every machine.

The generator is not part of this repository. It is looked for in `LETHE_BENCH_GENERATOR`, else as
`../shared/bench/gen_corpus.py` beside the checkout; what it makes is kept in the cache directory.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import platformdirs

SIZES = {"XS": ("5MB", "3"), "S": ("50MB", "1"), "M": ("500MB", "2")}
"""Bytes and seed of each corpus."""


def corpus(size: str) -> Path:
    """Return the directory of a corpus; generate it if it is not there yet.

    Args:
        size: a key of `SIZES`.
    """
    directory = Path(platformdirs.user_cache_dir("lethe-bench", appauthor=False)) / size
    if (directory / "manifest.json").exists():
        return directory
    beside = Path(__file__).parents[2] / "shared" / "bench" / "gen_corpus.py"
    generator = Path(os.environ.get("LETHE_BENCH_GENERATOR", beside))
    if not generator.exists():
        raise SystemExit(f"no corpus generator at {generator}; set LETHE_BENCH_GENERATOR")
    wanted, seed = SIZES[size]
    print(f"generating {wanted} of transcripts, once")
    directory.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(generator), str(directory), "--bytes", wanted, "--seed", seed]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return directory
