"""Benchmarks: lethe measured as users run it.

`hatch run bench` measures all of them, `hatch run bench backfill --size M` one on a larger corpus.
Each module measures one thing and returns a table; nothing here asserts a time.
"""
