"""The page as a local process: it listens on this machine, opens the browser, and ends with Ctrl-C."""

import asyncio
import contextlib
import signal
import webbrowser
from collections.abc import Callable, Sequence

import click
from aiohttp import web

from environment_operator.cli.client.connection import Connection
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.console import application, security
from environment_operator.console.cluster import SECONDS, Cluster

HOST = "127.0.0.1"


def run(connections: Sequence[Connection], port: int, *, opens: bool) -> None:
    """Serve the page until the user stops it.

    Args:
        connections: the clusters, with the rights of the user.
        port: port to listen on, 0 for any.
        opens: whether to open the browser.

    Raises:
        Problem: another program listens on the port.
    """
    clusters = [Cluster(each.patient(SECONDS)) for each in connections]
    for each in clusters:
        # A program that gives credentials may ask the user, so here and not while a page waits.
        # Where it cannot be used, the page says so.
        with contextlib.suppress(Problem):
            each.name  # noqa: B018 - the kubeconfig is read now
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(clusters, port, webbrowser.open if opens else None))


async def _serve(clusters: Sequence[Cluster], port: int, browse: Callable[[str], object] | None) -> None:
    """Serve the page until a signal comes."""
    entrance = security.LocalEntrance(clusters, _announce)
    runner = web.AppRunner(application.build(entrance), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, port)
        await _start(site, port)
        entrance.port = runner.addresses[0][1]
        _announce(entrance.address)
        if browse:
            await asyncio.to_thread(browse, entrance.address)
        await _stopped()
    finally:
        await runner.cleanup()


async def _start(site: web.TCPSite, port: int) -> None:
    """Listen.

    Raises:
        Problem: another program does so on this port.
    """
    try:
        await site.start()
    except OSError as error:
        raise Problem(f"port {port} cannot be used: {error.strerror}. Give another --port.", Exit.USAGE) from error


def _announce(address: str) -> None:
    """Print where the page is; it is part of the output, so that programs can read it."""
    click.echo(f"The page is at {address}")
    click.echo("The address works once. Press Ctrl-C to stop.", err=True)


async def _stopped() -> None:
    """Return when a signal comes."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
