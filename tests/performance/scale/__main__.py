"""``python -m scale [PART ...]``: the parts one after the other, on a cluster of their own or on one that is kept."""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from cluster import Cluster, interrupts
from cluster.manifests import configurations
from cluster.rest import Rest
from scale import absence, parts
from scale.api import connected
from scale.hour import hour
from scale.parts import LEADER, STANDBY, Stage, say

PARTS = {
    part.__name__.replace("_", "-"): part
    for part in (
        parts.environments, parts.take_over, parts.users, parts.count, parts.restart, absence.fail_over, absence.away,
    )
}  # fmt: skip
# Alone, since the operator runs as it is installed.
HOUR = "hour"


@contextmanager
def stage_in(directory: Path | None) -> Iterator[Cluster]:
    """Bring up a cluster; without a directory nothing of it is left."""
    if directory:
        cluster = Cluster(directory=directory, report=say)
        if not cluster.layout.record.exists():
            cluster.up()
        yield cluster
        return
    with (
        TemporaryDirectory() as folder,
        interrupts.started(Cluster(directory=Path(folder, "cluster"), report=say)) as cluster,
    ):
        yield cluster


async def measure(cluster: Cluster, rest: Rest, given: argparse.Namespace) -> None:
    """Run the parts on a cluster whose operator is down and called by nobody, and whose controllers are."""
    cluster.stop_operator()
    # Pods would come of the users.
    cluster.stop("kube-controller-manager")
    for path in configurations(rest):
        assert rest.delete(path).ok
    names = [f"scale-{number:05}" for number in range(given.environments)]
    async with connected(cluster.kubeconfig) as api:
        for part in given.parts or PARTS:
            await PARTS[part](Stage(cluster, rest, api, names, given.users))


def run(given: argparse.Namespace) -> None:
    """Measure on a cluster."""
    with stage_in(given.directory) as cluster:
        rest = Rest(cluster.kubeconfig)
        try:
            if HOUR in given.parts:
                hour(cluster, rest, given.minutes, given.rate)
            else:
                asyncio.run(measure(cluster, rest, given))
        finally:
            cluster.stop(LEADER)
            cluster.stop(STANDBY)
            rest.close()


def main() -> int:
    """Measure; return the exit code."""
    parser = argparse.ArgumentParser(prog="scale", description=sys.modules["scale"].__doc__)
    every = [*PARTS, HOUR, []]
    parser.add_argument("parts", nargs="*", choices=every, help="what to measure; all but the hour where none is named")
    parser.add_argument("--environments", type=int, default=10_000, help="how many Environments")
    parser.add_argument("--users", type=int, default=100_000, help="how many users, of six kinds")
    parser.add_argument("--directory", type=Path, help="of a cluster that is kept, for one part at a time")
    parser.add_argument("--minutes", type=int, default=60, help="how long the hour is")
    parser.add_argument("--rate", type=float, default=20, help="how many changes a second it has")
    given = parser.parse_args()
    if HOUR in given.parts and given.parts != [HOUR]:
        parser.error(f"{HOUR} is a part for itself: the operator runs as it is installed")
    return interrupts.exit_code(partial(run, given), say)


if __name__ == "__main__":
    sys.exit(main())
