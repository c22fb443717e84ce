"""What admission costs, compared with others in the same run: the short form of ``make bench-admission``."""

import asyncio
from collections.abc import Mapping

from bench import report
from bench.__main__ import ways
from bench.load import Took, Way, connected, in_turns
from kube import Kube


async def measured(kube: Kube, project: str, found: Mapping[str, Way]) -> dict[str, Took]:
    """Return what the creation of Pods takes, by way, with two clients."""
    async with connected(kube.cluster.kubeconfig, project) as client:
        return await in_turns(client.create, found, clients=2, rounds=10, each=10)


def test_what_admission_takes(kube: Kube, project: str) -> None:
    """Admission of a referring Pod takes no more of the processor than the reviewed ratios of what handlers that do
    nothing take, and what a webhook in Go takes that makes a client and lists its objects on each call.
    """
    with ways(kube.cluster, project) as found:
        took = asyncio.run(measured(kube, project, found))
    said = "\n".join(report.lines(took))
    print(said)  # noqa: T201 - what was measured

    assert [] == report.excesses(report.ratios(took), report.LIMITS["short"]), said
