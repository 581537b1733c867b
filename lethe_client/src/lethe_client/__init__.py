"""The commands of lethe that ask a server."""

__version__ = "0.1.0"
