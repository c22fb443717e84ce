"""The kinds table: which kinds can use an Environment, and where their pod templates are."""
