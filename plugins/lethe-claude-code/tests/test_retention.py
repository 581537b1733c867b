"""When Claude Code deletes its transcripts."""

from __future__ import annotations

import pytest

from lethe_claude_code.parser import ClaudeCodeParser

DAY = 86400.0


@pytest.mark.promise("C13")
@pytest.mark.parametrize(
    ("settings", "days"),
    [
        (None, 30),
        ('{"cleanupPeriodDays": 7}', 7),
        ('{"cleanupPeriodDays": 99999}', 99999),
        ('{"cleanupPeriodDays": 0}', 1),
        ('{"cleanupPeriodDays": "soon"}', 30),
        ('{"cleanupPeriodDays": 1' + "0" * 400 + "}", 30),
        ('{"model": "x"}', 30),
        ("[", 30),
    ],
)
def test_c13_settings_say_when(tmp_path, settings, days):
    """It is `cleanupPeriodDays` of the settings beside the transcripts, or thirty days."""
    root = tmp_path / "projects"
    root.mkdir()
    if settings is not None:
        (tmp_path / "settings.json").write_text(settings)

    assert ClaudeCodeParser().deletes_after(root) == days * DAY
