"""The spec of an Environment: its fragment, its scope and what is wrong with it. Pure."""
