"""``python -m lethe_server``."""

from __future__ import annotations

from lethe_server.cli import main

main(prog_name="lethe-server")
