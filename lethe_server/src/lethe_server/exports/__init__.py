"""Exports: a whole session as one file, to keep, to read or to send again."""
