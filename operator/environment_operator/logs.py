"""Logging as JSON lines, for people and for collectors."""

import logging

from pythonjsonlogger.json import JsonFormatter


def configure(level: str) -> None:
    """Send everything to standard error as JSON; kopf says less, since it reports each event."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter(
            "{asctime}{levelname}{name}{message}",
            style="{",
            # A record of Python's has a name of its own.
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger", "object_name": "name"},
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
