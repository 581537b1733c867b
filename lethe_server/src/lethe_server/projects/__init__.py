"""Projects: the directories that sessions were held in."""
