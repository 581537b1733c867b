"""Saved searches: words and filters that somebody wants to look for again."""
