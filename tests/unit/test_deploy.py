"""The manifests that an administrator applies say of the two programs what these do."""

import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from environment_operator.admission.certificates import called_at
from environment_operator.api import names
from environment_operator.app import ROLES
from environment_operator.manifests import webhook_configurations
from environment_operator.settings import Settings, listening

Object = dict[str, Any]
ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy/operator.yaml"
FOUND: list[Object] = list(yaml.load_all(FILE.read_text(encoding="utf-8"), yaml.CSafeLoader))
CONSOLE: list[Object] = list(
    yaml.load_all((ROOT / "deploy/console.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
)
DEPLOYMENTS = [each for each in (*FOUND, *CONSOLE) if each["kind"] == "Deployment"]
PODS = {each["metadata"]["name"]: each["spec"]["template"] for each in DEPLOYMENTS}


def one(kind: str) -> Object:
    """Return the only object of a kind."""
    (found,) = (each for each in FOUND if each["kind"] == kind)
    return found


@pytest.mark.parametrize("role", ROLES)
def test_program(role: str) -> None:
    """Each role has a Deployment whose probes and ports are those that the program has when nothing is set."""
    pod, settings = PODS[f"{names.SERVICE_ACCOUNT}-{role}"], Settings()
    (container,) = pod["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    served = {"http": settings.http_address, **({} if role == "controller" else {"https": settings.https_address})}
    expected = {name: listening(address)[1] for name, address in served.items()}

    assert [role] == container["args"]
    assert expected == ports
    for probe, path in (("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        assert {"path": path, "port": "http"} == container[probe]["httpGet"]


def test_the_page_has_no_rights_of_its_own() -> None:
    """It gets no token of its account, its kubeconfig says nothing about who acts, and nothing binds its account."""
    pod, kinds = PODS[f"{names.SERVICE_ACCOUNT}-console"]["spec"], {each["kind"]: each for each in CONSOLE}
    kubeconfig = yaml.load(kinds["ConfigMap"]["data"]["kubeconfig"], yaml.CSafeLoader)

    assert pod["automountServiceAccountToken"] is False
    assert kinds["ServiceAccount"]["automountServiceAccountToken"] is False
    assert [] == kubeconfig["users"]
    assert {"ServiceAccount", "ConfigMap", "Service", "Deployment", "NetworkPolicy"} == set(kinds)
    assert not [volume for volume in pod["volumes"] if "projected" in volume]


def test_service() -> None:
    """The API server calls admission by the Service that the webhooks name, and its certificate is for that name."""
    service = one("Service")
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    (port,) = service["spec"]["ports"]

    assert (names.SERVICE, webhook_configurations.PORT, "https") == (name, port["port"], port["targetPort"])
    assert (f"{name}.{namespace}.svc",) == called_at(())
    assert service["spec"]["selector"].items() <= PODS[f"{name}-webhook"]["metadata"]["labels"].items()
    assert not service["spec"]["selector"].items() <= PODS[f"{name}-controller"]["metadata"]["labels"].items()


def test_network() -> None:
    """Each port of the programs is open, and no other; the document narrows who calls admission, and nothing else."""
    policies = {each["metadata"]["name"]: each for each in (*FOUND, *CONSOLE) if each["kind"] == "NetworkPolicy"}
    webhook = names.SERVICE_ACCOUNT + "-webhook"
    for pod in PODS.values():
        selecting = [each["spec"] for each in policies.values() if selects(each, pod)]
        opened = [port for spec in selecting for rule in spec["ingress"] for port in rule["ports"]]
        (container,) = pod["spec"]["containers"]
        expected = [{"port": port["containerPort"], "protocol": "TCP"} for port in container["ports"]]
        assert expected == opened
        assert all(["Ingress"] == spec["policyTypes"] for spec in selecting)

    block = (
        (ROOT / "deploy/security.md").read_text("utf-8").split("### Limits")[1].split("```yaml\n")[1].split("```")[0]
    )
    narrowed = yaml.load(block, yaml.CSafeLoader)
    assert [{"ipBlock": {"cidr": "192.0.2.0/24"}}] == narrowed["spec"]["ingress"][0].pop("from")
    assert policies[webhook] == narrowed


def selects(policy: Object, pod: Object) -> bool:
    """Return whether a NetworkPolicy is for a Pod."""
    wanted = policy["spec"]["podSelector"]["matchLabels"]
    return bool(wanted.items() <= pod["metadata"]["labels"].items())


@pytest.mark.parametrize("role", ["controller", "webhook"])
def test_a_node_goes(role: str) -> None:
    """Draining nodes leaves a replica of each program, and replicas look for different nodes."""
    name = f"{names.SERVICE_ACCOUNT}-{role}"
    (budget,) = (f for f in FOUND if (f["kind"], f["metadata"]["name"]) == ("PodDisruptionBudget", name))
    (deployment,) = (f for f in FOUND if (f["kind"], f["metadata"]["name"]) == ("Deployment", name))
    (spread,) = PODS[name]["spec"]["topologySpreadConstraints"]
    labels = PODS[name]["metadata"]["labels"]

    assert 1 == budget["spec"]["minAvailable"] < deployment["spec"]["replicas"]
    assert labels == budget["spec"]["selector"]["matchLabels"] == spread["labelSelector"]["matchLabels"]
    assert ("kubernetes.io/hostname", "ScheduleAnyway") == (spread["topologyKey"], spread["whenUnsatisfiable"])


def test_image_has_the_versions_of_the_tests() -> None:
    """What the image is built with pins every dependency to what the lock file says, in a form that pip takes."""
    (command,) = re.findall(r"RUN (sed .*?) requirements.lock", (ROOT / "deploy/Dockerfile").read_text("utf-8"))
    made = subprocess.run(
        [*shlex.split(command), str(ROOT / "requirements.lock")], capture_output=True, text=True, check=True
    )
    lines = [line for line in made.stdout.splitlines() if not line.lstrip().startswith("#")]
    pins = {pin.name.lower(): str(pin.specifier) for pin in map(Requirement, lines)}
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]

    assert all(re.fullmatch(r"==[^,*]+", version) for version in pins.values())
    assert {Requirement(text).name for text in needed} <= pins.keys()


def test_replicas_of_the_controller_have_identities() -> None:
    """Each controller has its Pod's name, by which the Lease names the leader; two run during an update."""
    name = f"{names.SERVICE_ACCOUNT}-controller"
    (deployment,) = (f for f in FOUND if (f["kind"], f["metadata"]["name"]) == ("Deployment", name))
    (container,) = PODS[name]["spec"]["containers"]

    assert {"apiVersion": "v1", "fieldPath": "metadata.name"} == fields(container)["POD_NAME"]
    assert "strategy" not in deployment["spec"]


def fields(container: Object) -> dict[str, Object]:
    """Return the fields of the Pod that a container has as variables."""
    return {each["name"]: each["valueFrom"]["fieldRef"] for each in container.get("env", ()) if "valueFrom" in each}


@pytest.mark.parametrize("name", PODS)
def test_nothing_is_left_to_the_api_server(name: str) -> None:
    """A field of the Pod is named with the version that the API server adds: no field manager gets a conflict."""
    (container,) = PODS[name]["spec"]["containers"]

    assert {"v1"} >= {field.get("apiVersion") for field in fields(container).values()}
