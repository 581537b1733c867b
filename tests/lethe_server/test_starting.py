"""What is left out of the start, and still works."""

from __future__ import annotations

import ssl
import subprocess
import sys

_PROGRAM = """
import re, ssl
made = []
make = re._compiler.compile
re._compiler.compile = lambda pattern, flags=0: made.append(str(pattern)) or make(pattern, flags)
before = re.compile, ssl.SSLContext.set_default_verify_paths
from lethe_server.starting import import_libraries
import_libraries()
assert before == (re.compile, ssl.SSLContext.set_default_verify_paths)
from aiohttp import connector
from marshmallow import ValidationError, validate
print(len(connector._SSL_CONTEXT_VERIFIED.get_ca_certs()))
print(any("]{0,61}" in pattern for pattern in made))
print(validate.Email()("kim@example.org"))
try:
    validate.Email()("kim@")
except ValidationError:
    print("refused")
from lethe_server.auth.oidc.fetching import HttpFetcher
import asyncio
async def look():
    fetcher = HttpFetcher()
    context = fetcher._session.connector._ssl
    print(context.verify_mode.name, context.check_hostname, len(context.get_ca_certs()))
    await fetcher.close()
asyncio.run(look())
"""


def test_what_is_left_out_comes_when_it_is_needed():
    """Patterns are compiled when they are used; who asks an identity provider has certificates."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False
    )

    trusted = len(ssl.create_default_context().get_ca_certs())
    assert done.stderr == ""
    assert ["0", "False", "kim@example.org", "refused"] == done.stdout.split("\n")[:4]
    assert f"CERT_REQUIRED True {trusted}" == done.stdout.split("\n")[4]
