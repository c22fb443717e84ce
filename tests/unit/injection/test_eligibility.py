"""Who may use an Environment for what, each refusal in its own words."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import KINDS, around, published, spec, workload
from environment_operator.api import names
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.injection.context import Project, Refused
from environment_operator.injection.eligibility import check_labels, refusal, unknown
from environment_operator.injection.mutate import admit
from environment_operator.kinds import third_party
from environment_operator.kinds.paths import copied, put
from environment_operator.kinds.pod_templates import places
from environment_operator.kinds.table import BUILTIN, Kind, PodTemplate
from environment_operator.kinds.third_party import ROWS

INFERENCE = {"workloadTypes": ["Inference"], "endpoint": {"port": 80, "protocol": "HTTP"}}
PYTORCH = {"architecture": "Distributed", "framework": "PyTorch"}
RAY = Kind(group="x", version="v1", kind="Cluster", plural="clusters", framework="Ray", types=("Training",))
TORCH = RAY.model_copy(update={"framework": "PyTorch"})
TABLE = (*BUILTIN, *third_party.ROWS)
INDEXED: dict[str, Any] = {"metadata": {}, "spec": {"completionMode": "Indexed"}}
JOB, DEPLOYMENT, TEMPLATE = KINDS["jobs.batch"], KINDS["deployments.apps"], KINDS["podtemplates"]


def why(fields: dict[str, Any], kind: Kind, item: dict[str, Any] | None = None, project: str = "team") -> str:
    """Return why a workload in a department may not use an Environment with these fields."""
    made = EnvironmentSpec.model_validate(spec(**fields))
    return refusal("e", made, kind, item or {}, Project(project, "vision" if project else None))


@pytest.mark.parametrize("scope", [{"cluster": True}, {"projects": ["team"]}, {"departments": ["a", "vision"]}])
def test_in_scope(scope: dict[str, Any]) -> None:
    """The cluster, the project or its department in the scope is enough."""
    assert "" == why({"scope": scope}, JOB)


@pytest.mark.parametrize(
    ("scope", "project", "expected"),
    [
        ({"projects": ["a", "b"]}, "team", 'project/a, project/b, not for project "team" of department "vision"'),
        ({"departments": ["x"]}, "team", 'it is for department/x, not for project "team"'),
        ({"departments": ["vision"], "projects": ["p"]}, "", "not for the whole cluster"),
    ],
)  # fmt: skip
def test_out_of_scope(scope: dict[str, Any], project: str, expected: str) -> None:
    """The refusal says which scopes there are; a cluster-scoped template needs the scope of the cluster."""
    found = why({"scope": scope}, TEMPLATE, project=project)
    assert expected in found
    assert f"kubectl get {names.CRD_NAME}" in found


@pytest.mark.parametrize(
    ("kind", "fields", "labels", "expected"),
    [
        (JOB, {"workloadTypes": ["Training"]}, {}, ""),
        (DEPLOYMENT, {"workloadTypes": ["Training"]}, {}, "this Deployment is Workspace or Inference"),
        (DEPLOYMENT, INFERENCE, {}, ""),
        (DEPLOYMENT, INFERENCE, {names.WORKLOAD_TYPE: "Workspace"}, "this Deployment is Workspace"),
        (JOB, {}, {names.WORKLOAD_TYPE: "Inference"}, "which a Job cannot be. Set it to one of: Training."),
        (TEMPLATE, INFERENCE, {}, ""),
    ],
)
def test_types(kind: Kind, fields: dict[str, Any], labels: dict[str, str], expected: str) -> None:
    """One common type is enough; the label narrows, to what the kind can be."""
    found = why(fields, kind, {"metadata": {"labels": labels}})
    assert (expected == "") is (found == "")
    assert expected in found


@pytest.mark.parametrize(
    ("kind", "item", "fields", "expected"),
    [
        (JOB, {}, PYTORCH, "it is for Distributed workloads; this Job is Standard"),
        (JOB, INDEXED, {}, "it is for Standard workloads; this Job is Distributed"),
        (JOB, INDEXED, PYTORCH, ""),
        (TORCH, {}, PYTORCH, ""),
        (RAY, {}, PYTORCH, "it is for the framework PyTorch; a Cluster is Ray"),
        (RAY, {}, {"architecture": "Distributed", "framework": "Any"}, ""),
    ],
)
def test_architecture(kind: Kind, item: dict[str, Any], fields: dict[str, Any], expected: str) -> None:
    """Architectures have to be the same, frameworks too, where neither is open."""
    found = why(fields, kind, item)
    assert (expected == "") is (found == "")
    assert expected in found


def with_template(row: PodTemplate, name: str) -> dict[str, Any]:
    """Return an object with one pod template, the items of the lists on the way called by a name."""
    out: Any = {"metadata": {}, "spec": {"containers": [{"name": row.container or "main"}]}}
    if not row.spec:
        out = {key: {} for key in row.inline[:1]} or {"containers": [{"name": row.container or "main"}]}
    for key, field in reversed(row.steps):
        if field:
            *way, last = field.split("/")
            holder = out
            for part in way:
                holder = holder.setdefault(part, {})
            holder[last] = name
            out = [out]
        out = {key: out}
    return dict(out)


ROLES = [(kind, row) for kind in ROWS if kind.roles for row in kind.pod_templates if row.role]


@pytest.mark.parametrize(("kind", "row"), ROLES, ids=lambda each: getattr(each, "kind", None) or each.role)
def test_a_label_for_a_role_that_is_not_written_out(kind: Kind, row: PodTemplate) -> None:
    """A new label for a role that the object lacks is refused with the roles that it has; a stored one is not."""
    item = with_template(row, "here")
    (role,) = {place.role for place in places(kind, item)} - {""}
    idle = next(each for each in (*kind.roles, "other") if each not in ("*", role))
    item["metadata"] = {
        **item.get("metadata", {}),
        "labels": {names.REFERENCE: "e", f"{names.ROLE_REFERENCE}{role}": "f"},
    }
    check_labels(kind, item, None)
    wrong = copied(item)
    wrong["metadata"]["labels"][f"{names.ROLE_REFERENCE}{idle}"] = "f"

    with pytest.raises(Refused, match=f"{names.ROLE_REFERENCE}{idle} has no effect: .* Use one of its roles: {role}.$"):
        check_labels(kind, wrong, None)
    check_labels(kind, wrong, wrong)
    with pytest.raises(Refused, match="has no effect"):
        check_labels(kind, wrong, {**wrong, "metadata": {"labels": {f"{names.ROLE_REFERENCE}{idle}": "another"}}})


@pytest.mark.parametrize(
    ("kind", "item", "fields", "expected"),
    [
        (DEPLOYMENT, {}, {"workloadTypes": ["Training"]}, "Use a CronJob, Job, Workflow or CronWorkflow, or an Env"),
        (JOB, {}, {"workloadTypes": ["Workspace"]}, "or an Environment for Training."),
        (
            DEPLOYMENT,
            {"metadata": {"labels": {names.WORKLOAD_TYPE: "Inference"}}},
            {"workloadTypes": ["Workspace"]},
            f"Set label {names.WORKLOAD_TYPE}: Workspace, or use an Environment for Inference.",
        ),
        (JOB, {}, PYTORCH, "For Distributed set spec.completionMode: Indexed. Use a PyTorchJob"),
        (JOB, INDEXED, {}, "For Standard remove spec.completionMode: Indexed."),
        (
            JOB,
            {},
            {**PYTORCH, "workloadTypes": ["Workspace"]},
            "this Job is Training. Use a DaskCluster, or an Environment for Training.",
        ),
        (RAY, {}, PYTORCH, "Use a PyTorchJob, "),
    ],
)
def test_way_out(kind: Kind, item: dict[str, Any], fields: dict[str, Any], expected: str) -> None:
    """A workload of the wrong type or architecture is refused with what it would have to be, in a few words."""
    found = why({"workloadTypes": ["Training"], **fields}, kind, item)
    assert expected in found
    assert len(found) <= 300


@given(
    st.sampled_from(["Standard", "PyTorch", "MPI", "TensorFlow", "XGBoost", "JAX", "Ray", "Any"]),
    st.sets(st.sampled_from(["Workspace", "Training", "Inference"]), min_size=1),
    st.sampled_from([kind for kind in TABLE if not kind.instead]),
)
def test_way_out_is_one(framework: str, types: set[str], kind: Kind) -> None:
    """Each kind that a refusal recommends can use the Environment."""
    distributed = {"architecture": "Distributed", "framework": framework} if framework != "Standard" else {}
    endpoint = {"endpoint": {"port": 80, "protocol": "HTTP"}} if "Inference" in types else {}
    fields = {"workloadTypes": sorted(types), **distributed, **endpoint}
    found = re.search(r"Use a ([\w, ]+?), or an", why(fields, kind))
    named = re.split(", | or ", found[1]) if found else []
    for name in named:
        assert any(_may(fields, types, each) for each in TABLE if each.kind == name), name


def _may(fields: dict[str, Any], types: set[str], kind: Kind) -> bool:
    """Return whether a workload of a kind, indexed where it can be, may use an Environment with these fields."""
    label = next((each for each in kind.types if each in types), "")
    item: dict[str, Any] = {"metadata": {"labels": {names.WORKLOAD_TYPE: label}}}
    indexed = copied(item)
    if kind.indexed:
        put(indexed, tuple(kind.indexed.split(".")), "Indexed")
    return "" in (why(fields, kind, item), why(fields, kind, indexed))


def test_unknown() -> None:
    """A name that nobody has is refused with the nearest one."""
    assert 'did you mean "jupyter"?' in unknown("jupiter", ["pytorch", "jupyter"])
    assert "did you mean" not in unknown("jupiter", ["pytorch"])


def test_stored_references_are_not_validated() -> None:
    """A scope that shrank, or another type, stops nothing that is stored; a switch back is a new reference."""
    new = workload("Deployment", "d", "team", "e")
    stored = admit(DEPLOYMENT, new, None, around(published(), project=Project("team"))).workload
    assert stored is not None
    gone = around(published(scope={"projects": ["other"]}), project=Project("team"))

    assert stored == admit(DEPLOYMENT, stored, stored, gone).workload
    assert 'not for project "team"' in admit(DEPLOYMENT, new, None, gone).refusal
