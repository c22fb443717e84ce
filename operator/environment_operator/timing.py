"""How often and how long: constants, since nobody who installs the operator has a reason to choose them.

The tests run the operator with shorter times (`tests/cluster/tuned.py`).
"""

_DAY = 24 * 3600.0

# How many objects are reconciled at the same time, and how many a second at most.
WORKERS = 8
RATE = 300.0
# How long a Lease that is not renewed keeps other controllers from leading, how long its holder works after the
# beginning of its last renewal, and how often it is renewed or read. When a leader is killed another one begins
# after 8 to 9 s; between the second and the first number requests that were under way come to their end.
LEASE_SECONDS = 8.0
LEASE_RENEW_SECONDS = 5.0
LEASE_RETRY_SECONDS = 1.0
# How long further changes of an Environment wait after its status was written.
GATHER_SECONDS = 1.0
# The longest pause before something that failed is tried again.
RETRY_SECONDS = 30.0
# How often all Environments are listed, and each project is asked whether it lets credentials be copied.
RESYNC_SECONDS = 600.0
# The life of the serving certificate and of its authority; each is renewed after two thirds.
CERTIFICATE_SECONDS = 90 * _DAY
AUTHORITY_SECONDS = 365 * _DAY
# How often the certificate, and what the API server trusts, is checked.
CERTIFICATE_CHECK_SECONDS = 10.0
# How long admission goes on answering after SIGTERM, until no API server connects any more.
DRAIN_SECONDS = 5.0
