"""The server of lethe: API, storage, search, sign-in, the page, and the command `lethe up`."""

__version__ = "0.1.0"
