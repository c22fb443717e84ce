"""Who may put a namespace into a department: the verb ``assign`` on the old one and on the new one."""

import json
from dataclasses import dataclass

import pytest

from cluster import Cluster
from environment_operator import names
from people import (
    ADMIN,
    DEPARTMENTS,
    Done,
    Person,
    bind,
    create,
    manifest,
    merge,
    namespace,
    refuses,
    role,
    unique,
)

TAKE, PUT = "taking a namespace out of department", "putting a namespace into department"
# From which department to which, and what the holder of `assign` on ml and ops is refused with.
MOVES = [
    (None, "ml", None),
    (None, "hr", PUT),
    ("ml", None, None),
    ("hr", None, TAKE),
    ("ml", "ops", None),
    ("ml", "hr", PUT),
    ("hr", "ml", TAKE),
    ("hr", "it", TAKE),
]
WAYS = ("patch", "status", "finalize", "replace", "apply")


@dataclass(frozen=True)
class Office:
    """Somebody who edits every namespace and assigns two departments."""

    cluster: Cluster
    editor: Person
    suffix: str

    def department(self, name: str | None) -> str | None:
        """Return the name of a department in this run."""
        return name and f"{name}-{self.suffix}"

    def project(self, department: str | None) -> str:
        """Return a new namespace, in a department or in none."""
        name = unique("project")
        create(self.cluster, namespace(name, **self.labels(department)))
        return name

    def labels(self, department: str | None) -> dict[str, str]:
        """Return the labels of a namespace in a department."""
        value = self.department(department)
        return {names.DEPARTMENT: value} if value else {}

    def move(self, project: str, department: str | None, way: str) -> Done:
        """Move a namespace to a department, in one of several ways."""
        change = merge(metadata={"labels": {names.DEPARTMENT: self.department(department)}})
        if way == "patch":
            return self.editor.kubectl("patch", "namespace", project, *change)
        if way == "status":
            return self.editor.kubectl("patch", "namespace", project, "--subresource=status", *change)
        return self._send(project, department, way)

    def _send(self, project: str, department: str | None, way: str) -> Done:
        """Send the whole namespace with another department."""
        found = json.loads(self.cluster.kubectl("get", "namespace", project, "-o", "json").stdout)
        del found["metadata"]["resourceVersion"]
        found["metadata"]["labels"].pop(names.DEPARTMENT, None)
        found["metadata"]["labels"].update(self.labels(department))
        whole = json.dumps(found)
        if way == "finalize":
            return self.editor.kubectl(
                "replace", "--raw", f"/api/v1/namespaces/{project}/finalize", "-f", "-", stdin=whole
            )
        # Without the annotation of an earlier apply, apply removes nothing: it is told with null.
        if way == "apply" and department is None:
            found["metadata"]["labels"][names.DEPARTMENT] = None
            whole = json.dumps(found)
        return self.editor.kubectl(way, "-f", "-", stdin=whole)


@pytest.fixture(scope="module")
def office(cluster: Cluster) -> Office:
    """Return an office, once the API server knows what its editor may do."""
    suffix = unique("x").removeprefix("x-")
    editor, edits, assigns = Person(cluster, unique("editor")), unique("edits"), unique("assigns")
    verbs = ["get", "list", "create", "update", "patch", "delete"]
    resources = ("namespaces", "namespaces/status", "namespaces/finalize")
    create(
        cluster,
        role(edits, *(("", resource, verbs, ()) for resource in resources)),
        role(assigns, (names.GROUP, names.DEPARTMENTS, [names.ASSIGN], [f"ml-{suffix}", f"ops-{suffix}"])),
        bind(editor, edits),
        bind(editor, assigns),
    )
    editor.await_right("patch", "namespaces")
    editor.await_right(names.ASSIGN, DEPARTMENTS, name=f"ops-{suffix}")
    return Office(cluster, editor, suffix)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("old", "new", "refused"), MOVES)
def test_move(office: Office, old: str | None, new: str | None, refused: str | None, way: str) -> None:
    """A change of the label needs ``assign`` on what it was and on what it becomes, however it is sent."""
    project = office.project(old)
    named = office.department(new if refused == PUT else old)

    done = office.move(project, new, way)

    if refused is None:
        assert 0 == done.returncode, done.stderr
    else:
        assert refuses(f'{refused} "{named}" needs the verb "assign" on {DEPARTMENTS} "{named}"')(done), done.stderr
        assert f'which "{office.editor.name}" lacks' in done.stderr
    label = "jsonpath={.metadata.labels.environments\\.dev/department}"
    reached = office.department(old if refused else new) or ""
    assert reached == office.cluster.kubectl("get", "namespace", project, "-o", label).stdout


@pytest.mark.parametrize(("department", "allowed"), [("ml", True), ("hr", False), (None, True)])
def test_create(office: Office, department: str | None, *, allowed: bool) -> None:
    """A namespace is created in a department only by who may assign it; in none by everybody."""
    new = manifest(namespace(unique("project"), **office.labels(department)))

    done = office.editor.kubectl("create", "-f", "-", stdin=new)

    assert allowed == (done.returncode == 0), done.stderr
    assert allowed or refuses(PUT)(done), done.stderr


@pytest.mark.parametrize("department", ["hr", None])
def test_other_changes(office: Office, department: str | None) -> None:
    """Whatever else is changed about a namespace is nobody's department."""
    project = office.project(department)
    note = merge(metadata={"labels": {"team": "one"}, "annotations": {"note": "seen"}})
    answers = [
        office.editor.kubectl("label", "namespace", project, "pod-security.kubernetes.io/warn=baseline"),
        office.editor.kubectl("patch", "namespace", project, *note),
        office.editor.kubectl("patch", "namespace", project, "--subresource=status", *merge(status={})),
        office.editor.kubectl("label", "namespace", project, "team-"),
    ]

    assert [0, 0, 0, 0] == [done.returncode for done in answers], answers


def test_namespace_goes(office: Office) -> None:
    """A namespace of somebody else's department can be deleted, and its finalization is not held up."""
    project = office.project("hr")

    assert 0 == office.editor.kubectl("delete", "namespace", project, "--timeout=60s").returncode
    assert "" == office.cluster.kubectl("get", "namespace", project, "--ignore-not-found", "-o", "name").stdout


def test_empty_department(office: Office) -> None:
    """A label without a value counts as a department that only who assigns all of them may set."""
    done = office.editor.kubectl("label", "namespace", office.project(None), f"{names.DEPARTMENT}=")

    assert refuses(f'{PUT} ""')(done), done.stderr


def test_environment_admin(office: Office) -> None:
    """The shipped ClusterRole environment-admin, bound to the cluster, assigns every department."""
    admin = Person(office.cluster, unique("admin"))
    create(office.cluster, bind(admin, ADMIN), bind(admin, "cluster-admin"))
    admin.await_right(names.ASSIGN, DEPARTMENTS)
    project = office.project("hr")

    done = admin.kubectl("label", "namespace", project, "--overwrite", f"{names.DEPARTMENT}={unique('any')}")

    assert 0 == done.returncode, done.stderr


def test_namespace_admin(office: Office) -> None:
    """Who administrates his namespace, environment-admin included, does not join departments with it."""
    owner, project, edits = Person(office.cluster, unique("owner")), office.project(None), unique("edits")
    create(
        office.cluster,
        role(edits, ("", "namespaces", ["get", "patch"], ())),
        bind(owner, edits, project),
        bind(owner, ADMIN, project),
    )
    owner.await_right(names.ASSIGN, DEPARTMENTS, namespace=project)

    done = owner.kubectl("label", "namespace", project, f"{names.DEPARTMENT}={office.department('ml')}")

    assert refuses(PUT)(done), done.stderr
