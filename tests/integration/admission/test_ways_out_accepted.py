"""No way out that a refusal names is refused by the definition of Environments or by a policy."""

from builders import manifest
from kube import ENVIRONMENTS, Kube
from ways_out import REFUSED


def test_environments_of_ways_out(kube: Kube) -> None:
    """Whoever changes an Environment as a message says has that accepted by the API server."""
    made = {name: [case.fields, *case.others] for name, case in REFUSED.items()}
    refused = {
        (name, str(fields)): reply.message
        for name, every in made.items()
        for fields in every
        if not (reply := kube.rest.create(f"{ENVIRONMENTS}?dryRun=All", manifest("way-out", **fields))).ok
    }

    assert {} == refused
