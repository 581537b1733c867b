"""Sessions: lists of them, and one with its turns."""
