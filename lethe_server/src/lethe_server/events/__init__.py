"""Events: what changes in an archive, told to whoever follows it."""
