"""The role ``console``: the page in a cluster, with no rights of its own."""

import asyncio
import logging
import signal
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext, SSLError, SSLObject

from aiohttp import web

from environment_operator import health, timing
from environment_operator.cli.client.connection import Access, Connection
from environment_operator.cli.exit_codes import Problem
from environment_operator.console import application
from environment_operator.console.bearer import BearerEntrance
from environment_operator.console.cluster import SECONDS
from environment_operator.kube.errors import NoClusterError
from environment_operator.settings import Settings, listening

logger = logging.getLogger(__name__)


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
        entrance = BearerEntrance(connection())
        app = application.build(entrance)
        app.on_response_prepare.append(entrance.remember)
        app.router.add_get("/", _onward)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        folder = self._settings.https_certificate
        certificate = _Certificate(folder) if folder else None
        await runner.setup()
        renewing = asyncio.create_task(certificate.renew()) if certificate else None
        try:
            tls = certificate.context if certificate else None
            await web.TCPSite(runner, *listening(self._settings.https_address), ssl_context=tls).start()
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


class _Certificate:
    """The certificate in a folder; new connections are served with the one that is there.

    It is never loaded into the context that listens: of files that do not fit OpenSSL takes the first, and then serves
    nobody.

    Args:
        folder: with ``tls.crt`` and ``tls.key``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._newest, self.context = self._read(), self._read()
        self.context.sni_callback = self._choose

    async def renew(self) -> None:
        """Take over what is renewed, until cancelled; while its files do not fit, the old one stays."""
        while True:
            await asyncio.sleep(timing.CERTIFICATE_CHECK_SECONDS)
            try:
                self._newest = self._read()
            except (OSError, SSLError) as error:
                logger.warning("the certificate in %s cannot be read: %s", self._folder, error)

    def _read(self) -> SSLContext:
        """Return what serves with the certificate in the folder."""
        made = SSLContext(PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self._folder / "tls.crt", self._folder / "tls.key")
        return made

    def _choose(self, connection: SSLObject, _name: str | None, _context: SSLContext) -> None:
        """Have a connection that begins served with the newest certificate; called also where it names no host."""
        connection.context = self._newest


async def _stopped() -> None:
    """Return when a signal comes."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
