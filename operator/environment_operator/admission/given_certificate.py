"""A certificate that others make and renew, such as cert-manager: two files, which are read again, no restart.

Whoever gives it also has the API server trust its authority: nothing is written here.
"""

import asyncio
import logging
import ssl
from pathlib import Path

from cryptography import x509

from environment_operator.admission import certificate_rotation
from environment_operator.metrics import CERTIFICATE_END

logger = logging.getLogger(__name__)


class GivenCertificate:
    """Keeps a TLS context in service.

    Args:
        folder: where ``tls.crt`` and ``tls.key`` are.
        pause: seconds between two looks.
        client_authority: file with the authority whose certificates clients must have; None to ask for none.
    """

    def __init__(self, folder: Path, pause: float, client_authority: Path | None = None) -> None:
        self._folder, self._pause = folder, pause
        self._served, self._logged = b"", ""
        self.context = certificate_rotation.tls(client_authority)
        self.settled = asyncio.Event()

    async def run(self) -> None:
        """Read the files, again and again, until cancelled; while they do not fit, the old certificate stays."""
        while True:
            try:
                self._look()
            except (OSError, ValueError) as error:
                self._log(f"the certificate in {self._folder} cannot be read: {error}")
            else:
                self._log("")
            await asyncio.sleep(self._pause)

    def _look(self) -> None:
        """Serve with what is in the files, if that is new."""
        chain, key = ((self._folder / name).read_bytes() for name in ("tls.crt", "tls.key"))
        pem = key + b"\n" + chain
        if pem == self._served:
            return
        ends = x509.load_pem_x509_certificate(chain).not_valid_after_utc
        # A context forgets its old certificate before it refuses a new one.
        certificate_rotation.load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), pem)
        certificate_rotation.load(self.context, pem)
        self._served = pem
        CERTIFICATE_END.set(ends.timestamp())
        logger.info("serving with a certificate that is valid until %s", ends)
        self.settled.set()

    def _log(self, what: str) -> None:
        """Log what is wrong, once."""
        if what and what != self._logged:
            logger.warning(what)
        self._logged = what
