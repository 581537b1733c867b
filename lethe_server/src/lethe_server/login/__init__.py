"""Signing a browser in and out, on a machine without a proxy."""
