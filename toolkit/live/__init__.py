"""A live database beside what its migrations build: verify, mend, plan, adopt."""
