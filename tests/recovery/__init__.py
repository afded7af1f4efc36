"""Standbys, backups, restores and upgrades, with servers of the tests' own."""
