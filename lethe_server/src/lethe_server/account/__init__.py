"""The account of who asks: who that is, and the own tokens."""
