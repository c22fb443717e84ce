"""Review in, patch out: the admission server, the lookups it makes for a review, and its certificates."""
