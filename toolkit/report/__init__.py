"""The page of numbers for a product owner."""
