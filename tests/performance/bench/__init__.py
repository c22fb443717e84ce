"""What admission costs, compared with others that do the same or nothing, in one run: ``python -m bench``."""
