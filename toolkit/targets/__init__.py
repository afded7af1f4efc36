"""Databases that a project knows by name, and many at a time."""
