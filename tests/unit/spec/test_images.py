"""Image references: grammar, what the grammar cannot check, and the default pull policy."""

import pytest

from environment_operator.spec import images

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("jupyter", images.Image("jupyter", None, None)),
        ("localhost:5000/a/b_c:1.0", images.Image("localhost:5000/a/b_c", "1.0", None)),
        ("[fe80::1]:5000/a", images.Image("[fe80::1]:5000/a", None, None)),
        (f"r.example/a:1@sha256:{HEX}", images.Image("r.example/a", "1", f"sha256:{HEX}")),
        ("Upper/Case", None),
        ("a:", None),
        ("a b", None),
        ("a\n", None),
        ("", None),
    ],
)
def test_parse(reference: str, expected: images.Image | None) -> None:
    """A reference is taken apart as the distribution project does it, or not at all."""
    assert expected == images.parse(reference)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("a/" + "b" * 254, "characters"),
        (HEX, "image ID"),
        (f"a@md5:{HEX}", "algorithm"),
        (f"a@sha256:{HEX[:-1]}", "64 lowercase hexadecimal digits"),
        (f"a@sha256:{HEX.upper()}", "lowercase"),
        ("Not An Image", "is no image reference"),
    ],
)
def test_problem(reference: str, expected: str) -> None:
    """What a runtime would refuse is refused with what to change."""
    assert expected in (images.problem(reference) or "")


@pytest.mark.parametrize("reference", ["a", "a:1", f"a/{HEX}", f"a@sha512:{HEX}{HEX}", "b" * 255])
def test_no_problem(reference: str) -> None:
    """A reference that can be pulled has no problem."""
    assert images.problem(reference) is None


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("a", "Always"),
        ("a:latest", "Always"),
        ("a:1", "IfNotPresent"),
        (f"a@sha256:{HEX}", "IfNotPresent"),
        (f"a:latest@sha256:{HEX}", "Always"),
        (f"a:1@sha256:{HEX}", "IfNotPresent"),
        ("Upper/Case", "IfNotPresent"),
        (HEX, "IfNotPresent"),
        (f"a@md5:{HEX}", "IfNotPresent"),
    ],
)
def test_default_pull_policy(reference: str, expected: str) -> None:
    """The default policy is that of Kubernetes for this image."""
    assert expected == images.default_pull_policy(reference)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("busybox", "docker.io/library/busybox"),
        ("team/a:1", "docker.io/team/a"),
        ("docker.io/a", "docker.io/library/a"),
        ("index.docker.io/team/a", "docker.io/team/a"),
        (f"r.example/a@sha256:{HEX}", "r.example/a"),
        ("localhost/a", "localhost/a"),
        ("registry:5000/a", "registry:5000/a"),
        ("UPPER/a", "UPPER/a"),
        ("No Image", ""),
    ],
)
def test_repository(reference: str, expected: str) -> None:
    """What a reference leaves out is completed as container runtimes do it."""
    assert expected == images.repository(reference)


MIRRORS = {"docker.io": "mirror.example/hub", "docker.io/team": "mirror.example/ours", "r.example:5000/a": "b.example"}


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("busybox:1", "mirror.example/hub/library/busybox:1"),
        ("index.docker.io/library/busybox", "mirror.example/hub/library/busybox"),
        ("team/a:1", "mirror.example/ours/a:1"),
        ("teams/a:1", "mirror.example/hub/teams/a:1"),
        (f"r.example:5000/a/b:1@sha256:{HEX}", f"b.example/b:1@sha256:{HEX}"),
        ("r.example:5000/ab:1", "r.example:5000/ab:1"),
        ("quay.io/a:1", "quay.io/a:1"),
        ("No Image", "No Image"),
    ],
)
def test_mirrored(reference: str, expected: str) -> None:
    """The longest prefix that ends where a part of the path ends is replaced; tag and digest stay."""
    assert expected == images.mirrored(reference, MIRRORS)
