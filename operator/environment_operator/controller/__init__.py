"""Event in, status out: the index of who uses an Environment, the reconciler and the kopf handlers."""
