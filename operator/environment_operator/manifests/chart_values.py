"""The values of the chart: the only source of ``values.yaml``, its schema and the document that lists them. Pure.

What is a setting of the operator has the type, the limits, the default and the description that it has there.
"""

import json
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from environment_operator.settings import PREFIX, Settings

Schema = dict[str, Any]
# What the kinds of other projects are called in the values, by their API group.
GROUPS: Mapping[str, str] = {
    "agents.x-k8s.io": "agentSandbox",
    "apps.kruise.io": "openKruise",
    "argoproj.io": "argo",
    "batch.volcano.sh": "volcano",
    "disaggregatedset.x-k8s.io": "disaggregatedSet",
    "elastic.iml.github.io": "dlrover",
    "extensions.agents.x-k8s.io": "agentSandbox",
    "flow.volcano.sh": "volcano",
    "grove.io": "grove",
    "jobset.x-k8s.io": "jobSet",
    "keda.sh": "keda",
    "kubeflow.org": "kubeflow",
    "kubernetes.dask.org": "dask",
    "leaderworkerset.x-k8s.io": "leaderWorkerSet",
    "nvidia.com": "dynamo",
    "orchestration.aibrix.ai": "aibrix",
    "pathways-job.pathways.domain": "pathways",
    "ray.io": "ray",
    "serving.knative.dev": "knative",
    "serving.kserve.io": "kserve",
    "sparkoperator.k8s.io": "spark",
    "trainer.kubeflow.org": "kubeflowTrainer",
    "workload.serving.volcano.sh": "kthena",
    "workloads.x-k8s.io": "roleBasedGroup",
}
# Where a setting of the operator stands among the values.
SETTINGS: Mapping[str, str] = {
    "clusterName": "cluster_name",
    "logLevel": "log_level",
    "usageSample": "usage_sample",
    "graceSeconds": "grace_seconds",
    "imageMirrors": "image_mirrors",
    "registryCredentials.enabled": "registry_credentials",
    "users.identityKeys": "identity_keys",
    "users.strictGroups": "strict_groups",
    "tools.url": "tools_url",
    "tools.gateway": "tools_gateway",
    "tools.ingressClass": "tools_ingress_class",
    "tools.nodePorts": "tools_node_ports",
    "tools.loadBalancers": "tools_load_balancers",
}
_TEXT: Schema = {"type": "string"}
_NAME: Schema = {"type": "string", "minLength": 1}
_COUNT: Schema = {"type": "integer", "minimum": 1}
_NAMES: Schema = {"type": "array", "items": _NAME}
_CIDRS: Schema = {"type": "array", "items": {"type": "string", "pattern": "^[0-9a-fA-F.:]+/[0-9]{1,3}$"}}
_TEXTS: Schema = {"type": "object", "additionalProperties": _TEXT}
_OBJECT: Schema = {"type": "object"}
_OBJECTS: Schema = {"type": "array", "items": _OBJECT}
# Nothing is written but the log, of which a kubelet keeps 50 MiB: five files of 10 MiB.
_LOG, _MOST = {"ephemeral-storage": "64Mi"}, {"memory": "512Mi", "ephemeral-storage": "256Mi"}
_RESOURCES = {"requests": {"cpu": "100m", "memory": "128Mi", **_LOG}, "limits": _MOST}
_PAGE = {"requests": {"cpu": "50m", "memory": "96Mi", **_LOG}, "limits": _MOST}
_WIDTH = 116


@dataclass(frozen=True, slots=True)
class Value:
    """One value.

    Args:
        path: its keys, with dots between them.
        default: what it is when nobody sets it.
        description: what it means.
        schema: what it may be, as JSON Schema.
    """

    path: str
    default: Any
    description: str
    schema: Mapping[str, Any]


def _setting(path: str) -> Value:
    """Return the value of a setting of the operator."""
    schema = dict(Settings.model_json_schema()["properties"][SETTINGS[path]])
    default, description = schema.pop("default"), schema.pop("description")
    del schema["title"]
    return Value(path, default, description, schema)


def _settings(*paths: str) -> Iterable[Value]:
    """Return the values of some settings."""
    return map(_setting, paths)


def words() -> dict[str, list[str]]:
    """Return what groups of kinds are called, in order, each with its API groups."""
    return {word: [g for g, called in GROUPS.items() if called == word] for word in sorted(set(GROUPS.values()))}


def _monitoring() -> Iterable[Value]:
    """Yield the values of what other projects read to watch over the operator."""
    parts = {
        "metrics": ("a PodMonitor of the Prometheus Operator has Prometheus scrape every Pod", {}),
        "alerts": ("the alerts are a PrometheusRule of the Prometheus Operator", {}),
        "dashboard": ("the dashboard is a ConfigMap for Grafana", {"grafana_dashboard": "1"}),
    }
    for part, (what, labels) in parts.items():
        path = f"monitoring.{part}"
        yield Value(f"{path}.enabled", default=False, description=f"Whether {what}.", schema={"type": "boolean"})
        yield Value(f"{path}.labels", labels, "Labels by which that is found.", _TEXTS)


def _flag(path: str, description: str) -> Value:
    """Return a value that is true by default."""
    return Value(path, default=True, description=description, schema={"type": "boolean"})


VALUES: tuple[Value, ...] = (
    Value("image.repository", "registry.example/environment-operator", "Where the image is that you built.", _NAME),
    Value("image.tag", "", "Its tag; empty: the version of the chart.", _TEXT),
    Value(
        "image.digest", "", "Its digest, which then counts instead of the tag.",
        {**_TEXT, "pattern": "^(sha256:[0-9a-f]{64})?$"},
    ),
    Value("image.pullPolicy", "IfNotPresent", "When nodes pull it.", {"enum": ["Always", "IfNotPresent", "Never"]}),
    Value("image.pullSecrets", [], "Names of Secrets of the operator's namespace to pull it with.", _NAMES),
    Value("controller.replicas", 2, "How many controllers there are: one leads, the others stand by.", _COUNT),
    Value("controller.resources", _RESOURCES, "What a controller requests, and may use.", _OBJECT),
    Value("webhook.replicas", 2, "How many Pods answer admission.", _COUNT),
    Value("webhook.resources", _RESOURCES, "What each of them requests, and may use.", _OBJECT),
    Value(
        "webhook.url", "",
        "Where an API server reaches admission that cannot reach Services of the cluster, such as "
        "https://10.0.0.7:9443; empty: at the Service.",
        {**_TEXT, "pattern": "^(https://[^/ ]+)?$"},
    ),
    Value(
        "webhook.clientAuthority", "",
        "ConfigMap of the operator's namespace whose key ca.crt has the authority of the API server's client "
        "certificate; empty: none is asked for.",
        _TEXT,
    ),
    Value(
        "certificates.source", "self",
        "Who makes the certificate of admission: self, the operator; certManager; or given, whoever wrote the Secret.",
        {"enum": ["self", "certManager", "given"]},
    ),
    Value(
        "certificates.issuer", {},
        "With certManager, the issuer, as issuerRef of a Certificate; empty: an authority of this installation alone.",
        _OBJECT,
    ),
    Value(
        "certificates.secret", "", "With given, the Secret of the operator's namespace with tls.crt and tls.key.", _TEXT
    ),
    Value("certificates.authority", "", "With given, the certificates in PEM that the API server is to trust.", _TEXT),
    Value("pods.labels", {}, "Further labels of the Pods.", _TEXTS),
    Value("pods.annotations", {}, "Annotations of the Pods.", _TEXTS),
    Value("pods.nodeSelector", {}, "Labels of the nodes that they run on.", _TEXTS),
    Value("pods.tolerations", [], "Taints that they tolerate.", _OBJECTS),
    Value("pods.affinity", {}, "Which nodes and neighbours they prefer, or need.", _OBJECT),
    Value(
        "pods.priorityClassName", "",
        "Their priority class. While no Pod answers admission, workloads with an Environment wait.", _TEXT,
    ),
    *_settings("clusterName", "logLevel", "usageSample", "graceSeconds", "imageMirrors"),
    *_settings("users.identityKeys", "users.strictGroups"),
    *_settings("tools.url", "tools.gateway", "tools.ingressClass", "tools.nodePorts", "tools.loadBalancers"),
    *_settings("registryCredentials.enabled"),
    Value(
        "console.enabled", default=False, description="Whether the page runs in the cluster.",
        schema={"type": "boolean"},
    ),
    Value("console.replicas", 1, "How many Pods serve it.", _COUNT),
    Value("console.resources", _PAGE, "What each of them requests, and may use.", _OBJECT),
    Value(
        "console.certificate", "",
        "Secret of the operator's namespace with tls.crt and tls.key for it; empty: a proxy in the Pod, or a mesh, has "
        "TLS.",
        _TEXT,
    ),
    *_monitoring(),
    _flag("enforcement.enabled", "Whether a namespace may require Environments, by a label."),
    *(
        _flag(f"kinds.{word}.enabled", f"Whether kinds of {' and '.join(groups)} can use Environments.")
        for word, groups in words().items()
    ),
    Value(
        "kinds.further.rows", "",
        "Rows of further kinds. `python -m environment_operator.manifests.generate --kinds FILE --out FOLDER` writes "
        "a file with these four values.",
        _TEXT,
    ),
    Value("kinds.further.rights", "", "The rights on them.", _TEXT),
    Value("kinds.further.policies", "", "The policies with them.", _TEXT),
    Value("kinds.further.webhooks", "", "The webhook configurations with them.", _TEXT),
    _flag("crds.enabled", "Whether the definition comes with the chart. It stays when the chart is uninstalled."),
    _flag("roles.aggregated", "Whether the roles for people are aggregated to view, edit and admin."),
    _flag("networkPolicy.enabled", "Whether network policies close all ports of the Pods but their own."),
    Value(
        "networkPolicy.apiServer", [],
        "Addresses of the API server, as CIDR, such as 10.0.0.1/32; empty: everybody may call.", _CIDRS,
    ),
    _flag("podDisruptionBudget.enabled", "Whether draining nodes leaves one Pod for admission."),
    _flag("uninstall.release", "Whether uninstalling first releases the finalizers of all Environments."),
)  # fmt: skip


def settings() -> list[tuple[str, str, str]]:
    """Return the settings among the values: each path, the variable that it sets, and the text of its default."""
    found = {value.path: value for value in VALUES}
    return [(path, f"{PREFIX}{name.upper()}", _plain(found[path].default)) for path, name in SETTINGS.items()]


def _plain(value: Any) -> str:
    """Return a default as Helm writes it in a variable."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def schema() -> Schema:
    """Return the JSON Schema of the values."""
    root: Schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_object()}
    # Helm gives every chart the values that are global, as soon as it is part of another.
    root["properties"]["global"] = {"type": "object"}
    for value in VALUES:
        *above, last = value.path.split(".")
        node = root
        for key in above:
            node = node["properties"].setdefault(key, _object())
        node["properties"][last] = {**value.schema, "default": value.default, "description": value.description}
    root["properties"]["tools"]["oneOf"] = _ways()
    return root


def _ways() -> list[Schema]:
    """Return what the values of tools may be together, as for the settings: a URL with one way to it, or neither."""
    ways = ("url", "gateway", "ingressClass")
    some, none = {"minLength": 1}, {"maxLength": 0}
    return [
        {"properties": {way: some if way in given else none for way in ways}}
        for given in ((), ("url", "gateway"), ("url", "ingressClass"))
    ]


def _object() -> Schema:
    """Return the schema of some values."""
    return {"type": "object", "additionalProperties": False, "properties": {}}


def values_yaml() -> str:
    """Return ``values.yaml``: every value with its default, under what it means."""
    lines: list[str] = []
    before: list[str] = []
    for value in VALUES:
        *above, last = value.path.split(".")
        same = next(
            (n for n, (a, b) in enumerate(zip(above, before, strict=False)) if a != b), min(len(above), len(before))
        )
        lines += [f"{'  ' * depth}{key}:" for depth, key in enumerate(above) if depth >= same]
        indent = "  " * len(above)
        lines += [f"{indent}# {line}" for line in textwrap.wrap(value.description, _WIDTH - len(indent))]
        lines += [f"{indent}{line}" for line in _dumped(last, value.default)]
        before = above
    return "\n".join(lines) + "\n"


def _dumped(key: str, value: Any) -> list[str]:
    """Return the lines of one key."""
    text = yaml.safe_dump({key: value}, sort_keys=False, width=10_000)
    return text.splitlines()


def table() -> str:
    """Return the table of the values, in Markdown; those of kinds, which differ only by the word, in one row."""
    switches = {f"kinds.{word}.enabled": word for word in words()}
    alike = "Whether kinds of a project can use Environments. Projects: " + ", ".join(f"`{each}`" for each in words())
    rows = [
        f"| `{value.path}` | {_shown(value.default)} | {value.description} |"
        for value in VALUES
        if value.path not in switches
    ]
    rows.append(f"| `kinds.<project>.enabled` | `true` | {alike}. |")
    return "\n".join(("| value | default | meaning |", "|---|---|---|", *rows)) + "\n"


def _shown(default: Any) -> str:
    """Return a default as a cell of the table."""
    return f"`{json.dumps(default)}`" if default != "" else ""
