"""What is archived of a machine, and what is not yet."""
