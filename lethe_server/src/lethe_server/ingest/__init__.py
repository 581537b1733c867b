"""Ingest: what collectors send."""
