"""Kinds come and go with their definitions: absent ones cost no request, and no user of a present one is missed."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest

from builders import manifest, workload
from cluster import Cluster
from cluster.faults import Answer, EndWatch, Hold, Match, Rule
from cluster.proxy import FaultProxy
from cluster.rest import Rest
from environment_operator.api import names
from environment_operator.tools.addresses import Address, Tools
from kube import ENVIRONMENTS, Kube, Object, Operator
from plugin import Plugin

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "things.example.org"
ROWS = f"""
- {{group: {GROUP}, version: v2, also: [v1], kind: Widget, plural: widgets}}
- {{group: {GROUP}, version: v1, kind: Gadget, plural: gadgets}}
"""
READER = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "thing-reader", "labels": {f"{names.GROUP}/aggregate-to-operator": "true"}},
    "rules": [{"apiGroups": [GROUP], "resources": ["widgets", "gadgets"], "verbs": ["list", "watch"]}],
}
Start = Callable[[], None]


@pytest.fixture(scope="module")
def start(
    cluster: Cluster, rest: Rest, operator: Operator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Start]:
    """Return what starts the operator again with two more kinds, as it runs now; afterwards it runs as before."""
    rows = tmp_path_factory.mktemp("rows") / "kinds.yaml"
    rows.write_text(ROWS)
    Kube(cluster, rest).apply(READER)

    def anew() -> None:
        operator.restart(kinds_file=rows, resync_seconds=0.3)

    anew()
    yield anew
    operator.restart()


@pytest.fixture(autouse=True)
def things(kube: Kube, start: Start) -> Iterator[None]:  # noqa: ARG001 - it runs
    """Have the two kinds absent again after each test."""
    yield
    for plural in ("widgets", "gadgets"):
        uninstall(kube, plural)


@pytest.fixture
def environment(kube: Kube) -> str:
    """Return the name of an Environment."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    return name


def install(kube: Kube, plural: str, kind: str, *versions: str, schema: Object | None = None) -> None:
    """Define a kind that serves these versions and not the other one, or change it so; it need not be accepted."""
    root = schema or {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = [
        {"name": name, "served": name in versions, "storage": name == "v1", "schema": {"openAPIV3Schema": root}}
        for name in ("v1", "v2")
    ]
    spec = {"group": GROUP, "scope": "Namespaced", "names": {"kind": kind, "plural": plural}, "versions": served}
    meta = {"name": f"{plural}.{GROUP}"}
    kube.apply(
        {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": meta, "spec": spec}
    )


def uninstall(kube: Kube, plural: str) -> None:
    """Delete the definition of a kind, and wait until it is gone."""
    kube.kubectl("delete", "crd", f"{plural}.{GROUP}", "--ignore-not-found")


def in_use(kube: Kube, environment: str) -> str:
    """Return the message of the condition InUse, empty for none."""
    found = (kube.get(names.PLURAL, environment) or {}).get("status", {}).get("conditions", [])
    return next((str(each["message"]) for each in found if each["type"] == "InUse"), "")


def use(kube: Kube, plural: str, project: str, environment: str, version: str = "v1", **annotations: str) -> None:
    """Create an object that refers to an Environment, as soon as its kind is served."""
    kind = plural.removesuffix("s").capitalize()
    labels = {names.REFERENCE: environment}
    meta = {"name": "thing", "namespace": project, "labels": labels, "annotations": annotations}
    made = {"apiVersion": f"{GROUP}/{version}", "kind": kind, "metadata": meta}
    path = f"/apis/{GROUP}/{version}/namespaces/{project}/{plural}"
    kube.until(f"{kind} to be created", lambda: kube.rest.create(path, made).ok)


def run(kube: Kube, project: str, plural: str, app: str) -> None:
    """Create a Pod of the object that refers to an Environment, as its controller does."""
    made = kube.rest.get(f"/apis/{GROUP}/v1/namespaces/{project}/{plural}/thing").body
    owner = {key: made[key] for key in ("apiVersion", "kind")} | {"name": "thing", "uid": made["metadata"]["uid"]}
    meta = {"name": "pod", "namespace": project, "labels": {"app": app}}
    owners = {"ownerReferences": [{**owner, "controller": True}]}
    spec = {"containers": [{"name": "main", "image": "registry.example/a:1"}]}
    kube.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {**meta, **owners}, "spec": spec})


def about(plural: str) -> Match:
    """Return what matches the requests about a kind and its definition, the list of all definitions aside."""
    return Match(path=rf"/{GROUP}/v\d/{plural}$|/{plural}\.{GROUP}$")


def in_words(found: Object) -> str:
    """Return what a condition says."""
    return f"{found['reason']}: {found['message']}"


def test_coming_and_going(operator: Operator, kube: Kube, environment: str, project: str, proxy: FaultProxy) -> None:
    """Users of a kind count while its definition is there; it may come again; the other kind is never asked for."""
    pid = operator.pid
    for _ in range(2):
        install(kube, "widgets", "Widget", "v1")
        use(kube, "widgets", project, environment)
        kube.until_used(environment, 1)
        uninstall(kube, "widgets")
        kube.until_used(environment, 0)
    kube.kubectl("delete", "env", environment, "--wait=false")
    kube.until_gone("env", environment)

    assert pid == operator.pid
    assert () == proxy.traffic.exchanges(about("gadgets"))


def test_nobody_asks_for_absent_kinds(kube: Kube, environment: str, proxy: FaultProxy) -> None:
    """While nothing happens there is no request about kinds that are not installed, however often others are made."""
    audits = Match(path=f"{ENVIRONMENTS}$", watch=False)
    kube.until("ten audits", lambda: 10 <= len(proxy.traffic.exchanges(audits)))

    assert () == proxy.traffic.exchanges(about("(widgets|gadgets)"))
    assert () == proxy.traffic.exchanges(Match(path=DEFINITIONS, watch=False))
    assert "False" == kube.until_condition(environment, "InUse", "False", "Unused")["status"]


def test_other_version(kube: Kube, environment: str, project: str, proxy: FaultProxy) -> None:
    """A kind is watched in the best version that is served, and in another one when that changes; nobody is lost."""
    install(kube, "widgets", "Widget", "v1")
    use(kube, "widgets", project, environment)
    kube.until_used(environment, 1)
    lists = Match(path=f"/apis/{GROUP}/v\\d/widgets$", watch=False)
    assert {f"/apis/{GROUP}/v1/widgets"} == {e.path for e in proxy.traffic.exchanges(lists)}
    proxy.traffic.clear()
    install(kube, "widgets", "Widget", "v2")
    newer = Match(path=f"/apis/{GROUP}/v2/widgets$", watch=True)
    kube.until("a watch of the other version", lambda: any(newer(watch) for watch in proxy.watches()))

    assert 1 == kube.usage(environment)
    kube.rest.delete(f"/apis/{GROUP}/v2/namespaces/{project}/widgets/thing")
    kube.until_used(environment, 0)


def test_names_that_are_taken(kube: Kube, environment: str) -> None:
    """A definition whose names another one has serves nothing and holds nothing up."""
    install(kube, "gadgets", "Gadget", "v1")
    install(kube, "widgets", "Gadget", "v1")
    refused = f"{DEFINITIONS}/widgets.{GROUP}"
    kube.until(
        "the names to be refused",
        lambda: "NotAccepted" in str(kube.rest.get(refused).body["status"].get("conditions")),
    )
    kube.until_condition(environment, "InUse", "False", "Unused")
    kube.kubectl("delete", "env", environment, "--wait=false")

    kube.until_gone("env", environment)


def test_version_that_the_row_does_not_know(kube: Kube, environment: str, project: str) -> None:
    """Users in a version about which admission is not asked are counted, but what they say of tools is anybody's."""
    for plural, kind, version in (("gadgets", "Gadget", "v2"), ("widgets", "Widget", "v1")):
        lab = Address(type="ClusterIP", port=80)
        said = Tools(env=environment, token=f"{plural}x", pods={"app": "x"}, tools={"lab": lab}).text()
        install(kube, plural, kind, version)
        use(kube, plural, project, environment, version, **{names.TOOLS: said})
    kube.until_used(environment, 2)
    run(kube, project, "widgets", "x")
    services = f"/api/v1/namespaces/{project}/services"
    kube.until("a Service", lambda: bool(kube.rest.get(services).body["items"]))

    assert ["environment-widgetsx"] == [item["metadata"]["name"] for item in kube.rest.get(services).body["items"]]


def test_plugin_in_a_version_that_the_row_does_not_list(
    kube: Kube, plugin: Plugin, environment: str, project: str, tmp_path: Path
) -> None:
    """The plugin asks for a kind in the version that the cluster serves, as the operator does."""
    rows = tmp_path / "kinds.yaml"
    rows.write_text(ROWS)
    install(kube, "gadgets", "Gadget", "v2")
    use(kube, "gadgets", project, environment, "v2")
    kube.until_used(environment, 1)
    known = ("--kinds-file", str(rows))

    assert f"gadgets.{GROUP}/thing\n" == plugin("workloads", environment, "-A", "-o", "name", *known)
    refreshed = plugin("refresh", "gadget", "thing", "-n", project, "--dry-run=server", *known)
    assert f"gadgets.{GROUP}/thing refreshed (server dry run)\n" == refreshed


@pytest.mark.parametrize("what", ["objects", "definition"])
def test_kind_that_may_not_be_read(kube: Kube, environment: str, project: str, proxy: FaultProxy, what: str) -> None:
    """While one kind is forbidden the others are counted, it is said which and why, and afterwards all is well."""
    path = {"objects": "/widgets$", "definition": f"/widgets.{GROUP}$"}[what]
    rule = proxy.add(Rule(Match(path=path), Answer(403, "Forbidden", "widgets are not for you")))
    install(kube, "widgets", "Widget", "v1")
    install(kube, "gadgets", "Gadget", "v1")
    kube.until(
        "the forbidden kind to be named",
        lambda: f"widgets.{GROUP} cannot be listed: access is denied: 403" in in_use(kube, environment),
    )
    use(kube, "gadgets", project, environment)
    kube.until_used(environment, 1)
    rule.remove()
    use(kube, "widgets", project, environment)
    kube.until_used(environment, 2)


def test_definitions_that_may_not_be_read(
    start: Start, kube: Kube, environment: str, project: str, proxy: FaultProxy
) -> None:
    """As long as nobody knows which kinds there are, use is unknown and says why; what is known is counted."""
    rule = proxy.add(Rule(Match(path=f"{DEFINITIONS}$"), Answer(403, "Forbidden", "definitions are not for you")))
    start()
    said = kube.until_condition(environment, "InUse", "Unknown", "UsageUnknown")["message"]
    kube.apply(workload("Job", "j", project, environment))
    kube.until_used(environment, 1)
    kube.kubectl("delete", "job", "j", "-n", project)
    kube.until_condition(environment, "InUse", "Unknown", "UsageUnknown")
    rule.remove()
    kube.until_condition(environment, "InUse", "False", "Unused")

    assert "definitions are not for you" in said
    assert "more kinds not listed" in said


def test_kind_that_came_a_moment_ago(kube: Kube, environment: str, project: str, proxy: FaultProxy) -> None:
    """A kind that the watch has not reported yet is found before an Environment is released: its user holds it."""
    kube.until_condition(environment, "InUse", "False", "Unused")
    watches, hold = Match(path=f"{DEFINITIONS}$", watch=True), Hold()
    held = proxy.add(Rule(watches, hold))
    assert 1 <= proxy.end_watches(watches, EndWatch())
    assert held.await_hit()
    install(kube, "widgets", "Widget", "v1")
    use(kube, "widgets", project, environment)
    looked = proxy.add(Rule(Match(path=f"{DEFINITIONS}$", watch=False), Hold()))
    kube.kubectl("delete", "env", environment, "--wait=false")
    assert looked.await_hit()
    looked.remove()
    kube.until("two more looks", lambda: 2 <= len(proxy.traffic.exchanges(looked.rule.match)))
    assert kube.find(environment)
    held.remove()

    assert "Widget" in in_words(kube.until_condition(environment, "DeletionBlocked", "True", "Used"))
    uninstall(kube, "widgets")
    kube.until_gone("env", environment)


def test_row_that_does_not_fit(kube: Kube, environment: str, project: str) -> None:
    """Where a row does not go with what is installed, the log says what in words and a metric counts it."""
    schema: Object = {"type": "object", "properties": {"spec": {"type": "object", "properties": {}}}}
    install(kube, "widgets", "Widget", "v1", schema=schema)
    use(kube, "widgets", project, environment)
    kube.until_used(environment, 1)
    misfits = re.compile(rf'kind_misfits{{kind="widgets.{GROUP}"}} 1')
    url = f"{kube.cluster.operator_url('operator')}/metrics"
    kube.until(
        "the metric", lambda: misfits.search(build_opener(ProxyHandler({})).open(url).read().decode()) is not None
    )

    said = f"kinds table: the row of widgets.{GROUP} does not match what is installed: there is no spec.template"
    assert said in kube.cluster.layout.log("operator").read_text()
