"""A project as files: where its scripts and sources are, and what its releases have shipped."""
