"""What a transcript may hold to harm who reads it: two hundred texts and more.

Each of them sets `window.harmed`, opens a dialog or asks another host, if anything makes it run.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from browser.stories import Story

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What is asked for by what should not be drawn; nothing listens there.
ELSEWHERE = "http://203.0.113.9"
HARM = "window.harmed=1"

_ELEMENTS = (
    f"<script>{HARM}</script>",
    f"<script src={ELSEWHERE}/a.js></script>",
    f"<img src=x onerror={HARM}>",
    f'<img src="{ELSEWHERE}/pixel.gif">',
    f'<svg onload="{HARM}"></svg>',
    f"<svg><script>{HARM}</script></svg>",
    f"<svg><animate onbegin={HARM} attributeName=x dur=1s></svg>",
    f'<iframe srcdoc="<script>parent.{HARM}</script>"></iframe>',
    f"<iframe src=javascript:parent.{HARM}></iframe>",
    f"<body onload={HARM}>",
    f"<details open ontoggle={HARM}>x</details>",
    f"<video><source onerror={HARM}></video>",
    f'<audio src="{ELSEWHERE}/a" autoplay onerror={HARM}></audio>',
    f"<input autofocus onfocus={HARM}>",
    f"<marquee onstart={HARM}>x</marquee>",
    f'<object data="javascript:{HARM}"></object>',
    f'<embed src="javascript:{HARM}">',
    f'<link rel=stylesheet href="{ELSEWHERE}/a.css">',
    f"<style>@import '{ELSEWHERE}/b.css';</style>",
    f"<style>body{{background:url({ELSEWHERE}/c)}}</style>",
    f'<base href="{ELSEWHERE}/">',
    f'<meta http-equiv=refresh content="0;url={ELSEWHERE}/">',
    f'<form action="{ELSEWHERE}"><button>Send</button></form>',
    f'<a href="javascript:{HARM}">x</a>',
    f'<a href="data:text/html,<script>{HARM}</script>">x</a>',
    f'<math><mtext><img src=x onerror="{HARM}"></mtext></math>',
    f"<template><img src=x onerror={HARM}></template>",
    f'<noscript><p title="</noscript><img src=x onerror={HARM}>">',
    f'<p style="background:url({ELSEWHERE}/d)" onclick="{HARM}">x</p>',
    f"<x-y onpointerenter={HARM} tabindex=0 onfocus={HARM} autofocus>x</x-y>",
)
_WRAPPERS = (
    "{}",
    "before {} behind",
    "**{}**",
    "`{}",
    "> {}",
    "- {}\n- {}",
    "| a | b |\n| - | - |\n| {} | x |",
)
_MARKDOWN = (
    f"[x](javascript:{HARM})",
    f"[x](JaVaScRiPt:{HARM})",
    f"[x](\tjavascript:{HARM})",
    f"[x](&#106;avascript:{HARM})",
    f"[x](java\nscript:{HARM})",
    f"[x](vbscript:{HARM})",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    f"[x](//203.0.113.9/a 'title\" onmouseover=\"{HARM}')",
    f"[x][ref]\n\n[ref]: javascript:{HARM}",
    f"<javascript:{HARM}>",
    f"![x]({ELSEWHERE}/p.png)",
    f"![x](javascript:{HARM})",
    f"![x](data:image/svg+xml,<svg onload={HARM}>)",
    f"[![x]({ELSEWHERE}/p.png)](javascript:{HARM})",
    f'```"><img src=x onerror={HARM}>\ncode\n```',
    f"```html onload={HARM}\n<img src=x onerror={HARM}>\n```",
    f"~~~<script>{HARM}</script>\nx\n~~~",
    f"`<img src=x onerror={HARM}>`",
    f"# <img src=x onerror={HARM}>",
    f"$$\\href{{javascript:{HARM}}}{{x}}$$",
    f"\\(\\unicode{{<img src=x onerror={HARM}>}}\\)",
    f"<!--><img src=x onerror={HARM}>-->",
    f"<![CDATA[<img src=x onerror={HARM}>]]>",
    f"<?xml <img src=x onerror={HARM}>?>",
    f"&lt;img src=x onerror={HARM}&gt;",
    f"\\<img src=x onerror={HARM}\\>",
    f"<<script>{HARM}//<</script>",
    f"<img/src='x'/onerror={HARM}>",
    f"<IMG SRC=x OnErRoR={HARM}>",
    f"<img src=x\nonerror\n=\n{HARM}>",
)

#: The corpus.
TEXTS = tuple(
    wrapper.replace("{}", element) for wrapper, element in product(_WRAPPERS, _ELEMENTS)
) + tuple(_MARKDOWN)

#: What looks like a node of the templates, and must be data all the same.
NODE: dict[str, Any] = {
    "type": "img",
    "props": {"src": "x", "onError": HARM, "dangerouslySetInnerHTML": {"__html": _ELEMENTS[2]}},
    "key": None,
    "ref": None,
    "constructor": None,
    "__v": 1,
    "__k": None,
}


def hostile_sessions(begins: float) -> Iterator[Story]:
    """The corpus as titles, directories, texts, names of tools, arguments and outputs.

    Args:
        begins: Unix seconds.
    """
    size = 40
    for number, start in enumerate(range(0, len(TEXTS), size)):
        texts = TEXTS[start : start + size]
        story = Story(
            f"hostile-{number}",
            begins + number,
            title=texts[0],
            title_source="custom",
            directory=f"/home/kim/{texts[1]}",
            model=texts[2][:200],
            git_branch=texts[3],
        )
        for text in texts:
            story.prompt(f"harmful {text}")
            story.answer(text)
            story.think(text)
            arguments = {"command": text, text: text, "node": NODE, "list": [text, NODE]}
            story.call(text[:100], arguments, text)
            edit = {"file_path": text, "old_string": "a", "new_string": text}
            story.call("Edit", edit, f"--- a\n+++ b\n@@ -1 +1 @@\n+{text}")
            drawing = {"type": "image", "media_type": "image/svg+xml", "data": "PHN2Zz4="}
            story.turn("system", "notice", text, metadata={"attachments": [drawing, NODE, text]})
        story.turn("system", "context", texts[0], metadata={"kind": NODE})
        unmapped = {"raw": texts[4], "reason": NODE}
        story.turn("system", "unmapped", "", metadata={"unmapped": unmapped})
        yield story
