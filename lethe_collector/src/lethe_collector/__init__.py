"""The collector of lethe: follows the transcripts of coding assistants and ships every turn."""

from __future__ import annotations

__version__ = "0.1.0"
