"""The chart as Helm renders it: valid for the API server, equal to the plain manifests, and each value at work."""

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import Cluster, binaries
from cluster.helm import CHART, CONSOLE, NAMESPACE, PLAIN, RELEASE, helm, rendered
from cluster.layout import REPO_ROOT
from cluster.rest import Rest
from cluster.waiting import until
from environment_operator.api import names
from environment_operator.kinds.third_party import ROWS
from environment_operator.manifests import chart_values
from third_party import DEFINITIONS, uninstall

Object = dict[str, Any]
INJECT = "cert-manager.io/inject-ca-from"
GENERATED = ("kinds", "policies", "webhooks")
OFF = {word: f"--set=kinds.{word}.enabled=false" for word in chart_values.words()}
# Another value than the default for each setting.
OTHERS: Mapping[str, str] = {
    "clusterName": "west",
    "logLevel": "DEBUG",
    "usageSample": "3",
    "graceSeconds": "20",
    "imageMirrors": "docker.io=mirror.example/hub",
    "registryCredentials.enabled": "false",
    "users.identityKeys": "a/uid\\,a/gid\\,a/groups",
    "users.strictGroups": "false",
    "tools.url": "https://tools.example.com",
    "tools.gateway": "gateways/shared",
    "tools.ingressClass": "nginx",
    "tools.nodePorts": "31000-31999",
    "tools.loadBalancers": "true",
}
# What is set only together with another one.
TOGETHER = {"tools.url": "tools.gateway", "tools.gateway": "tools.url", "tools.ingressClass": "tools.url"}


def documents(*options: str, namespace: str = NAMESPACE) -> list[Object]:
    """Return the objects that the chart is rendered to."""
    out = helm("template", RELEASE, str(CHART), f"--namespace={namespace}", *options).stdout
    return [each for each in yaml.load_all(out, yaml.CSafeLoader) if each]


def keyed(found: Iterable[Object]) -> dict[tuple[str, str], Object]:
    """Return objects by kind and name."""
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def groups(found: Iterable[Object]) -> set[str]:
    """Return the API groups of all rules of some objects."""
    rules = [rule for each in found for rule in each.get("rules") or ()]
    rules += [rule for each in found for entry in each.get("webhooks", ()) for rule in entry["rules"]]
    rules += [r for each in found for r in each.get("spec", {}).get("matchConstraints", {}).get("resourceRules") or ()]
    return {group for rule in rules for group in rule["apiGroups"]}


def pods(found: Iterable[Object]) -> list[Object]:
    """Return the pod specs of the Deployments."""
    return [each["spec"]["template"]["spec"] for each in found if each["kind"] == "Deployment"]


def test_lint() -> None:
    """Helm has nothing to say against it."""
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART)).stdout


def test_equal_to_the_plain_manifests() -> None:
    """With the values that nobody sets it is the plain manifests, which a namespace goes with."""
    files = [
        *(REPO_ROOT / "crds").glob("environments.*.yaml"),
        *(REPO_ROOT / f"deploy/{n}.yaml" for n in (*GENERATED, "operator", "rbac")),
    ]
    plain = keyed(each for file in files for each in yaml.load_all(file.read_text("utf-8"), yaml.CSafeLoader))
    found = keyed(documents("--no-hooks"))

    assert {"helm.sh/resource-policy": "keep"} == found["CustomResourceDefinition", names.CRD_NAME]["metadata"].pop(
        "annotations"
    )
    assert plain.keys() == found.keys()
    for key, each in found.items():
        assert plain[key] == each, key


@pytest.mark.parametrize("name", PLAIN)
def test_plain_manifests_are_fresh(name: str) -> None:
    """What `make manifests` writes is there."""
    assert rendered(name) == (REPO_ROOT / f"deploy/{name}.yaml").read_text(encoding="utf-8")


def test_kustomize_base() -> None:
    """The base for Kustomize has every plain manifest, and the namespace."""
    kubectl = binaries.path("kubectl")
    out = subprocess.run(
        [kubectl, "kustomize", REPO_ROOT / "deploy"], capture_output=True, text=True, check=True
    ).stdout
    found = keyed(yaml.load_all(out, yaml.CSafeLoader))

    assert {("Namespace", NAMESPACE), *keyed(documents("--no-hooks"))} == found.keys()


@pytest.mark.parametrize("namespace", ["platform", "123"])
def test_any_namespace(namespace: str) -> None:
    """No other namespace is named anywhere than the one of the release, also where that looks like a number."""
    found = documents(namespace=namespace)

    assert NAMESPACE not in json.dumps(found)
    assert {namespace} == {each["metadata"]["namespace"] for each in found if "namespace" in each["metadata"]}
    assert f"system:serviceaccount:{namespace}:{names.SERVICE_ACCOUNT}" in json.dumps(found)


@pytest.mark.parametrize("word", OFF)
def test_kinds_that_are_switched_off(word: str) -> None:
    """Nothing is left that calls the operator for kinds of a group, gives it rights on them or demands Environments."""
    off, found = chart_values.words()[word], documents(OFF[word])
    (kinds,) = (each for each in found if each["kind"] == "ConfigMap")

    assert set() == groups(found) & set(off)
    assert [{"group": group, "enabled": False} for group in off] == yaml.safe_load(kinds["data"][names.KINDS_KEY])
    for pod in pods(found):
        assert {"name": "kinds", "configMap": {"name": names.KINDS}} in pod["volumes"]


def test_only_the_kinds_of_kubernetes() -> None:
    """With every group switched off, what is left is valid: no list of rules is empty."""
    found = documents(*OFF.values())
    rules = [
        each["spec"]["matchConstraints"]["resourceRules"]
        for each in found
        if each["kind"] == "ValidatingAdmissionPolicy"
    ]

    assert set() == groups(found) & {row.group for row in ROWS}
    assert all(rules)
    assert all(each["webhooks"] for each in found if each["kind"].endswith("WebhookConfiguration"))


@pytest.mark.parametrize("path", chart_values.SETTINGS)
def test_settings(path: str) -> None:
    """Each setting among the values sets its variable in both programs; left as it is, there is none."""
    variable = next(variable for at, variable, _ in chart_values.settings() if at == path)
    expected = OTHERS[path].replace("\\", "")
    given = [path, *filter(None, [TOGETHER.get(path)])]
    for pod in pods(documents(*(f"--set={each}={OTHERS[each]}" for each in given))):
        assert {"name": variable, "value": expected} in pod["containers"][0]["env"]
    for pod in pods(documents()):
        assert variable not in {each["name"] for each in pod["containers"][0]["env"]}


def test_console() -> None:
    """Where a proxy has TLS the page has no certificate; it gives nobody a right."""
    found = documents("--set=console.enabled=true")
    added = keyed(found).keys() - keyed(documents()).keys()
    (pod,) = (pod for pod in pods(found) if pod["containers"][0]["name"] == "console")
    variables = {each["name"] for each in pod["containers"][0]["env"]}

    assert {"ConfigMap", "Deployment", "NetworkPolicy", "Service", "ServiceAccount"} == {kind for kind, _ in added}
    assert "ENVIRONMENT_OPERATOR_HTTPS_CERTIFICATE" not in variables
    assert pod["automountServiceAccountToken"] is False


@contextmanager
def defined(rest: Rest, project: str) -> Iterator[None]:
    """Have the kinds of another project defined for a while."""
    definitions = list(yaml.load_all((REPO_ROOT / f"tests/fixtures/{project}.yaml").read_text(), yaml.CSafeLoader))
    for each in definitions:
        assert rest.create(DEFINITIONS, each).ok
    yield
    uninstall(rest, [each["metadata"]["name"] for each in definitions])


def until_taken(cluster: Cluster, found: Iterable[Object]) -> None:
    """Wait until the API server, which may have learnt of their kinds a moment ago, takes objects as they are."""
    text = yaml.safe_dump_all(found)
    apply = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-")
    until("the objects to be valid", lambda: not cluster.kubectl(*apply, input=text, check=False).returncode)


def test_monitoring(rest: Rest, cluster: Cluster) -> None:
    """PodMonitor, alerts and dashboard are what is in the folder, and the API server takes them with their labels."""
    parts = ("metrics", "alerts", "dashboard")
    options = [f"--set=monitoring.{part}.enabled=true,monitoring.{part}.labels.release=mine" for part in parts]
    found = keyed(documents(*options, "--show-only=templates/monitoring.yaml"))
    (dashboard,) = found["ConfigMap", "environment-operator-dashboard"]["data"].values()
    folder = CHART / "monitoring"

    assert yaml.safe_load((folder / "alerts.yaml").read_text())["spec"] == found["PrometheusRule", RELEASE]["spec"]
    assert json.loads((folder / "dashboard.json").read_text()) == json.loads(dashboard)
    assert {"mine"} == {each["metadata"]["labels"]["release"] for each in found.values()}
    with defined(rest, "prometheus-operator"):
        until_taken(cluster, found.values())


def bundles(found: Iterable[Object]) -> set[str | None]:
    """Return the bundles of authorities of the webhook configurations among some objects."""
    every = (entry["clientConfig"] for each in found for entry in each.get("webhooks", ()))
    return {client.get("caBundle") for client in every}


@pytest.mark.parametrize(
    "issuer", [(), ("--set=certificates.issuer.name=ours,certificates.issuer.kind=ClusterIssuer",)]
)
def test_cert_manager(rest: Rest, cluster: Cluster, issuer: tuple[str, ...]) -> None:
    """With cert-manager the certificate is for the Service, its authority is injected, and we may change neither."""
    found = documents("--set=certificates.source=certManager", *issuer, namespace="any")
    ours = [each for each in found if each["apiVersion"] == "cert-manager.io/v1"]
    certificate = keyed(ours)["Certificate", RELEASE]["spec"]
    injected = {each["metadata"].get("annotations", {}).get(INJECT) for each in found if each.get("webhooks")}

    assert ["environment-operator.any.svc"] == certificate["dnsNames"]
    assert {"any/environment-operator"} == injected
    assert {None} == bundles(found)
    assert ("ours" if issuer else RELEASE) == certificate["issuerRef"]["name"]
    assert (1 if issuer else 4) == len(ours)
    assert served(found) == certificate["secretName"]
    assert_trusts_nobody(found)
    with defined(rest, "cert-manager"):
        until_taken(
            cluster, [{**each, "metadata": {"name": each["metadata"]["name"], "namespace": "default"}} for each in ours]
        )


def test_address_of_the_certificate() -> None:
    """Where the API server calls an address, the certificate is for that."""
    for url, kind in (("https://10.0.0.7:9443", "ipAddresses"), ("https://hooks.example.com:9443", "dnsNames")):
        found = keyed(documents("--set=certificates.source=certManager", f"--set=webhook.url={url}"))
        assert [url.split("/")[2].split(":")[0]] == found["Certificate", RELEASE]["spec"][kind]


def test_given_certificate(tmp_path: Path) -> None:
    """A certificate that was given is mounted, its authority is in every webhook, and we have no right to either."""
    (tmp_path / "ca.crt").write_text("any PEM\n")
    given = (
        "--set=certificates.source=given,certificates.secret=mine",
        f"--set-file=certificates.authority={tmp_path}/ca.crt",
    )
    found = documents(*given)

    assert "mine" == served(found)
    assert {b64encode(b"any PEM\n").decode()} == bundles(found)
    assert_trusts_nobody(found)


@pytest.mark.parametrize("missing", ["secret", "authority"])
def test_given_incompletely(missing: str) -> None:
    """What is missing of a certificate that is given is named."""
    given = {"source": "given", "secret": "mine", "authority": "PEM"}
    options = [f"--set=certificates.{key}={value}" for key, value in given.items() if key != missing]

    assert f"certificates.{missing} is required" in helm("template", RELEASE, str(CHART), *options, check=False).stderr


def served(found: Iterable[Object]) -> str:
    """Return the Secret from which admission is served."""
    pod = keyed(found)["Deployment", "environment-operator-webhook"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (folder,) = (each["value"] for each in container["env"] if each["name"] == "ENVIRONMENT_OPERATOR_HTTPS_CERTIFICATE")
    (mounted,) = (each["name"] for each in container["volumeMounts"] if each["mountPath"] == folder)
    (secret,) = (each["secret"]["secretName"] for each in pod["volumes"] if each["name"] == mounted)
    return str(secret)


def assert_trusts_nobody(found: Iterable[Object]) -> None:
    """Assert that nothing lets the operator change webhook configurations, or the Secret of its own certificate."""
    rules = [(rule, verb) for each in found for rule in each.get("rules") or () for verb in rule["verbs"]]
    assert not [
        rule for rule, verb in rules if "mutatingwebhookconfigurations" in rule["resources"] and verb == "patch"
    ]
    assert not [rule for rule, _ in rules if "environment-operator-webhook" in rule.get("resourceNames", ())]


def test_monitoring_finds_the_metrics() -> None:
    """The PodMonitor selects the Pods of every role, each of which has the port that it names."""
    found = documents("--set=monitoring.metrics.enabled=true", *CONSOLE)
    (monitor,) = (each["spec"] for each in found if each["kind"] == "PodMonitor")
    (endpoint,), (chosen,) = monitor["podMetricsEndpoints"], monitor["selector"]["matchExpressions"]
    templates = [each["spec"]["template"] for each in found if each["kind"] == "Deployment"]

    for template in templates:
        ports = {port["name"] for each in template["spec"]["containers"] for port in each["ports"]}
        assert template["metadata"]["labels"][chosen["key"]] in chosen["values"]
        assert endpoint["port"] in ports
    assert 3 == len(templates)


def test_without_enforcement() -> None:
    """Without enforcement no policy demands an Environment."""
    found = documents("--set=enforcement.enabled=false")

    assert [] == [each["metadata"]["name"] for each in found if "enforce" in each["metadata"]["name"]]


def test_without_registry_credentials() -> None:
    """Without registry credentials there is no right on Secrets but that on the certificate."""
    found = documents("--set=registryCredentials.enabled=false")
    roles = [
        each["metadata"]["name"] for each in found for rule in each.get("rules") or () if "secrets" in rule["resources"]
    ]

    assert {"environment-operator-webhook"} == set(roles)


def test_further_kinds(tmp_path: Path) -> None:
    """The values that are generated from rows bring webhooks, policies, rights and the rows themselves."""
    rows = tmp_path / "kinds.yaml"
    rows.write_text("- {group: example.org, version: v1, kind: Thing, plural: things, types: [Training]}\n")
    generate = [sys.executable, "-m", "environment_operator.manifests.generate"]
    subprocess.run([*generate, "--kinds", str(rows), "--out", str(tmp_path)], check=True)
    found = documents(f"--values={tmp_path}/values.yaml", OFF["ray"], namespace="platform")
    (kinds,) = (each for each in found if each["kind"] == "ConfigMap")

    assert ("MutatingWebhookConfiguration", "environment-operator-example.org") in keyed(found)
    assert "example.org" in groups(found)
    assert "ray.io" not in groups(found)
    assert NAMESPACE not in json.dumps(found)
    assert ["ray.io", "example.org"] == [row["group"] for row in yaml.safe_load(kinds["data"][names.KINDS_KEY])]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--set=webhook.replicas=0", "/webhook/replicas"),
        ("--set=webhook.replica=2", "replica"),
        ("--set=image.digest=latest", "/image/digest"),
        ("--set=kinds.kubflow.enabled=false", "kubflow"),
        ("--set=networkPolicy.apiServer={10.0.0.1}", "/networkPolicy/apiServer/0"),
        ("--set=tools.url=https://tools.example.com", "/tools/ingressClass"),
        ("--set=tools.gateway=gateways/shared", "/tools/url"),
        ("--set=tools.ingressClass=nginx", "/tools/url"),
        ("--set=tools.url=https://a.example,tools.gateway=a/b,tools.ingressClass=c", "/tools/ingressClass"),
    ],
)
def test_wrong_values(option: str, said: str) -> None:
    """A value that is none, or is misspelt, is refused with its path."""
    done = helm("template", RELEASE, str(CHART), option, check=False)

    assert 0 != done.returncode
    assert said in done.stderr


def test_schema(rest: Rest, tmp_path: Path) -> None:
    """Each object is valid by the schema of its kind that the API server publishes, without a field too many."""
    write_schemas(rest.get("/openapi/v2").body["definitions"], tmp_path)
    options = (
        "--set=tools.ingressClass=nginx,tools.url=https://tools.example.com",
        *CONSOLE,
        "--set=pods.priorityClassName=any",
    )
    file = tmp_path / "chart.yaml"
    file.write_text(yaml.safe_dump_all(documents(*options)))
    binaries.ensure(["kubeconform"], print)
    where = f"{tmp_path}/{{{{.ResourceKind}}}}-{{{{.Group}}}}-{{{{.ResourceAPIVersion}}}}.json"
    command = [str(binaries.path("kubeconform")), "-strict", "-output=json", f"-schema-location={where}", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (0, []) == (done.returncode, json.loads(done.stdout)["resources"])


# What kube-score asks for, and the chart does not do by default, with the reason.
LEFT_OUT = {
    "Container Resources": "a limit of the processor would slow admission when it matters; there is one of memory",
    "Container Image Pull Policy": "the image has a version, or a digest, so that nodes need pull it once only",
    "Pod NetworkPolicy": "what the Pods may call is the API server, whose addresses differ from cluster to cluster",
    "Deployment has host PodAntiAffinity": "spread constraints do that, and let two Pods run on one node alone",
    "Deployment Replicas": "the page has one Pod, as nobody waits for it; controller and webhook have two",
}


def test_score(tmp_path: Path) -> None:
    """kube-score finds nothing in all that the chart can bring but what is left out for a reason."""
    file = tmp_path / "chart.yaml"
    options = ("--set=tools.ingressClass=nginx", "--set=tools.url=https://tools.example.com", *CONSOLE)
    file.write_text(yaml.safe_dump_all(documents(*options)))
    binaries.ensure(["kube-score"], print)
    command = [str(binaries.path("kube-score")), "score", "--output-format=json", str(file)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    bad = {
        check["check"]["name"]: (each["object_name"], check["comments"])
        for each in found
        for check in each["checks"]
        if not check["skipped"] and check["grade"] < 10
    }

    assert set(LEFT_OUT) == set(bad), bad


# As above, of checkov.
ACCEPTED = {
    "CKV_K8S_11": "no limit of the processor: it would slow admission when it matters",
    "CKV_K8S_15": "no image is pulled again that has a version, or a digest",
    "CKV_K8S_38": "controller and webhook speak to the API server by their token; the page has none",
    "CKV_K8S_43": "whoever installs it chooses a digest, by a value",
    "CKV_K8S_155": "our webhook configurations get a renewed authority; a policy lets nothing else of them change",
    "CKV2_K8S_6": "the Job that runs before an uninstallation listens on no port",
    "CKV2_K8S_5": "in its own namespace the operator reads registry credentials; without these it has no such right",
}
CHECKOV = Path(sys.executable).parent / "checkov"


@pytest.mark.skipif(not CHECKOV.exists(), reason="checkov is not there: make checkov installs it")
def test_checkov(tmp_path: Path) -> None:
    """Checkov finds nothing in all that the chart can bring but what is accepted for a reason."""
    file = tmp_path / "chart.yaml"
    options = ("--set=tools.ingressClass=nginx", "--set=tools.url=https://tools.example.com", *CONSOLE)
    file.write_text(yaml.safe_dump_all(documents(*options)))
    command = [str(CHECKOV), "--framework=kubernetes", "--skip-download", "--output=json", f"--file={file}"]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    found = {each["check_id"]: (each["resource"], each["check_name"]) for each in report["results"]["failed_checks"]}

    assert report["summary"]["passed"] > 100
    assert set(ACCEPTED) == set(found), found


def write_schemas(definitions: Object, folder: Path) -> None:
    """Write the schema of each kind of the API server into a file of its own."""
    definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] = {"type": ["string", "integer"]}
    for found in definitions.values():
        if "properties" in found:
            found.setdefault("additionalProperties", False)
    for name, found in definitions.items():
        for each in found.get("x-kubernetes-group-version-kind", ()):
            file = folder / f"{each['kind'].lower()}-{each['group'] or each['version']}-{each['version']}.json"
            needed = {inner: definitions[inner] for inner in referred(definitions, name)}
            file.write_text(json.dumps({"$ref": f"#/definitions/{name}", "definitions": needed}))


def referred(definitions: Object, name: str) -> set[str]:
    """Return the definitions that one needs, itself included."""
    found, due = set(), {name}
    while due:
        each = due.pop()
        found.add(each)
        text = json.dumps(definitions[each])
        due |= {part.partition('"')[0] for part in text.split("#/definitions/")[1:]} - found
    return found
