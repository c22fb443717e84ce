"""A certificate authority of our own and the serving certificate that it signs: made, validated and renewed. No I/O.

Everything is renewed after two thirds of its life. A new authority is published next to the old one for a while before
anything is signed by it, and the old one stays published until it expires, so that whoever verifies never meets a
certificate that it does not know.
"""

import ipaddress
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from environment_operator.api import names

# Valid since a while, for clocks that are behind ours; a life is counted from the day it was issued.
_BEHIND = timedelta(minutes=5)
SERVICE = f"{names.SERVICE}.{names.SYSTEM_NAMESPACE}.svc"
_CA, _CA_KEY, _CERTIFICATE, _KEY = "ca.crt", "ca.key", "tls.crt", "tls.key"


@dataclass(frozen=True, slots=True)
class Terms:
    """What is wanted.

    Args:
        hosts: DNS names and IP addresses that the certificate is for.
        certificate: life of the serving certificate.
        authority: life of the certificate authority.
        settle: how long a new authority is published before anything is signed by it.
    """

    hosts: tuple[str, ...]
    certificate: timedelta
    authority: timedelta
    settle: timedelta


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def issued(self) -> datetime:
        """When it was made."""
        return self.certificate.not_valid_before_utc + _BEHIND

    @property
    def ends(self) -> datetime:
        """When it expires."""
        return self.certificate.not_valid_after_utc

    @property
    def due(self) -> datetime:
        """When it is to be renewed."""
        return self.issued + (self.ends - self.issued) * 2 / 3

    @property
    def hosts(self) -> frozenset[str]:
        """The names that it is for."""
        found = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return frozenset(str(name.value) for name in found)

    @property
    def certificate_pem(self) -> bytes:
        """The certificate as text."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key as text, not encrypted."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


@dataclass(frozen=True, slots=True)
class Bundle:
    """All that the replicas share: the authorities that are valid, oldest first, and the serving certificate."""

    authorities: tuple[Pair, ...]
    serving: Pair

    @property
    def trusted(self) -> bytes:
        """The certificates of the authorities, for those who verify."""
        return b"".join(pair.certificate_pem for pair in self.authorities)

    def as_data(self) -> dict[str, str]:
        """Return the data of a Secret of type kubernetes.io/tls."""
        keys = b"".join(pair.key_pem for pair in self.authorities)
        content = {
            _CA: self.trusted,
            _CA_KEY: keys,
            _CERTIFICATE: self.serving.certificate_pem,
            _KEY: self.serving.key_pem,
        }
        return {name: b64encode(value).decode() for name, value in content.items()}

    @classmethod
    def of_data(cls, data: Mapping[str, str]) -> "Bundle | None":
        """Return the bundle in the data of a Secret; None when it holds none."""
        try:
            authorities = _pairs(b64decode(data[_CA]), b64decode(data[_CA_KEY]))
            (serving,) = _pairs(b64decode(data[_CERTIFICATE]), b64decode(data[_KEY]))
        except (KeyError, ValueError, TypeError):
            return None
        return cls(authorities, serving)


def renew(bundle: Bundle | None, terms: Terms, now: datetime) -> Bundle:
    """Return the bundle that is wanted now: the very same one while there is nothing to do."""
    authorities = tuple(a for a in bundle.authorities if a.ends > now) if bundle else ()
    if not authorities or authorities[-1].due <= now:
        authorities = (*authorities, _authority(terms, now))
    signer = next((a for a in reversed(authorities) if a.issued + terms.settle <= now), authorities[0])
    if bundle and _serves(bundle.serving, signer, terms, now):
        same = authorities == bundle.authorities
        return bundle if same else Bundle(authorities, bundle.serving)
    return Bundle(authorities, _serving(terms, signer, now))


def called_at(configurations: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the hosts at which webhook configurations have the API server call; of none, our Service."""
    clients = [each["clientConfig"] for found in configurations for each in found.get("webhooks") or ()]
    return tuple(sorted({_host(client) for client in clients})) or (SERVICE,)


def _host(client: Mapping[str, Any]) -> str:
    """Return the host of the URL or the Service of a webhook's ``clientConfig``."""
    if url := client.get("url"):
        return urlsplit(url).hostname or ""
    return f"{client['service']['name']}.{client['service']['namespace']}.svc"


def _serves(pair: Pair, signer: Pair, terms: Terms, now: datetime) -> bool:
    """Return whether a serving certificate is still the one that is wanted."""
    signed = pair.certificate.issuer == signer.certificate.subject
    return signed and pair.due > now and pair.hosts == frozenset(terms.hosts)


def _pairs(certificates: bytes, keys: bytes) -> tuple[Pair, ...]:
    """Return the pairs of certificates and keys in the same order.

    Raises:
        ValueError: they do not belong together, or there are none.
    """
    end = b"-----END PRIVATE KEY-----\n"
    read = [serialization.load_pem_private_key(part + end, password=None) for part in keys.split(end) if part.strip()]
    return tuple(
        _pair(certificate, key)
        for certificate, key in zip(x509.load_pem_x509_certificates(certificates), read, strict=True)
    )


def _pair(certificate: x509.Certificate, key: object) -> Pair:
    """Return a pair that belongs together.

    Raises:
        ValueError: it does not.
    """
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ValueError("the key is not that of the certificate")
    return Pair(certificate, key)


def _authority(terms: Terms, now: datetime) -> Pair:
    """Make a certificate authority; its name differs from those before."""
    key = ec.generate_private_key(ec.SECP256R1())
    number = x509.random_serial_number()
    subject = _name(f"environment-operator-ca-{number:x}"[:64])
    usage = _usage(sign=True)
    builder = _certificate(subject, key, number, now, now + terms.authority)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return Pair(builder.issuer_name(subject).add_extension(usage, critical=True).sign(key, hashes.SHA256()), key)


def _serving(terms: Terms, signer: Pair, now: datetime) -> Pair:
    """Make a serving certificate, which does not outlive its authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    ends = min(now + terms.certificate, signer.ends)
    builder = _certificate(_name("environment-operator"), key, x509.random_serial_number(), now, ends)
    authority = signer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    for extension, critical in (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(sign=False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName(_alternatives(terms.hosts)), False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority), False),
    ):
        builder = builder.add_extension(extension, critical=critical)
    return Pair(builder.issuer_name(signer.certificate.subject).sign(signer.key, hashes.SHA256()), key)


def _certificate(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, number: int, now: datetime, ends: datetime
) -> x509.CertificateBuilder:
    """Return what both kinds of certificates have in common."""
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public)
        .serial_number(number)
        .not_valid_before(now.astimezone(UTC) - _BEHIND)
        .not_valid_after(ends.astimezone(UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _name(common: str) -> x509.Name:
    """Return a name that is a common name alone."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, sign: bool) -> x509.KeyUsage:
    """Return what a key is for: to sign certificates, or to serve."""
    return x509.KeyUsage(
        digital_signature=not sign,
        key_cert_sign=sign,
        crl_sign=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternatives(hosts: Iterable[str]) -> list[x509.GeneralName]:
    """Return names and addresses as a certificate lists them."""
    return [_alternative(host) for host in hosts]


def _alternative(host: str) -> x509.GeneralName:
    """Return a name or an address as a certificate lists it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
