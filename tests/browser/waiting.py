"""Waiting for what an action leads to, before something is measured or counted."""

from __future__ import annotations

LIVE = "Live: what is archived appears by itself"

#: Waits until so many pictures have been drawn.
FRAMES = """async (count) => {
  for (let drawn = 0; drawn < count; drawn += 1) await new Promise(requestAnimationFrame);
}"""
