"""Who may put a namespace into a department: the verb ``assign`` on the old one and on the new one."""

from dataclasses import dataclass

import pytest

from cluster import Cluster
from cluster.rest import Reply, Rest
from cluster.waiting import until
from environment_operator.api import names
from people import (
    ADMIN,
    DEPARTMENTS,
    NAMESPACES,
    Object,
    Person,
    bind,
    create,
    manifest,
    namespace,
    refusal,
    refuses,
    role,
    sent,
    unique,
)

TAKE, PUT = "Taking a namespace out of department", "Putting a namespace into department"
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
# Server-side apply takes a label away from the manager that has put it there.
APPLY = "?fieldManager=office"


@dataclass(frozen=True)
class Office:
    """Somebody who edits every namespace and assigns two departments."""

    rest: Rest
    editor: Person
    suffix: str
    leaving: str
    """A namespace of somebody else's department that the editor has deleted before any test."""

    def department(self, name: str | None) -> str | None:
        """Return the name of a department in this run."""
        return name and f"{name}-{self.suffix}"

    def project(self, department: str | None) -> str:
        """Return a new namespace, in a department or in none."""
        name = unique("project")
        sent(self.rest.patch(f"{NAMESPACES}/{name}{APPLY}", self.namespace(name, department), kind="apply"))
        return name

    def namespace(self, name: str, department: str | None) -> Object:
        """Return the manifest of a namespace in a department, or in none."""
        value = self.department(department)
        return namespace(name, **{names.DEPARTMENT: value} if value else {})

    def found(self, project: str) -> str | None:
        """Return the department that a namespace is in."""
        labels: dict[str, str] = sent(self.rest.get(f"{NAMESPACES}/{project}"))["metadata"]["labels"]
        return labels.get(names.DEPARTMENT)

    def label(self, project: str, value: str | None, path: str = "") -> Reply:
        """Set the label of a namespace with a patch, or remove it, through the namespace or below it."""
        return self.editor.rest.patch(
            f"{NAMESPACES}/{project}{path}", {"metadata": {"labels": {names.DEPARTMENT: value}}}
        )

    def move(self, project: str, department: str | None, way: str) -> Reply:
        """Move a namespace to a department, in one of several ways."""
        path, value = f"{NAMESPACES}/{project}", self.department(department)
        match way:
            case "patch":
                return self.label(project, value)
            case "status":
                return self.label(project, value, "/status")
            case "apply":
                return self.editor.rest.patch(f"{path}{APPLY}", self.namespace(project, department), kind="apply")
        whole = sent(self.rest.get(path))
        del whole["metadata"]["resourceVersion"]
        whole["metadata"]["labels"].pop(names.DEPARTMENT, None)
        whole["metadata"]["labels"].update(self.namespace(project, department)["metadata"]["labels"])
        return self.editor.rest.replace(f"{path}/finalize" if way == "finalize" else path, whole)


@pytest.fixture(scope="module")
def office(cluster: Cluster, rest: Rest) -> Office:
    """Return an office, once the API server knows what its editor may do."""
    suffix = unique("x").removeprefix("x-")
    editor, edits, assigns, leaving = (
        Person(cluster, unique("editor")),
        unique("edits"),
        unique("assigns"),
        unique("go"),
    )
    verbs = ["get", "list", "create", "update", "patch", "delete"]
    resources = ("namespaces", "namespaces/status", "namespaces/finalize")
    create(
        rest,
        role(edits, *(("", resource, verbs, ()) for resource in resources)),
        role(assigns, (names.GROUP, names.DEPARTMENTS, [names.ASSIGN], [f"ml-{suffix}", f"ops-{suffix}"])),
        bind(editor, edits),
        bind(editor, assigns),
        namespace(leaving, **{names.DEPARTMENT: f"hr-{suffix}"}),
    )
    editor.await_right("patch", "namespaces")
    editor.await_right(names.ASSIGN, DEPARTMENTS, name=f"ops-{suffix}")
    sent(editor.rest.delete(f"{NAMESPACES}/{leaving}"))
    return Office(rest, editor, suffix, leaving)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("old", "new", "refused"), MOVES)
def test_move(office: Office, old: str | None, new: str | None, refused: str | None, way: str) -> None:
    """A change of the label needs ``assign`` on what it was and on what it becomes, however it is sent."""
    project = office.project(old)
    named = office.department(new if refused == PUT else old)

    answer = office.move(project, new, way)

    if refused is None:
        assert None is refusal(answer)
    else:
        assert refuses(answer, f'{refused} "{named}" needs the verb "assign" on {DEPARTMENTS} "{named}"'), answer
        assert f'which "{office.editor.name}" lacks' in answer.message
    assert office.department(old if refused else new) == office.found(project)


@pytest.mark.parametrize("command", ["apply", "replace"])
def test_manifest(office: Office, command: str) -> None:
    """Manifests sent by kubectl are validated alike, and a refusal is printed."""
    project = office.project(None)
    foreign, own = (manifest(office.namespace(project, department)) for department in ("hr", "ml"))

    assert refuses(office.editor.kubectl(command, "-f", "-", stdin=foreign), f'{PUT} "{office.department("hr")}" needs')
    assert None is refusal(office.editor.kubectl(command, "-f", "-", stdin=own))
    assert office.department("ml") == office.found(project)


@pytest.mark.parametrize(("department", "allowed"), [("ml", True), ("hr", False), (None, True)])
def test_create(office: Office, department: str | None, *, allowed: bool) -> None:
    """A namespace is created in a department only by who may assign it; in none by everybody."""
    answer = office.editor.rest.create(NAMESPACES, office.namespace(unique("project"), department))

    assert allowed == answer.ok, answer
    assert allowed or refuses(answer, PUT), answer


@pytest.mark.parametrize("department", ["hr", None])
def test_other_changes(office: Office, department: str | None) -> None:
    """Every other change of a namespace concerns no department."""
    path, edit = f"{NAMESPACES}/{office.project(department)}", office.editor.rest.patch
    answers = [
        edit(path, {"metadata": {"labels": {"pod-security.kubernetes.io/warn": "baseline"}}}),
        edit(path, {"metadata": {"labels": {"team": "one"}, "annotations": {"note": "seen"}}}),
        edit(f"{path}/status", {"status": {}}),
        edit(path, {"metadata": {"labels": {"team": None}}}),
    ]

    assert [None] * 4 == [refusal(answer) for answer in answers]


def test_empty_department(office: Office) -> None:
    """A label without a value counts as a department that only who assigns all of them may set."""
    answer = office.label(office.project(None), "")

    assert refuses(answer, f'{PUT} ""'), answer


def test_environment_admin(cluster: Cluster, office: Office) -> None:
    """The shipped ClusterRole environment-admin, bound to the cluster, assigns every department."""
    admin, edits = Person(cluster, unique("admin")), unique("edits")
    create(office.rest, role(edits, ("", "namespaces", ["get", "patch"], ())), bind(admin, edits), bind(admin, ADMIN))
    admin.await_right("patch", "namespaces")
    admin.await_right(names.ASSIGN, DEPARTMENTS)

    done = admin.kubectl(
        "label", "namespace", office.project("hr"), "--overwrite", f"{names.DEPARTMENT}={unique('any')}"
    )

    assert None is refusal(done)


def test_namespace_admin(cluster: Cluster, office: Office) -> None:
    """Who administrates his namespace, environment-admin included, does not join departments with it."""
    owner, project, edits = Person(cluster, unique("owner")), office.project(None), unique("edits")
    create(
        office.rest,
        role(edits, ("", "namespaces", ["get", "patch"], ())),
        bind(owner, edits, project),
        bind(owner, ADMIN, project),
    )
    owner.await_right(names.ASSIGN, DEPARTMENTS, namespace=project)

    done = owner.kubectl("label", "namespace", project, f"{names.DEPARTMENT}={office.department('ml')}")

    assert refuses(done, PUT), done


def test_namespace_goes(office: Office) -> None:
    """A namespace of somebody else's department can be deleted, and its finalization is not held up."""
    path = f"{NAMESPACES}/{office.leaving}"

    until(f"{office.leaving} to be gone", lambda: office.rest.get(path).status == 404)


def test_who_may_publish_is_shown(cluster: Cluster, rest: Rest) -> None:
    """``kubectl auth can-i --list`` shows the right to publish to a department; asked for that by name it says no."""
    person, lead, department = Person(cluster, unique("lead")), unique("lead"), unique("ml")
    create(rest, role(lead, (names.GROUP, names.DEPARTMENTS, [names.PUBLISH], [department])), bind(person, lead))
    person.await_right(names.PUBLISH, DEPARTMENTS, name=department)
    listed = person.kubectl("auth", "can-i", "--list").stdout
    asked = person.kubectl("auth", "can-i", names.PUBLISH, f"{DEPARTMENTS}/{department}").stdout

    assert [f"{DEPARTMENTS} [] [{department}] [{names.PUBLISH}]"] == [
        " ".join(line.split()) for line in listed.splitlines() if line.startswith(names.DEPARTMENTS)
    ]
    assert "no" == asked.strip()
