"""Image references: what the grammar in the CRD cannot check, and the default pull policy. Pure.

Source: https://github.com/distribution/reference (ParseNormalizedNamed and its errors).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from environment_operator.api.types import IMAGE_PATTERN

_IMAGE = re.compile(IMAGE_PATTERN)
_LONGEST_NAME = 255
_DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}
_IDENTIFIER = re.compile(r"[a-f0-9]{64}\Z")
_HUB = "docker.io"


@dataclass(frozen=True, slots=True)
class Image:
    """The parts of an image reference; tag and digest may be absent."""

    name: str
    tag: str | None
    digest: str | None


def parse(reference: str) -> Image | None:
    """Return the parts of a reference, or None when it does not follow the grammar."""
    match = _IMAGE.fullmatch(reference)
    return Image(*match.groups()) if match else None


def problem(reference: str) -> str | None:
    """Return why a container runtime would refuse the reference, with the way out, or None when it would not."""
    image = parse(reference)
    if image is None:
        return "it is no image reference. Write it as [registry/]name[:tag][@digest]."
    if len(image.name) > _LONGEST_NAME:
        return f"its name has {len(image.name)} characters. Shorten it to {_LONGEST_NAME}, without tag and digest."
    if _IDENTIFIER.match(image.name):
        return "a name of 64 hexadecimal digits is read as an image ID. Write the registry or a path before it."
    return _digest_problem(image.digest) if image.digest else None


def _digest_problem(digest: str) -> str | None:
    """Return what is wrong with the digest, or None."""
    algorithm, _, value = digest.partition(":")
    length = _DIGEST_LENGTHS.get(algorithm)
    if length is None:
        return f"its digest algorithm {algorithm} is unknown. Use one of {', '.join(_DIGEST_LENGTHS)}."
    if len(value) != length or value != value.lower():
        return f"its digest has {len(value)} digits. Write {algorithm} with {length} lowercase hexadecimal digits."
    return None


def default_pull_policy(reference: str) -> str:
    """Return the policy that Kubernetes gives a container without one: Always for the tag latest.

    A digest next to the tag makes no difference, and what is no reference has no tag:
    https://kubernetes.io/docs/concepts/containers/images/#imagepullpolicy-defaulting and SetDefaults_Container in
    https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/apis/core/v1/defaults.go
    """
    image = None if problem(reference) else parse(reference)
    floats = image is not None and (image.tag == "latest" or not (image.tag or image.digest))
    return "Always" if floats else "IfNotPresent"


def mirrored(reference: str, mirrors: Mapping[str, str]) -> str:
    """Return the reference by which an image is pulled from the mirror of its registry; as it is where none has it.

    Args:
        reference: the reference.
        mirrors: what stands for registries, or for paths in them, written as container runtimes complete them; of
            several that fit the longest counts.
    """
    image, whole = parse(reference), repository(reference)
    fitting = [prefix for prefix in mirrors if whole == prefix or whole.startswith(f"{prefix}/")]
    if image is None or not fitting:
        return reference
    prefix = max(fitting, key=len)
    tag, digest = (f"{mark}{text}" if text else "" for mark, text in ((":", image.tag), ("@", image.digest)))
    return f"{mirrors[prefix]}{whole.removeprefix(prefix)}{tag}{digest}"


def repository(reference: str) -> str:
    """Return registry and path as container runtimes complete them, such as ``docker.io/library/busybox``.

    Source: https://github.com/distribution/reference (splitDockerDomain); empty for what is no reference.
    """
    image = parse(reference)
    if image is None:
        return ""
    registry, slash, path = image.name.partition("/")
    is_registry = slash and (set(registry) & set(".:") or registry == "localhost" or registry != registry.lower())
    if not is_registry:
        registry, path = _HUB, image.name
    if registry in (_HUB, f"index.{_HUB}"):
        return f"{_HUB}/{path if '/' in path else f'library/{path}'}"
    return f"{registry}/{path}"
