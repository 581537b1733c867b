"""Projects are found by their directory, or by what it ends in."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("directory", "project"),
    [
        ("/srv/x", "/srv/x/"),
        ("/srv/x/", "/srv/x"),
        ("/srv/x/", "x/"),
        ("C:\\", "C:\\"),
        ("D:/", "D:"),
        ("C:\\src\\x\\", "x"),
        ("/", "/"),
    ],
)
async def test_signs_at_the_end_make_no_difference(archive, event, directory, project):
    """However a directory is noted and asked for, lists, sums and searches agree."""
    meta = {"working_dir": directory}
    await archive.send(
        event(1, content="rose", session_meta=meta),
        event(
            2, content="rose", session_id="s2", session_meta={"working_dir": f"{directory}other"}
        ),
        event(3, content="rose", session_id="s3"),
    )

    sessions = (await archive.get("/sessions", project=project))["sessions"]
    totals = (await archive.get("/stats", project=project))["totals"]
    found = (await archive.get("/search", q="rose", project=project))["results"]

    assert [session["session_id"] for session in sessions] == ["s1"]
    assert totals["turns"] == 1
    assert [result["turn_id"] for result in found] == ["turn-1"]
