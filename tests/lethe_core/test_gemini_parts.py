"""The parts of a message of the Gemini API, sorted."""

from __future__ import annotations

import pytest

from lethe_core.gemini_parts import Parts, result_output, sort_parts


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("words", Parts(text="words")),
        ({"text": "words"}, Parts(text="words")),
        (["one ", {"text": "two"}], Parts(text="one two")),
        ([{"text": "hm", "thought": True}], Parts(thoughts=["hm"])),
        ([{"functionCall": {"name": "ls"}}], Parts(calls=[{"name": "ls"}])),
        ([{"functionResponse": {"id": "1"}}], Parts(results=[{"id": "1"}])),
        (
            [{"thoughtSignature": "x", "executableCode": {}}],
            Parts(
                unknown=["executableCode"],
                blocks=[{"thoughtSignature": "x", "executableCode": {}}],
            ),
        ),
        (None, Parts()),
        ([7, None], Parts()),
    ],
)
def test_parts_are_sorted(content, expected):
    """Each part goes to its kind; what has another form is named, never an error."""
    assert expected == sort_parts(content)


def test_media_are_attachments():
    """Data becomes an image with its size; a file that lies elsewhere keeps its address."""
    inline = {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}
    file = {"fileData": {"mimeType": "text/plain", "fileUri": "files/1"}}

    image, elsewhere = sort_parts([inline, file]).attachments

    assert ("image/png", "QUJD", 3) == (image["media_type"], image["data"], image["bytes"])
    assert {"type": "file", "media_type": "text/plain", "uri": "files/1"} == elsewhere


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"output": "done"}, ("done", False)),
        ({"error": "no such file"}, ("no such file", True)),
        ("plain", ("plain", False)),
        (None, ("", False)),
        ({"rows": [1]}, ('{"rows":[1]}', False)),
    ],
)
def test_result_is_text(response, expected):
    """What a tool answered becomes text, and an error is known as one."""
    assert expected == result_output(response)
