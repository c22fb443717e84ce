"""The role ``console``: the page in a cluster, with no rights of its own."""

import asyncio
import logging
import signal
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext, SSLError

from aiohttp import web

from environment_operator import health
from environment_operator.cli.client.connection import Access, Connection
from environment_operator.cli.exit_codes import Problem
from environment_operator.console import application
from environment_operator.console.bearer import BearerEntrance
from environment_operator.console.cluster import SECONDS
from environment_operator.kube.errors import NoClusterError
from environment_operator.settings import Settings

logger = logging.getLogger(__name__)
# So often the files of the certificate are read again.
_EVERY_SECONDS = 60


class Console:
    """Serves the page for whoever brings a bearer token.

    Args:
        settings: the settings.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def run(self) -> None:
        """Serve until a signal comes.

        Raises:
            NoClusterError: no kubeconfig says where the API server is, or it has credentials.
        """
        entrance = BearerEntrance(connection(), self._settings.console_header)
        app = application.build(entrance)
        app.on_response_prepare.append(entrance.remember)
        app.router.add_get("/", _onward)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        folder = self._settings.console_certificate
        tls = _tls(folder) if folder else None
        await runner.setup()
        renewing = asyncio.create_task(_renewed(tls, folder)) if tls and folder else None
        try:
            await web.TCPSite(runner, self._settings.host, self._settings.https_port, ssl_context=tls).start()
            async with health.serve(self._settings, lambda: ""):
                logger.info("serving the page%s", " with TLS" if tls else "")
                await _stopped()
        finally:
            if renewing:
                renewing.cancel()
            await runner.cleanup()


def connection() -> Connection:
    """Return the API server as it is for people whom nobody knows yet.

    A client certificate would count more than their tokens, and all of them would act as its owner.

    Raises:
        NoClusterError: no kubeconfig says where it is, or the kubeconfig has credentials.
    """
    made = Connection(Access(timeout=SECONDS), logger.info)
    try:
        if made.has_credentials:
            raise NoClusterError("the kubeconfig has credentials, and the console may have none. Remove them.")
    except Problem as error:
        raise NoClusterError(str(error)) from error
    return made


async def _onward(_request: web.Request) -> web.StreamResponse:
    """Lead to the page."""
    raise web.HTTPFound(f"{BearerEntrance.prefix}/environments")


def _tls(folder: Path) -> SSLContext:
    """Return what serves with the certificate in a folder."""
    context = SSLContext(PROTOCOL_TLS_SERVER)
    _load(context, folder)
    return context


def _load(context: SSLContext, folder: Path) -> None:
    """Serve new connections with the certificate in a folder."""
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")


async def _renewed(context: SSLContext, folder: Path) -> None:
    """Take over a certificate that was renewed; while its files do not fit, the old one stays."""
    while True:
        await asyncio.sleep(_EVERY_SECONDS)
        try:
            _load(context, folder)
        except (OSError, SSLError) as error:
            logger.warning("the certificate in %s cannot be read: %s", folder, error)


async def _stopped() -> None:
    """Return when a signal comes."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
