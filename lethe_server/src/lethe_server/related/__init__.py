"""Related sessions: subagents, forks and continuations, as a tree."""
