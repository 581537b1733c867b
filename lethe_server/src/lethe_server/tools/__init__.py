"""Tools: those that plugins read, and those of which there are sessions."""
