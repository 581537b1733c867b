"""The libraries in the page are those that their authors released, and the page is light."""

from __future__ import annotations

import hashlib
import json
import re

import pytest

from lethe_server.web.assets import load_assets

#: Bytes of everything that the first view loads, compressed.
FIRST_LOAD_BYTES = 150_000


@pytest.fixture(scope="module")
def web(repository):
    """Where the page is."""
    return repository / "lethe_server" / "src" / "lethe_server" / "web"


def test_vendored_files_are_the_listed_ones(web):
    """Each file has its digest in the list; each library its licence, version and origin."""
    vendor = web / "vendor"
    libraries = json.loads((vendor / "VENDOR.json").read_text())["libraries"]
    listed = {name: digest for library in libraries for name, digest in library["files"].items()}
    found = {
        path.relative_to(vendor).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor.rglob("*")
        if path.is_file() and path.name != "VENDOR.json"
    }

    assert found == listed
    for library in libraries:
        assert re.fullmatch(r"\d+\.\d+\.\d+", library["version"])
        assert library["license"]
        assert library["origin"]
        assert set(library["license_files"]) <= set(library["files"])
        assert library["license_files"]


def test_modules_import_what_is_there(web):
    """Every import of the page's modules is a file of the page."""
    static = web / "static"
    missing = []
    for module in static.rglob("*.js"):
        text = module.read_text(encoding="utf-8")
        for name in re.findall(r"""(?:from|import)\s*\(?\s*["'](\.[^"'$]+)["']""", text):
            path = (module.parent / name).resolve()
            if not path.exists():
                vendored = web / "vendor" / name.split("vendor/", 1)[-1]
                if not ("vendor/" in name and vendored.exists()):
                    missing.append(f"{module.name}: {name}")

    assert missing == []


def test_only_one_module_asks_the_server(web):
    """Requests are made in `api.js`, and the stream of events in `live.js`."""
    asking = re.compile(r"\bfetch\(|XMLHttpRequest|EventSource\(|sendBeacon|WebSocket")
    modules = (web / "static").rglob("*.js")
    found = {module.name for module in modules if asking.search(module.read_text())}

    assert {"api.js", "live.js"} == found


def test_no_markup_is_made_of_text(web):
    """Only the sanitiser makes nodes of markup."""
    making = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function",
        re.IGNORECASE,
    )
    modules = (web / "static").rglob("*.js")
    found = {module.name for module in modules if making.search(module.read_text())}

    assert found == set()


def test_colours_and_sizes_are_tokens(web):
    """Colours stand in one stylesheet; the others name them."""
    colour = re.compile(r"#[0-9a-f]{3,8}\b|\brgba?\(|\bhsla?\(", re.IGNORECASE)
    found = {
        sheet.name: colour.findall(sheet.read_text())
        for sheet in (web / "static" / "css").glob("*.css")
        if sheet.name != "tokens.css"
    }

    assert {name: [] for name in found} == found


def test_every_file_has_a_place_in_the_version():
    """The document names the version, and nothing that is not there."""
    assets = load_assets()
    document = assets.shell.data.decode()
    named = re.findall(r"/static/([0-9a-f]{16})/([^\"]+)", document)

    assert named
    for version, name in named:
        assert assets.version == version
        assert name in assets.files


def test_the_first_load_is_light(page):
    """Everything that the first view asks for, without the data, is under 150 KB compressed."""
    answers = []

    def note(answer):
        answers.append(answer)

    page.on("response", note)
    page.goto("/")
    page.locator(".session-row").first.wait_for()
    sizes = {
        answer.url: answer.request.sizes()["responseBodySize"]
        for answer in answers
        if "/api/" not in answer.url
    }

    assert len(sizes) > 20
    assert sum(sizes.values()) < FIRST_LOAD_BYTES
