"""What admission costs, measured beside others that do the same or nothing, in one run: ``python -m bench``."""
