"""How the page shows many Environments: ``python -m page_load``, or ``make bench-page``.

A cluster of its own is filled with 10, 1,000 and 10,000 Environments, each with the status that the operator gave the
first one. For each number the local page is started anew and opened in Chromium. Numbers of one machine and one run.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import sync_playwright

from builders import manifest
from cluster import Cluster, interrupts
from cluster.manifests import configurations
from cluster.rest import CONTENT, Rest
from kube import ENVIRONMENTS, Kube
from plugin import Plugin
from scale.api import AT_ONCE, Api, connected
from scale.parts import say
from web import CHROMIUM, FLAGS, Site, serving

Object = dict[str, Any]
FIRST = "env-00000"
LOOKS = (
    ("first table", ""), ("search", "?search=env-0000"), ("by image", "?sort=image:desc"), ("page 1", "?page=1"),
)  # fmt: skip


def sample(cluster: Cluster, rest: Rest) -> Object:
    """Return the status that the operator gives an Environment; then it is stopped, and called by nobody."""
    kube = Kube(cluster, rest)
    kube.apply(manifest(FIRST, description="Environment number 0"))
    kube.until_ready(FIRST)
    status: Object = kube.status(FIRST)
    cluster.stop_operator()
    for path in configurations(rest):
        assert rest.delete(path).ok
    return status


async def fill(kubeconfig: Path, numbers: Iterable[int], status: Object) -> None:
    """Create Environments with a status, each field with the manager that it has in a cluster in use."""
    remaining = iter(numbers)

    async def apply(api: Api, path: str, body: Object, manager: str) -> None:
        query, headers = {"fieldManager": manager, "force": "true"}, {"Content-Type": CONTENT["apply"]}
        url = f"{api.server}{ENVIRONMENTS}/{path}"
        async with api.session.patch(url, data=json.dumps(body), params=query, headers=headers) as reply:
            assert reply.ok, await reply.text()

    async def some(api: Api) -> None:
        for number in remaining:
            name = f"env-{number:05}"
            body = manifest(name, description=f"Environment number {number}", image=f"registry.example/lab:{number}")
            await apply(api, name, body, "kubectl")
            head = {key: body[key] for key in ("apiVersion", "kind")}
            await apply(api, f"{name}/status", {**head, "metadata": {"name": name}, "status": status}, "operator")

    async with connected(kubeconfig) as api:
        await asyncio.gather(*(some(api) for _ in range(AT_ONCE)))


def measure(site: Site, environments: int) -> None:
    """Look at the table in several ways, and print what that took."""
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS).new_page()
        # The browser is there before the time begins.
        page.goto(f"http://{site.host}/static/style.css")
        loaded: list[int] = []
        page.on("requestfinished", lambda sent: loaded.append(sent.sizes()["responseBodySize"]))
        for what, query in LOOKS:
            loaded.clear()
            begin = time.monotonic()
            page.goto(f"http://{site.host}{site.prefix}/environments{query}" if query else site.address)
            page.locator("tbody tr").first.wait_for()
            took = time.monotonic() - begin
            page.wait_for_load_state("networkidle")
            say(f"{environments:6,} Environments, {what}: {took:.2f} s, {sum(loaded) / 1000:.0f} KB, {memory(site)} MB")


def memory(site: Site) -> int:
    """Return the resident memory of the page's process, in MB; kubectl has become it."""
    status = Path(f"/proc/{site.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) // 1024


def run(steps: Sequence[int]) -> None:
    """Measure on a cluster of its own, of which nothing is left."""
    with (
        TemporaryDirectory() as folder,
        interrupts.started(Cluster(directory=Path(folder, "cluster"), report=say)) as cluster,
    ):
        rest, before = Rest(cluster.kubeconfig), 1
        status = sample(cluster, rest)
        for step in steps:
            asyncio.run(fill(cluster.kubeconfig, range(before, step), status))
            before = step
            with serving(Plugin(cluster)) as site:
                measure(site, step)
        rest.close()


def main() -> int:
    """Measure; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environments", type=int, nargs="*", default=[10, 1_000, 10_000], help="how many, in steps")
    given = parser.parse_args()
    return interrupts.exit_code(partial(run, given.environments), say)


if __name__ == "__main__":
    sys.exit(main())
