"""The corpus: workloads as a version of the operator stored them. Every later version reads them and leaves them alone.

``python -m corpus`` writes that of this version, made on a real API server, to ``fixtures/corpus/VERSION.jsonl``: one
workload a line, with the Environments that it had, as it was requested, as it was stored, and its pod templates with
the Environment taken out, which are those that the same workload has without a reference.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import fields
import third_party
from builders import manifest, workload
from cluster import Cluster
from cluster.rest import Rest
from cluster.waiting import until
from environment_operator import __version__
from environment_operator.api import names
from environment_operator.injection import merge, record
from environment_operator.injection.environment_cache import publish
from environment_operator.injection.identity import Ids
from environment_operator.injection.projection import fit, fit_ids
from environment_operator.kinds.paths import get, remove
from environment_operator.kinds.pod_templates import places
from environment_operator.kinds.table import BUILTIN, Kind
from environment_operator.kinds.third_party import ROWS
from kube import ENVIRONMENTS, fresh_cluster, path_of
from people import namespace, sent

Object = dict[str, Any]
Make = Callable[[str, str], Object]
FOLDER = Path(__file__).parents[1] / "fixtures/corpus"
KINDS: Mapping[str, Kind] = {row.name: row for row in (*BUILTIN, *ROWS)}
PROJECT, DEPARTMENT, PERSON = "corpus", "imaging", "ada"
IMAGE, PLAIN = "registry.example/team/all:1", "registry.example/plain:1"
IDS = Ids(uid=1234, gid=100)
CLAIMS = {names.UID_KEY: str(IDS.uid), names.GID_KEY: str(IDS.gid)}
# The project that a second one defines as another version, and the sample of that.
MPI, SECOND = "mpijobs.kubeflow.org", "mpijob-v2beta1"
# Where a token of the service account is mounted.
_MOUNTED = {"volumes", "volumeMounts"}
_SERVER = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")

EVERYTHING: Object = {
    "displayName": "Everything",
    "description": "All that an Environment can hold.",
    "imagePullPolicy": "Always",
    "imagePullSecrets": ["hub"],
    "tools": [
        {"name": "lab", "type": "JupyterNotebook", "connection": {"type": "ExternalURL", "assign": "Auto"}},
        {"name": "board", "type": "TensorBoard", "containerPort": 6007, "connection": {"type": "ClusterIP"}},
        {
            "name": "runs",
            "type": "WeightsAndBiases",
            "connection": {"type": "ExternalURL", "url": "https://runs.example"},
        },
    ],
    "command": ["train"],
    "args": ["--data", "$(DATA)"],
    "env": [
        {"name": "DATA", "value": "/data", "description": "Where the data sets are"},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "tokens", "key": "hub", "optional": True}}},
        {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "modes", "key": "mode", "optional": True}}},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "RUN", "required": True},
    ],
    "workingDir": "/work",
    "user": {"source": "Custom", "uid": 1000, "gid": 100, "supplementalGroups": [5, 6]},
    "security": {
        "capabilities": ["CHOWN"],
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "stdin": True,
    "tty": True,
    "createHomeDir": True,
    "readinessProbe": {
        "httpGet": {"path": "/ready", "port": 8888, "host": "probe.example", "scheme": "HTTPS"},
        "initialDelaySeconds": 5,
        "periodSeconds": 7,
        "timeoutSeconds": 3,
        "successThreshold": 2,
        "failureThreshold": 4,
    },
    "overridable": ["Command", "Args", "Env"],
    "deprecated": {"message": "There is a newer one.", "replacedBy": "newer"},
}
OPEN: Object = {
    "scope": {"projects": [PROJECT], "departments": [DEPARTMENT]},
    "imagePullPolicy": "IfNotPresent",
    "user": {"source": "Image"},
    "env": [{"name": "DATA", "value": "/data"}],
    "tools": [
        {"name": "code", "type": "VisualStudioCode", "connection": {"type": "NodePort", "assign": "Custom"}},
        {"name": "chat", "type": "ChatbotUI", "connection": {"type": "ClusterIP"}},
    ],
    "security": {
        "allowPrivilegeEscalation": True,
        "hostIPC": True,
        "hostNetwork": True,
        "seccompProfile": {"type": "Localhost", "localhostProfile": "profiles/strict.json"},
    },
    "readinessProbe": {"exec": {"command": ["true"]}},
    "overridable": ["Image", "Command", "Args", "Env", "WorkingDir", "Security"],
}
SERVING: Object = {
    "workloadTypes": ["Inference"],
    "endpoint": {"port": 9000, "protocol": "GRPC"},
    "imagePullPolicy": "Never",
    "env": [{"name": "DATA", "value": "/data"}],
    "tools": [{"name": "flow", "type": "MLflow"}],
    "security": {"seccompProfile": {"type": "Unconfined"}},
    "readinessProbe": {"grpc": {"port": 9000, "service": "ready"}},
    "overridable": [],
}
PERSONAL: Object = {
    "user": {"source": "IdPToken"},
    "readinessProbe": {"tcpSocket": {"port": 8080, "host": "probe.example"}},
}
VARIANTS: Mapping[str, Object] = {
    "everything": EVERYTHING, "open": OPEN, "serving": SERVING, "personal": PERSONAL,
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One workload.

    Args:
        kind: full name of its kind, as in the kinds table.
        environments: the specs of the Environments that it names, with their generation, by name.
        requested: the manifest.
        stored: what the API server stored.
        stripped: its pod templates without what was injected by the record, by their places.
    """

    kind: str
    environments: dict[str, Object]
    requested: Object
    stored: Object
    stripped: dict[str, Object]

    @property
    def name(self) -> str:
        """What to call it: the kind, and which Environments it has."""
        return str(self.stored["metadata"]["name"])

    @property
    def row(self) -> Kind:
        """The row of its kind."""
        return KINDS[self.kind]


def read(file: Path) -> list[Case]:
    """Return the workloads of a version."""
    return [Case(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]


def templates(kind: Kind, item: Object) -> dict[str, Object]:
    """Return the pod templates of an object, by their places."""
    return {place.key: place.template(item) for place in places(kind, item)}


def stripped(kind: Kind, item: Object) -> dict[str, Object]:
    """Return the pod templates of a stored object without what was injected by its record."""
    entries, without = record.trusted(kind, item), deepcopy(item)
    record.forget(kind, without)
    return {
        key: merge.strip(template, entries[key].record) if key in entries else template
        for key, template in templates(kind, without).items()
    }


def main() -> None:
    """Write the corpus of this version; one that is there already is never written again."""
    file = FOLDER / f"{__version__}.jsonl"
    if file.exists():
        sys.exit(f"{file} is there: what a version stored stays. Set the next version in pyproject.toml first.")
    with tempfile.TemporaryDirectory() as folder, fresh_cluster(Path(folder) / "state") as cluster:
        cases = list(_Maker(cluster).cases())
    _require_all(cases)
    lines = [json.dumps(asdict(case), separators=(",", ":"), sort_keys=True) for case in cases]
    FOLDER.mkdir(exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _require_all(cases: Iterable[Case]) -> None:
    """Require that each kind that has pods is there, and each field of a spec."""
    kinds = {case.kind for case in cases}
    found = {path for case in cases for each in case.environments.values() for path in fields.paths(each["spec"])}
    assert {name for name, row in KINDS.items() if row.pod_templates} == kinds
    assert set(fields.leaves()) <= found, set(fields.leaves()) - found


class _Maker:
    """Makes the cases on a cluster.

    Args:
        cluster: one with the operator, and nothing else.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._rest = Rest(cluster.kubeconfig)
        self._person = Rest(cluster.kubeconfig, user=PERSON, groups=("system:masters",), extra=CLAIMS)
        self._ports = count(30500)
        sent(self._rest.create("/api/v1/namespaces", namespace(PROJECT, **{names.DEPARTMENT: DEPARTMENT})))
        account = f"/api/v1/namespaces/{PROJECT}/serviceaccounts/default"
        until("the default account", lambda: self._rest.get(account).ok)
        sent(self._rest.create(ENVIRONMENTS, manifest("newer")))

    def cases(self) -> Iterator[Case]:
        """Yield them, kind by kind."""
        for row in BUILTIN:
            for variant in _variants(row):
                yield self._case(row, row.kind.lower(), variant, partial(_built_in, row.kind))
        job = KINDS["jobs.batch"]
        yield self._case(job, "indexed-job", "everything", _indexed, architecture="Distributed", framework="Any")
        third_party.install(self._rest, *(third_party.FILLED.keys() - {SECOND}))
        yield from self._third_party(word for word in third_party.FILLED if word != SECOND)
        third_party.uninstall(self._rest, [MPI])
        third_party.install(self._rest, SECOND)
        yield from self._third_party([SECOND])

    def _third_party(self, words: Iterable[str]) -> Iterator[Case]:
        for word in words:
            row = third_party.row_of(word)
            distributed = {"architecture": "Distributed", "framework": row.framework} if row.framework else {}
            for variant in _variants(row):
                yield self._case(row, word, variant, partial(_of_others, word), **distributed)

    def _case(self, row: Kind, word: str, variant: str, make: Make, **fields: Any) -> Case:
        """Return one workload: its Environment created, the workload stored, and what is left without it compared."""
        name = f"{word}-{variant}"
        spec = self._spec(row, variant, fields)
        environment = sent(self._rest.create(ENVIRONMENTS, _environment(name, spec)))
        requested = make(name, variant)
        rest = self._person if variant == "personal" else self._rest
        stored = _kept(sent(rest.create(_path(row, requested), requested)))
        case = Case(
            row.name,
            {name: {"generation": environment["metadata"]["generation"], "spec": environment["spec"]}},
            requested, stored, stripped(row, stored),
        )  # fmt: skip
        self._compare(case)
        return case

    def _spec(self, row: Kind, variant: str, fields: Object) -> Object:
        """Return the spec of a variant, as far as the kind has a place for it."""
        types: list[str] = [each for each in row.types if each != "Inference"] or ["Inference"]
        spec: Object = {
            "scope": {"cluster": True}, "architecture": "Standard", "workloadTypes": types, "image": IMAGE, **fields,
        }  # fmt: skip
        if types == ["Inference"]:
            spec["endpoint"] = {"port": 9000, "protocol": "GRPC"}
        for key, value in deepcopy(VARIANTS[variant]).items():
            kept = _fitting(row, spec, key, value)
            spec |= {} if kept is None else {key: kept}
        if row.kind.startswith("Cluster"):
            spec["scope"] = {"cluster": True}
        for tool in spec.get("tools", ()):
            if tool.get("connection", {}).get("assign") == "Custom":
                tool["connection"]["nodePort"] = next(self._ports)
        return spec

    def _compare(self, case: Case) -> None:
        """Require that a workload without the Environment is what it would be without a reference."""
        plain, row = deepcopy(case.requested), case.row
        plain["metadata"] = {**plain["metadata"], "name": "plain", "labels": {}}
        mains = {key: entry.main for key, entry in record.trusted(row, case.stored).items()}
        for place in places(row, plain):
            container = get(place.template(plain), mains[place.key])
            if container is not None:
                container.setdefault("image", PLAIN)
        without = templates(row, sent(self._rest.create(f"{_path(row, plain)}?dryRun=All", plain)))
        for key, template in case.stripped.items():
            expected, found = (_comparable(each, mains[key]) for each in (without[key], template))
            assert expected == found, f"{case.name}: {key}: {expected} is not {found}"


def _comparable(template: Object, main: tuple[str, ...]) -> Object:
    """Return a pod template without the image, and what the API server makes of the name and uid of its object."""
    out: Object = {key: deepcopy(value) for key, value in template.items() if key in {"metadata", "spec"}}
    for field in ("image", "imagePullPolicy"):
        remove(out, (*main, field))
    labels = out.get("metadata", {}).get("labels") or {}
    for label in [each for each in labels if each.endswith(("controller-uid", "job-name"))]:
        del labels[label]
    if template.get("kind") == "Pod":
        del out["metadata"]
        for each in (out["spec"], *out["spec"]["containers"]):
            lists = {
                key: [i for i in each[key] if "kube-api-access" not in i["name"]] for key in _MOUNTED if key in each
            }
            each.update(lists)
        # On the network of the node the API server gives every port the same on the node.
        for port in out["spec"]["containers"][0].get("ports", ()):
            port.pop("hostPort", None)
    return out


def _variants(row: Kind) -> Iterator[str]:
    """Yield the variants that workloads of a kind can have."""
    serves_only = row.types == ("Inference",)
    if not serves_only:
        yield from ("everything", "open")
    if "Inference" in row.types:
        yield "serving"
    takes_ids = not any(fit_ids(IDS, each)[1] for each in row.pod_templates)
    if not row.template and not serves_only and takes_ids:
        yield "personal"


def _fitting(row: Kind, spec: Object, key: str, value: Any) -> Any:
    """Return the part of a field for which every pod template of a kind has a place, None for nothing."""
    if _fits(row, {**spec, key: value}):
        return value
    if isinstance(value, list):
        return [each for each in value if _fits(row, {**spec, key: [each]})] or None
    if isinstance(value, dict):
        return {inner: v for inner, v in value.items() if _fits(row, {**spec, key: {inner: v}})} or None
    return None


def _fits(row: Kind, spec: Object) -> bool:
    """Return whether there is such an Environment, and every pod template has a place for all of it."""
    environment = publish("fits", 1, spec, lambda _: True)
    if environment.problem or not environment.fragment:
        return False
    return not any(fit(environment, Ids(), each, strict=True)[1] for each in row.pod_templates)


def _environment(name: str, spec: Object) -> Object:
    """Return an Environment as its author applies it."""
    return {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {"name": name}, "spec": spec}


def _built_in(kind: str, name: str, variant: str) -> Object:
    """Return a workload of a built-in kind, with a sidecar and settings of its own."""
    made = workload(kind, name, PROJECT, name)
    row = next(row for row in BUILTIN if row.kind == kind)
    for template in templates(row, made).values():
        (main,) = template["spec"]["containers"]
        _own(main, variant)
        main["ports"] = [{"containerPort": 1234}]
        template["spec"]["containers"].append({"name": "sidecar", "image": "registry.example/sidecar:1"})
        template["spec"]["imagePullSecrets"] = [{"name": "mine"}]
    return made


def _indexed(name: str, variant: str) -> Object:
    """Return a Job of several indexed pods."""
    made = _built_in("Job", name, variant)
    made["spec"] |= {"completionMode": "Indexed", "completions": 2, "parallelism": 2}
    return made


def _of_others(word: str, name: str, variant: str) -> Object:
    """Return a workload of another project's kind, with settings of its own."""
    made = third_party.user(word, name, PROJECT, name)
    for container in third_party.containers(word, made):
        _own(container, variant)
    return made


def _own(container: Object, variant: str) -> None:
    """Give a container what a submitter writes: variables, and an image of his own where he may."""
    container.pop("image", None)
    own = [] if variant == "serving" else [{"name": "DATA", "value": "/mine"}]
    container["env"] = [*own, {"name": "RUN", "value": "7"}]
    if variant == "open":
        container["image"] = "registry.example/mine:2"


def _path(row: Kind, item: Object) -> str:
    """Return the URL path of the objects of a kind, in the version of a manifest."""
    if row.custom:
        return third_party.path(item)
    return path_of(row, PROJECT)


def _kept(item: Object) -> Object:
    """Return an object without what the API server alone knows."""
    meta = {key: value for key, value in item["metadata"].items() if key not in _SERVER}
    return {**{key: value for key, value in item.items() if key != "status"}, "metadata": meta}


if __name__ == "__main__":
    main()
