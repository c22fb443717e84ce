"""How the controller copes with many Environments and many users: ``python -m scale``, or ``make bench-scale``.

Numbers of one machine and one run. The webhooks are off, so that what is stored lacks finalizer and status.
"""
