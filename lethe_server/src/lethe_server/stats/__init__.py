"""Statistics: turns and tokens by tool, host, day and so on."""
