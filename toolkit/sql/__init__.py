"""SQL text and its way to the server: parsing, splitting, running, limits."""
