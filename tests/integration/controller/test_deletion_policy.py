"""An Environment in use is guarded by the API server itself: deletion, our finalizer, the warning for edits.

The operator is stopped: it would correct the status, which the administrator writes, and put the finalizer back.
"""

import shlex

import pytest

from cluster import Cluster
from cluster.rest import Reply, Rest
from environment_operator.api import names
from people import (
    DRY_RUN,
    ENVIRONMENTS,
    PLURAL,
    Object,
    Person,
    at,
    bind,
    create,
    environment,
    exists,
    manifest,
    patch_status,
    refusal,
    refuses,
    sent,
    unique,
    use,
)

pytestmark = pytest.mark.usefixtures("operator_down")

ALLOW = f"{names.ALLOW_DELETE_IN_USE}=true"
SCOPE = {"cluster": True}
KEEP = f"Keep {names.FINALIZER} in metadata.finalizers"
WITHOUT_FINALIZER: Object = {"metadata": {"finalizers": None}}
ANOTHER_IMAGE: Object = {"spec": {"image": "example/a:2"}}
COUNTS = [
    ({"Pod": 1}, 0, "1 workload"),
    ({"PodTemplate": 1}, 1, "1 template"),
    ({"Deployment.apps": 2, "Pod": 1}, 0, "3 workloads"),
    ({"PodTemplate": 2}, 2, "2 templates"),
    ({"Deployment.apps": 3, "PodTemplate": 1}, 1, "3 workloads and 1 template"),
    ({"Job.batch": 1, "PodTemplate": 2}, 2, "1 workload and 2 templates"),
]


@pytest.fixture
def unused(rest: Rest) -> str:
    """Return an Environment that nobody was seen to use yet."""
    name = unique("unused")
    create(rest, environment(name, SCOPE))
    return name


@pytest.fixture
def used(rest: Rest) -> str:
    """Return an Environment with our finalizer and four users."""
    name = unique("used")
    create(rest, environment(name, SCOPE, finalizers=[names.FINALIZER]))
    use(rest, name, {"Deployment.apps": 3, "PodTemplate": 1}, templates=1)
    return name


def finalizers(rest: Rest, name: str) -> list[str]:
    """Return the finalizers of an Environment."""
    return list(sent(rest.get(at(name)))["metadata"].get("finalizers", []))


def override(rest: Rest, name: str, value: str = "true") -> None:
    """Set the annotation in a request of its own."""
    sent(rest.patch(at(name), {"metadata": {"annotations": {names.ALLOW_DELETE_IN_USE: value}}}))


class TestDelete:
    """DELETE is refused at once."""

    @pytest.mark.parametrize(("by_kind", "templates", "counted"), COUNTS)
    def test_refused(self, rest: Rest, unused: str, by_kind: dict[str, int], templates: int, counted: str) -> None:
        """The refusal names the Environment, how many use it, and how to find them."""
        use(rest, unused, by_kind, templates)

        answer = rest.delete(at(unused))

        assert refuses(answer, f'Environment "{unused}" is used by {counted}'), answer
        assert f"kubectl get {','.join(by_kind)} -A -l {names.REFERENCE}={unused})" in answer.message
        assert f"or annotate the Environment with {ALLOW} first." in answer.message
        assert exists(rest, unused)

    def test_ways_out_of_the_refusal_work(self, cluster: Cluster, used: str) -> None:
        """The command in the refusal lists the users as it stands, and the annotation allows the deletion."""
        done = cluster.kubectl("delete", PLURAL, used, check=False)
        find = done.stderr.split("(kubectl ")[1].split(")")[0]
        allow = done.stderr.split("annotate the Environment with ")[1].split(" first.")[0]

        assert "No resources found" in cluster.kubectl(*shlex.split(find)).stderr
        assert "annotated" in cluster.kubectl("annotate", PLURAL, used, allow).stdout
        assert None is refusal(cluster.kubectl("delete", PLURAL, used, "--wait=false"))

    @pytest.mark.parametrize(
        ("workloads", "templates", "named"),
        [
            (1, 0, ", for example Job team/w0. Delete it"),
            (1, 1, ", for example Job team/w0, ClusterTrainingRuntime t0. Delete it"),
            (100, 1, ", for example Job team/w0, Job team/w1, Job team/w2. Delete them"),
            (0, 0, '"{}" is used by 1 workload. Delete it'),
        ],
    )
    def test_names(self, rest: Rest, unused: str, workloads: int, templates: int, named: str) -> None:
        """The refusal names the first of the users that the status names, and none where it names none."""
        use(rest, unused, {"Job.batch": workloads or 1})
        group = {"group": "batch"}
        jobs = [{**group, "kind": "Job", "namespace": "team", "name": f"w{n}"} for n in range(workloads)]
        stored = [
            {**group, "kind": "ClusterTrainingRuntime", "namespace": "", "name": f"t{n}"} for n in range(templates)
        ]
        patch_status(rest, unused, {"workloads": jobs, "templates": stored})

        assert refuses(answer := rest.delete(at(unused)), named.format(unused)), answer

    def test_kinds_unknown(self, rest: Rest, unused: str) -> None:
        """Without counts by kind the command to find the users asks for all."""
        use(rest, unused, {"Pod": 1})
        patch_status(rest, unused, {"usage": {"byKind": []}})

        answer = rest.delete(at(unused))

        assert refuses(answer, f"kubectl get all -A -l {names.REFERENCE}={unused})"), answer

    def test_unknown_usage(self, rest: Rest, unused: str) -> None:
        """While usage is unknown the policy does not apply: the finalizer decides."""
        sent(rest.delete(at(unused)))

        assert not exists(rest, unused)

    def test_no_usage(self, rest: Rest, unused: str) -> None:
        """An Environment that nobody uses can be deleted."""
        use(rest, unused, {})

        sent(rest.delete(at(unused)))

        assert not exists(rest, unused)

    def test_override(self, rest: Rest, used: str) -> None:
        """The annotation, set in a request of its own, allows the deletion."""
        override(rest, used)

        sent(rest.delete(at(used)))

        assert "deletionTimestamp" in sent(rest.get(at(used)))["metadata"]

    @pytest.mark.parametrize("value", ["false", "", "True", "yes"])
    def test_no_override(self, rest: Rest, used: str, value: str) -> None:
        """Only the value true allows it."""
        override(rest, used, value)

        assert refuses(rest.delete(at(used)), "is used by")

    @pytest.mark.parametrize(
        "options",
        [
            DRY_RUN,
            "?gracePeriodSeconds=0",
            "?propagationPolicy=Background",
            "?propagationPolicy=Foreground",
            "?propagationPolicy=Orphan",
        ],
    )
    def test_options(self, rest: Rest, used: str, options: str) -> None:
        """No option of a deletion leads around the policy."""
        assert refuses(rest.delete(f"{at(used)}{options}"), "is used by")

    def test_force(self, cluster: Cluster, used: str) -> None:
        """``kubectl delete --force`` does not, either."""
        assert refuses(
            cluster.kubectl("delete", PLURAL, used, "--force", "--cascade=orphan", check=False), "is used by"
        )

    def test_everybody(self, cluster: Cluster, used: str) -> None:
        """The operator's account may not, either, should it ever have the right; one of its two policies answers."""
        operator = Person(cluster, names.OPERATOR_USER, ("system:masters",))

        answer = operator.rest.delete(at(used))

        assert any(refuses(answer, said) for said in ("is used by", "changes only the status")), answer
        assert exists(operator.rest, used)

    def test_deletecollection(self, rest: Rest) -> None:
        """A collection is refused for the one in it that is used."""
        label, (used, unused) = unique("label"), (unique("used"), unique("unused"))
        create(rest, *(environment(name, SCOPE, labels={"set": label}) for name in (used, unused)))
        use(rest, used, {"Pod": 1})

        answer = delete_labelled(rest, label)

        assert refuses(answer, f'Environment "{used}" is used by 1 workload'), answer
        assert exists(rest, used)

    def test_deletecollection_of_unused(self, rest: Rest) -> None:
        """A collection of unused ones is deleted; an empty one is no error."""
        label, name = unique("label"), unique("unused")
        create(rest, environment(name, SCOPE, labels={"set": label}))

        assert [None, None] == [refusal(delete_labelled(rest, label)) for _ in range(2)]
        assert not exists(rest, name)

    def test_delete_all(self, cluster: Cluster, used: str, unused: str) -> None:
        """``kubectl delete --all`` deletes the unused ones and names each used one."""
        done = cluster.kubectl("delete", PLURAL, "--all", "--dry-run=server", check=False)

        assert refuses(done, f'Environment "{used}" is used by'), done.stderr
        assert f'"{unused}" deleted' in done.stdout


def delete_labelled(rest: Rest, label: str) -> Reply:
    """Delete the collection of all Environments of a set."""
    return rest.delete(f"{ENVIRONMENTS}?labelSelector=set%3D{label}")


class TestFinalizer:
    """Our finalizer stays on an Environment in use."""

    REMOVALS: tuple[tuple[str, object], ...] = (
        ("merge", WITHOUT_FINALIZER),
        ("merge", {"metadata": {"finalizers": []}}),
        ("merge", {"metadata": {"finalizers": ["other/one"]}}),
        ("json", [{"op": "remove", "path": "/metadata/finalizers"}]),
        ("json", [{"op": "remove", "path": "/metadata/finalizers/0"}]),
    )

    @pytest.mark.parametrize(("kind", "removal"), REMOVALS)
    def test_patch(self, rest: Rest, used: str, kind: str, removal: object) -> None:
        """No patch removes it, not even an administrator's."""
        answer = rest.patch(at(used), removal, kind)

        assert refuses(answer, f'Environment "{used}" is used by 3 workloads and 1 template. {KEEP}'), answer
        assert [names.FINALIZER] == finalizers(rest, used)

    def test_edit(self, cluster: Cluster, rest: Rest, used: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """``kubectl edit`` does not remove it."""
        monkeypatch.setenv("KUBE_EDITOR", f"sed -i /{names.FINALIZER.rpartition('/')[2]}$/d")

        done = cluster.kubectl("edit", PLURAL, used, check=False)

        assert done.returncode
        assert KEEP in done.stderr
        assert [names.FINALIZER] == finalizers(rest, used)

    def test_replace(self, cluster: Cluster, used: str) -> None:
        """``kubectl replace`` with a manifest that lacks it is refused with the way out."""
        done = cluster.kubectl("replace", "-f", "-", input=manifest(environment(used, SCOPE)), check=False)

        assert refuses(done, f"{KEEP}: add it to the manifest, or use kubectl apply instead"), done.stderr

    @pytest.mark.parametrize("command", [("apply",), ("apply", "--server-side", "--force-conflicts")])
    def test_apply(self, cluster: Cluster, rest: Rest, used: str, command: tuple[str, ...]) -> None:
        """``kubectl apply`` with a manifest that lacks it is fine: it leaves the finalizer where it is."""
        sent(rest.patch(at(used), {"metadata": {"finalizers": ["other/one", names.FINALIZER]}}))

        cluster.kubectl(*command, "-f", "-", input=manifest(environment(used, SCOPE)))

        assert names.FINALIZER in finalizers(rest, used)

    def test_other_finalizer(self, rest: Rest) -> None:
        """Finalizers of others may come and go."""
        name = unique("used")
        create(rest, environment(name, SCOPE, finalizers=["other/one", names.FINALIZER]))
        use(rest, name, {"Pod": 1})

        sent(rest.patch(at(name), {"metadata": {"finalizers": [names.FINALIZER, "other/two"]}}))

        assert [names.FINALIZER, "other/two"] == finalizers(rest, name)

    def test_unused(self, rest: Rest) -> None:
        """On an unused Environment it can be removed: the operator puts it back."""
        name = unique("unused")
        create(rest, environment(name, SCOPE, finalizers=[names.FINALIZER]))
        use(rest, name, {})

        sent(rest.patch(at(name), WITHOUT_FINALIZER))

        assert [] == finalizers(rest, name)

    def test_override(self, rest: Rest, used: str) -> None:
        """The annotation, set in a request of its own, allows the removal."""
        override(rest, used)

        sent(rest.patch(at(used), WITHOUT_FINALIZER))

        assert [] == finalizers(rest, used)

    def test_override_in_the_same_request(self, rest: Rest, used: str) -> None:
        """The annotation in the same request comes too late."""
        both = {"metadata": {"finalizers": None, "annotations": {names.ALLOW_DELETE_IN_USE: "true"}}}

        assert refuses(rest.patch(at(used), both), KEEP)

    @pytest.fixture
    def terminating(self, rest: Rest) -> str:
        """Return an Environment that was used while it was being deleted."""
        name = unique("terminating")
        create(rest, environment(name, SCOPE, finalizers=[names.FINALIZER]))
        sent(rest.delete(at(name)))
        use(rest, name, {"Pod": 1})
        return name

    def test_terminating(self, rest: Rest, terminating: str) -> None:
        """While the deletion waits, the refusal says until when, and names the override."""
        answer = rest.patch(at(terminating), WITHOUT_FINALIZER)

        assert refuses(answer, f"is used by 1 workload. {KEEP} until it is gone, or run kubectl annotate"), answer
        assert exists(rest, terminating)

    def test_operator(self, cluster: Cluster, rest: Rest, terminating: str) -> None:
        """The operator removes it, and the Environment is gone."""
        operator = Person(cluster, names.OPERATOR_USER, ("system:authenticated",))

        assert None is refusal(operator.rest.patch(at(terminating), WITHOUT_FINALIZER))
        assert not exists(rest, terminating)

    def test_operators_name_is_not_enough(self, cluster: Cluster, rest: Rest, used: str) -> None:
        """A service account of the same name elsewhere is not the operator."""
        other = Person(cluster, f"system:serviceaccount:default:{names.SERVICE_ACCOUNT}")
        create(rest, bind(other, "cluster-admin"))
        other.await_right("patch", PLURAL)

        assert refuses(other.rest.patch(at(used), WITHOUT_FINALIZER), KEEP)


class TestEdit:
    """An edit of a used Environment passes with a warning."""

    @pytest.mark.parametrize(("by_kind", "templates", "counted"), COUNTS)
    def test_warns(self, rest: Rest, unused: str, by_kind: dict[str, int], templates: int, counted: str) -> None:
        """The warning says how many use it and that they keep what they have."""
        use(rest, unused, by_kind, templates)
        one = "It keeps what it has until it is refreshed."
        more = "They keep what they have until they are refreshed."
        expected = f"is used by {counted}. {one if 1 == sum(by_kind.values()) else more}"

        answer = rest.patch(at(unused), ANOTHER_IMAGE)

        assert None is refusal(answer)
        assert [True] == [expected in warning for warning in answer.warnings], answer.warnings

    def test_warning_is_printed(self, cluster: Cluster, used: str) -> None:
        """Kubectl shows the warning, which names the Environment."""
        done = cluster.kubectl("patch", PLURAL, used, "--type=merge", "-p", '{"spec": {"image": "example/a:2"}}')

        assert "Warning: " in done.stderr
        assert f'Environment "{used}" is used by 3 workloads and 1 template. They keep' in done.stderr

    def test_unused(self, rest: Rest, unused: str) -> None:
        """Nobody uses it, nobody is warned."""
        use(rest, unused, {})

        answer = rest.patch(at(unused), ANOTHER_IMAGE)

        assert None is refusal(answer)
        assert () == answer.warnings

    @pytest.mark.parametrize(
        ("path", "change"),
        [("", {"metadata": {"labels": {"team": "one"}}}), ("/status", {"status": {"observedGeneration": 2}})],
    )
    def test_metadata_and_status(self, rest: Rest, used: str, path: str, change: Object) -> None:
        """Metadata and status concern no user."""
        answer = rest.patch(f"{at(used)}{path}", change)

        assert None is refusal(answer)
        assert () == answer.warnings
