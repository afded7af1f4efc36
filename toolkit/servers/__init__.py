"""The PostgreSQL servers that dbtool runs: the embedded one, and throwaway ones."""
