"""What callers with bad intentions, or with odd sessions, get."""
