"""What a database holds, read from its system catalog."""
