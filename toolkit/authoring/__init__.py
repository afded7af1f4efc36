"""Writing migrations: from sources, squashed, and proved."""
