"""The schema of `client.yaml`."""

from __future__ import annotations

from lethe_core.settings import FilePath, ServerUrl, Settings, Text


class ClientSettings(Settings):
    """The whole file."""

    url = ServerUrl(load_default=None)
    token = Text(load_default=None)
    token_file = FilePath(load_default=None)
    data_dir = FilePath(load_default=None)
