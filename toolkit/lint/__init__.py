"""What scripts and the objects that they build should look like."""
