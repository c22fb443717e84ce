"""Certificates: what is renewed when, and that those who verify always know who signed."""

from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from environment_operator.admission.certificates import Bundle, Terms, called_at, renew
from environment_operator.api import names

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOST = "operator.example"
TERMS = Terms((HOST, "127.0.0.1"), certificate=30 * DAY, authority=120 * DAY, settle=DAY)


@lru_cache
def known(trusted: bytes) -> Store:
    """Return the authorities that one trusts."""
    return Store(x509.load_pem_x509_certificates(trusted))


def verify(bundle: Bundle, trusted: bytes, now: datetime) -> None:
    """Verify a serving certificate as the API server does; raises when it is not to be trusted."""
    verifier = PolicyBuilder().store(known(trusted)).time(now).build_server_verifier(x509.DNSName(HOST))
    verifier.verify(bundle.serving.certificate, [])


def test_made() -> None:
    """The first bundle serves every wanted name, and nothing is renewed before it is due."""
    made = renew(None, TERMS, START)
    verify(made, made.trusted, START)
    assert frozenset(TERMS.hosts) == made.serving.hosts
    assert made is renew(made, TERMS, START + 19 * DAY)


def test_clock_behind() -> None:
    """A verifier whose clock is some minutes behind trusts a new certificate."""
    made = renew(None, TERMS, START)
    verify(made, made.trusted, START - timedelta(minutes=4))


def test_renewed_after_two_thirds() -> None:
    """The certificate is renewed after two thirds of its life, by the same authority."""
    made = renew(None, TERMS, START)
    again = renew(made, TERMS, START + 21 * DAY)
    assert made.authorities == again.authorities
    assert made.serving != again.serving
    verify(again, made.trusted, START + 21 * DAY)


def test_overlap() -> None:
    """A new authority is trusted next to the old one before it signs, and the old one as long as it lasts."""
    old = renew(None, TERMS, START)
    due = START + 80 * DAY
    both = renew(old, TERMS, due)
    assert 2 == len(both.authorities)
    assert old.authorities[0].certificate.subject == both.serving.certificate.issuer
    settled = renew(both, TERMS, due + DAY)
    assert both.authorities == settled.authorities
    assert both.authorities[1].certificate.subject == settled.serving.certificate.issuer
    assert both.authorities[1:] == renew(settled, TERMS, START + 121 * DAY).authorities


def test_always_trusted() -> None:
    """Checked every six hours for three years: the bundle of a day ago always verifies the certificate."""
    bundle, earlier, issued = renew(None, TERMS, START), [], set()
    earlier = [bundle.trusted] * 4
    for hours in range(0, 3 * 365 * 24, 6):
        now = START + timedelta(hours=hours)
        bundle = renew(bundle, TERMS, now)
        verify(bundle, earlier.pop(0), now)
        verify(bundle, bundle.trusted, now)
        earlier.append(bundle.trusted)
        issued.add(bundle.serving.certificate.serial_number)
        assert len(bundle.authorities) <= 2
    assert 50 <= len(issued) <= 75


def test_away_for_long() -> None:
    """After everything has expired there is a new bundle, with nothing of the old one."""
    old = renew(None, TERMS, START)
    new = renew(old, TERMS, START + 500 * DAY)
    assert not set(old.authorities) & set(new.authorities)
    verify(new, new.trusted, START + 500 * DAY)


def test_never_longer_than_its_authority() -> None:
    """A certificate that is to live longer than its authority ends with it."""
    made = renew(None, replace(TERMS, certificate=9000 * DAY), START)
    assert made.authorities[0].ends == made.serving.ends


@pytest.mark.parametrize(
    ("clients", "hosts"),
    [
        ((), (f"environment-operator.{names.SYSTEM_NAMESPACE}.svc",)),
        (({"service": {"name": "s", "namespace": "n", "path": "/mutate"}},), ("s.n.svc",)),
        (({"url": "https://10.0.0.7:9443/mutate"}, {"url": "https://10.0.0.7:9443/validate"}), ("10.0.0.7",)),
        (({"url": "https://[::1]:9443/mutate"}, {"url": "https://B.example/validate"}), ("::1", "b.example")),
    ],
)
def test_hosts(clients: tuple[dict[str, Any], ...], hosts: tuple[str, ...]) -> None:
    """A certificate is for the hosts at which the API server calls, by Service or by URL; at first for our Service."""
    called = {"webhooks": [{"clientConfig": client} for client in clients]}
    configurations: list[dict[str, Any]] = [called, {"metadata": {}}]

    assert hosts == called_at(configurations)
    assert frozenset(hosts) == renew(None, replace(TERMS, hosts=called_at(configurations)), START).serving.hosts


def test_other_hosts() -> None:
    """Other names are served at once, by the same authority."""
    made = renew(None, TERMS, START)
    again = renew(made, replace(TERMS, hosts=("other.example",)), START)
    assert made.authorities == again.authorities
    assert frozenset({"other.example"}) == again.serving.hosts


def test_stored_and_read() -> None:
    """What is stored is read as it was, during the overlap too, so that no replica renews what another one made."""
    both = renew(renew(None, TERMS, START), TERMS, START + 80 * DAY)
    read = Bundle.of_data(both.as_data())
    assert read is not None
    assert both.as_data() == read.as_data()
    assert read is renew(read, TERMS, START + 80 * DAY)


@pytest.mark.parametrize("key", ["ca.crt", "ca.key", "tls.crt", "tls.key"])
@pytest.mark.parametrize("value", [None, "", "!", b64encode(b"-----BEGIN").decode()])
def test_damaged(key: str, value: str | None) -> None:
    """A Secret in which anything is missing or damaged holds no bundle."""
    data = {k: v for k, v in (renew(None, TERMS, START).as_data() | {key: value}).items() if v is not None}
    assert Bundle.of_data(data) is None


def test_keys_of_others() -> None:
    """Keys that belong to other certificates are no bundle."""
    one, other = (renew(None, TERMS, START).as_data() for _ in range(2))
    assert Bundle.of_data(one | {"tls.key": other["tls.key"]}) is None
    assert Bundle.of_data(one | {"ca.key": other["ca.key"]}) is None
