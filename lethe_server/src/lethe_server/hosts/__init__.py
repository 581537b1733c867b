"""Hosts: what came from each, and when."""
