"""Stand-ins for what is outside: a server, a tool, a transport; small, and shared by tests."""
