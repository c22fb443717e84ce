"""The command line: ``python -m bench [--requests N] [--environments N]``. Numbers of one machine and one run.

What is measured is a dry run, so nothing is stored and no controller follows.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import plugin, report
from bench.load import Client, Way, connected, in_turns, side_by_side
from bench.webhooks import EMPTY, PODDEFAULTS, empty_handlers, poddefaults
from builders import manifest
from cluster import Cluster, interrupts, processes
from cluster.rest import Rest
from cluster.waiting import until
from environment_operator.api import names

ENVIRONMENTS = f"/apis/{names.API_VERSION}/{names.PLURAL}"
NAME = "bench"
CLIENTS = (2, 8, 32)
EMPTY_HANDLERS = "empty handlers"
ROUNDS, FEW, AT_ONCE = 20, 10, 8


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def ways(cluster: Cluster, project: str) -> Iterator[dict[str, Way]]:
    """Have a project, an Environment, and the webhooks that ours is compared with; return the ways of a workload.

    Args:
        cluster: the cluster, with the operator.
        project: the name of the project, which is made unless it is there.
    """
    rest = Rest(cluster.kubeconfig)
    rest.create("/api/v1/namespaces", {"metadata": {"name": project}})
    account = f"/api/v1/namespaces/{project}/serviceaccounts/default"
    until("the default account", lambda: rest.get(account).ok)
    environment = manifest(NAME, env=[{"name": "A", "value": "1"}], overridable=["Command", "Args", "Env"])
    assert rest.create(ENVIRONMENTS, environment).ok
    try:
        with empty_handlers(rest, project) as empty, poddefaults(rest, project, cluster.kubeconfig) as go:
            server = processes.find(cluster.layout, "kube-apiserver")
            yield {
                report.NONE: Way({}, server),
                EMPTY_HANDLERS: Way({EMPTY: "yes"}, server, empty),
                "PodDefaults in Go": Way({PODDEFAULTS: "yes"}, server, go),
                report.OURS: Way({names.REFERENCE: NAME}, server, processes.find(cluster.layout, "webhook")),
            }
    finally:
        rest.delete(f"{ENVIRONMENTS}/{NAME}")
        rest.close()


async def series(cluster: Cluster, found: Mapping[str, Way], requests: int, environments: int) -> list[str]:
    """Measure every way with few Environments and with many; return what is over its limit.

    The webhook in Go knows no change of a Deployment, so that is compared with the handlers that do nothing alone.
    """
    over: list[str] = []
    known = {name: found[name] for name in (report.NONE, EMPTY_HANDLERS, report.OURS)}
    async with connected(cluster.kubeconfig, NAME) as client:
        await side_by_side(map(client.store, known.values()), 1)
        for first, last in ((1, FEW), (FEW, environments)):
            await _fill(client, first, last)
            for clients in CLIENTS:
                each = max(1, requests // clients // ROUNDS)
                for what, send, ways_ in (("create", client.create, found), ("update", client.update, known)):
                    took = await in_turns(send, ways_, clients, ROUNDS, each)
                    head = f"{what}, {last:,} Environments, {clients} clients"
                    say("\n".join(("", head, *report.lines(took))))
                    over += (f"{head}: {why}" for why in report.excesses(report.ratios(took), report.LIMITS[what]))
    return over


def _plugin(kubeconfig: Path, environments: int) -> list[str]:
    """Measure commands of the plugin, with as many Environments as there are; return what is over its limit."""
    ran = plugin.measured(kubeconfig, NAME)
    say("\n".join(("", f"plugin, {environments:,} Environments", *plugin.lines(ran))))
    return plugin.excesses(ran, report.LIMITS["plugin"]["cpu"])


async def _fill(client: Client, first: int, last: int) -> None:
    """Create Environments that nobody uses."""
    bodies = (manifest(f"bench-{n:05}") for n in range(first, last))
    await side_by_side((client.send("POST", ENVIRONMENTS, body) for body in bodies), AT_ONCE)


def main() -> int:
    """Measure on a cluster of its own, of which nothing is left; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--requests", type=int, default=1000, help="requests of each way in a series")
    parser.add_argument("--environments", type=int, default=10_000, help="how many there are in the last series")
    given = parser.parse_args()
    return interrupts.exit_code(partial(run, given), say)


def run(given: argparse.Namespace) -> int:
    """Measure; return the exit code."""
    with (
        TemporaryDirectory() as folder,
        interrupts.started(Cluster(directory=Path(folder, "cluster"), report=say)) as cluster,
        ways(cluster, NAME) as found,
    ):
        over = asyncio.run(series(cluster, found, given.requests, given.environments))
        over += _plugin(cluster.kubeconfig, given.environments)
    for each in over:
        say(f"missed: {each}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
