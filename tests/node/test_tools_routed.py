"""Tools by their URLs: a client, a proxy that is configured from the routes which Contour accepted, and containers.

Contour is built by `make test-controllers`, not for this ring: where it is not there, these tests are skipped.
"""

from collections.abc import Iterator
from functools import partial

import pytest

from cluster import Cluster, images
from cluster.images import Image
from cluster.rest import Rest
from cluster.waiting import TIMEOUT
from controllers.caddy import Backends, Caddy, caddy
from controllers.gateways import ROUTES, attach, contour
from controllers.programs import CONTOUR
from controllers.traffic import (
    BOARD,
    BY_PATH,
    COUNTS,
    all_are_reached,
    asked_url,
    both_ways,
    goes_with_its_routes,
    is_up,
    of,
    reached,
    taken,
    url,
    with_urls,
)
from environment_operator.api import names
from kube import Kube, Object
from tool_users import CUSTOM, LAB, published, used

# It answers one request on its standard input, as a tool does: below its base path, and with a WebSocket there, which
# sends a word of five letters back after the name of the Pod. RFC 6455, sections 4.2.2 and 5.2.
SPEAKS = r"""#!/bin/sh
tool=$1 base=$2 key=
read -r _ path _
path=${path%%\?*}
while IFS= read -r line && line=$(echo "$line" | tr -d '\r') && [ "$line" ]; do
  case $line in [Ss]ec-[Ww]eb[Ss]ocket-[Kk]ey:*) key=${line#*: } ;; esac
done
case $path in
"$base/ws")
  accept=$(printf %s "${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11" | sha1sum | cut -c1-40 | xxd -r -p | base64)
  printf 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
  printf 'Sec-WebSocket-Accept: %s\r\n\r\n' "$accept"
  set -- $(head -c 11 | hexdump -v -e '1/1 "%02x "')
  shift 2
  said="$HOSTNAME: " a=$1 b=$2 c=$3 d=$4
  shift 4
  for byte; do
    said="$said$(printf "\\$(printf %o $((0x$byte ^ 0x$a)))")" first=$a a=$b b=$c c=$d d=$first
  done
  printf "\\201\\$(printf %o ${#said})%s" "$said"
  ;;
"$base"/*)
  body="{\"pod\": \"$HOSTNAME\", \"tool\": \"$tool\", \"path\": \"$path\"}"
  printf 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %s\r\n\r\n%s' ${#body} "$body"
  ;;
*) printf 'HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n' ;;
esac
"""
TOOL = Image("docker.io/library/set-up:tool", files={"/tool": SPEAKS})
STARTS = """nc -ll -p 6006 -e /tool board "$ENVIRONMENT_TOOL_BOARD_BASE_PATH" &
exec nc -ll -p 8888 -e /tool lab "$ENVIRONMENT_TOOL_LAB_BASE_PATH"
"""
FIELDS = {"image": TOOL.reference, "imagePullPolicy": "IfNotPresent", "command": ["/bin/sh", "-c", STARTS]}


@pytest.fixture(scope="module")
def proxy(cluster: Cluster, rest: Rest) -> Iterator[Caddy]:
    """Have a Gateway, and a proxy for it."""
    if not (CONTOUR.module.programs / CONTOUR.name).exists():
        pytest.skip("Contour is not built: make test-controllers builds it")
    images.load(cluster.layout, TOOL)
    with contour(Kube(cluster, rest)), caddy(cluster.layout) as made:
        yield made


def start(kube: Kube, project: str, name: str, environment: str, **asked: str) -> None:
    """Create a Deployment whose container runs the tools of its Environment."""
    made = used("Deployment", name, project, environment, **asked)
    made["spec"]["selector"]["matchLabels"] = made["spec"]["template"]["metadata"]["labels"] = {"app": name}
    made["spec"]["template"]["spec"] = {"terminationGracePeriodSeconds": 0, "containers": [{"name": "main"}]}
    kube.apply(made)


def until_started(kube: Kube, project: str, *names: str) -> None:
    """Wait until the Pods of some Deployments are ready."""
    for each in names:
        kube.kubectl("rollout", "status", f"deployment/{each}", "-n", project, TIMEOUT)


def behind(kube: Kube, project: str, service: str, port: int) -> list[str]:
    """Return the address of a Service, from which kube-proxy leads to its Pods."""
    found: Object = kube.rest.get(f"/api/v1/namespaces/{project}/services/{service}").body
    return [f"{found['spec']['clusterIP']}:{port}"]


@both_ways
def test_reached(kube: Kube, project: str, proxy: Caddy, where: str) -> None:
    """Two tools of two workloads, and one with a URL of its own, are reached; what goes takes its route along."""
    attach(kube, project)
    with with_urls(kube, where):
        name = published(kube, LAB, BOARD, **FIELDS)
        for each in "ab":
            start(kube, project, each, name)
        start(kube, project, "c", published(kube, CUSTOM, **FIELDS), lab=asked_url(kube, where))
        routes, backends = taken(kube, project, COUNTS[where]), partial(behind, kube, project)
        until_started(kube, project, *"abc")
        proxy.load(routes, backends)
        all_are_reached(kube, project, proxy)
        goes_with_its_routes(kube, project, proxy, routes, backends)


def test_race(kube: Kube, project: str, proxy: Caddy) -> None:
    """Of two who ask for one URL at once one is reached there, and when it goes the other one."""
    attach(kube, project)
    asked, backends = asked_url(kube, BY_PATH), partial(behind, kube, project)
    name = published(kube, CUSTOM, **FIELDS)
    kube.cluster.stop("operator")
    try:
        for each in "ab":
            start(kube, project, each, name, lab=asked)
    finally:
        kube.cluster.start_operator()
    until_started(kube, project, *"ab")
    there = url(kube, project, "a", "lab")
    assert there == url(kube, project, "b", "lab")
    (route,) = taken(kube, project, 1)
    first, second = "ab" if of(route, project, "a") else "ba"

    assert first == answers(kube, proxy, there, [route], backends)
    kube.kubectl("delete", "deployment", first, "-n", project)
    kube.until("the route of the other one", lambda: [second] == holders(kube, project))
    assert second == answers(kube, proxy, there, taken(kube, project, 1), backends)


def holders(kube: Kube, project: str) -> list[str]:
    """Return the workloads of the routes of a project."""
    routes = kube.rest.get(ROUTES.format(project)).body["items"]
    return [each["metadata"]["annotations"][names.EXPOSES].rpartition("/")[2] for each in routes]


def answers(kube: Kube, proxy: Caddy, url: tuple[str, str], routes: list[Object], backends: Backends) -> str:
    """Return the workload whose Pod answers at a URL, of which host and path are given."""
    host, path = url
    proxy.load(routes, backends)
    kube.until(f"an answer at {host}{path}", partial(is_up, proxy, host, f"{path}/tree"))
    return str(reached(proxy, host, f"{path}/tree")["pod"]).partition("-")[0]
