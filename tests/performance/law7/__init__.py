"""Law 7 on a real API server: an Environment with a user is never gone. `python -m law7` (`make law7`).

Users come into being while their Environment is deleted. Everything that could lose the race for us happens on the way:
another webhook that is slow, before or after ours has had its say; a replica of ours that has heard of nothing for
minutes; lists that take seconds. Every change of Environments and users is recorded with its revision, and played back
in that order: at no revision may there be a user without its Environment.
"""
