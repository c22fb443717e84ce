"""Starts one role: everything is made here and passed down.

A role is imported when it is chosen: admission needs no kopf, and starts in half the time without it.
"""

import argparse
import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

import uvloop
from pydantic import ValidationError

from environment_operator import logs
from environment_operator.kube.client import Cluster
from environment_operator.kube.errors import NoClusterError
from environment_operator.settings import Settings, wrong

# The module and the class of each role.
ROLES = {
    "controller": "controller.manager:Controller",
    "webhook": "admission.server:Webhook",
    "console": "console.role:Console",
}
# Those that have no rights of their own, and so no connection.
_ALONE = ("console",)


async def run(role: Callable[[Cluster, Settings], Any], settings: Settings) -> None:
    """Run a role until a signal comes."""
    cluster = await Cluster.connect()
    try:
        running: Awaitable[None] = role(cluster, settings).run()
        await running
    finally:
        await cluster.close()


def main() -> None:
    """Run the role that was asked for."""
    parser = argparse.ArgumentParser(prog="environment-operator", description="Environments for AI workloads.")
    meaning = (
        "controller: keeps status and finalizers right; webhook: fills workloads in at admission; "
        "console: serves the page, with the rights of whoever asks"
    )
    parser.add_argument("role", choices=sorted(ROLES), help=meaning)
    role = parser.parse_args().role
    try:
        settings = Settings()
        settings.kinds()
    except ValidationError as error:
        sys.exit(f"The settings are wrong. {wrong(error)}")
    except ValueError as error:
        sys.exit(f"The settings are wrong. {error}")
    logs.configure(settings.log_level)
    module, _, name = ROLES[role].partition(":")
    chosen = getattr(import_module(f"environment_operator.{module}"), name)
    try:
        uvloop.run(chosen(settings).run() if role in _ALONE else run(chosen, settings))
    except NoClusterError as error:
        sys.exit(f"no API server is known: {error}")
