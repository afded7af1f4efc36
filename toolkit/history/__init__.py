"""What was applied to a database, and the runs that apply and undo it."""
