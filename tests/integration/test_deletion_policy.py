"""An Environment in use is guarded by the API server itself: deletion, our finalizer, the warning for edits.

The operator is stopped: what it would have found is written into the status by the administrator.
"""

import json
import shlex
from collections.abc import Iterator

import pytest

from cluster import Cluster
from environment_operator import names
from people import (
    PLURAL,
    Object,
    Person,
    bind,
    create,
    environment,
    exists,
    manifest,
    merge,
    patch_status,
    refuses,
    unique,
    use,
)

PATH = f"/apis/{names.API_VERSION}/{names.PLURAL}"
ALLOW = f"{names.ALLOW_DELETE_IN_USE}=true"
SCOPE = {"cluster": True}
KEEP = f"keep {names.FINALIZER} in metadata.finalizers"
WITHOUT_FINALIZER = merge(metadata={"finalizers": None})
COUNTS = [
    ({"Pod": 1}, 0, "1 workload"),
    ({"PodTemplate": 1}, 1, "1 template"),
    ({"Deployment.apps": 2, "Pod": 1}, 0, "3 workloads"),
    ({"PodTemplate": 2}, 2, "2 templates"),
    ({"Deployment.apps": 3, "PodTemplate": 1}, 1, "3 workloads and 1 template"),
    ({"Job.batch": 1, "PodTemplate": 2}, 2, "1 workload and 2 templates"),
]


@pytest.fixture(scope="module", autouse=True)
def operator_down(cluster: Cluster) -> Iterator[None]:
    """Stop the operator: the policies work without it, and it would correct the status."""
    stopped = cluster.stop_operator()
    yield
    if stopped:
        cluster.start_operator()


@pytest.fixture
def unused(cluster: Cluster) -> str:
    """Return an Environment that nobody was seen to use yet."""
    name = unique("unused")
    create(cluster, environment(name, SCOPE))
    return name


@pytest.fixture
def used(cluster: Cluster) -> str:
    """Return an Environment with our finalizer and four users."""
    name = unique("used")
    create(cluster, environment(name, SCOPE, finalizers=[names.FINALIZER]))
    use(cluster, name, {"Deployment.apps": 3, "PodTemplate": 1}, templates=1)
    return name


def finalizers(cluster: Cluster, name: str) -> list[str]:
    """Return the finalizers of an Environment."""
    found: Object = json.loads(cluster.kubectl("get", PLURAL, name, "-o", "json").stdout)
    return list(found["metadata"].get("finalizers", []))


class TestDelete:
    """DELETE is refused at once."""

    @pytest.mark.parametrize(("by_kind", "templates", "counted"), COUNTS)
    def test_refused(
        self, cluster: Cluster, unused: str, by_kind: dict[str, int], templates: int, counted: str
    ) -> None:
        """The refusal names the Environment, how many use it, and how to find them."""
        use(cluster, unused, by_kind, templates)

        done = cluster.kubectl("delete", PLURAL, unused, check=False)

        assert refuses(f'environment "{unused}" is used by {counted}: ')(done), done.stderr
        assert f"kubectl get {','.join(by_kind)} --all-namespaces -l {names.REFERENCE}={unused};" in done.stderr
        assert f"first run kubectl annotate environment {unused} {ALLOW}" in done.stderr
        assert exists(cluster, unused)

    def test_commands_of_the_refusal_work(self, cluster: Cluster, used: str) -> None:
        """Both commands in the refusal can be run as they stand: one lists the users, one allows the deletion."""
        done = cluster.kubectl("delete", PLURAL, used, check=False)
        find = done.stderr.split(" with kubectl ")[1].split(";")[0]
        allow = done.stderr.split("first run kubectl ")[1].strip()

        assert "No resources found" in cluster.kubectl(*shlex.split(find)).stderr
        assert "annotated" in cluster.kubectl(*shlex.split(allow)).stdout
        assert 0 == cluster.kubectl("delete", PLURAL, used, "--wait=false").returncode

    def test_kinds_unknown(self, cluster: Cluster, unused: str) -> None:
        """Without counts by kind the command to find the users asks for all."""
        use(cluster, unused, {"Pod": 1})
        patch_status(cluster, unused, {"usage": {"byKind": []}})

        done = cluster.kubectl("delete", PLURAL, unused, check=False)

        assert refuses(f"kubectl get all --all-namespaces -l {names.REFERENCE}={unused};")(done), done.stderr

    def test_unknown_usage(self, cluster: Cluster, unused: str) -> None:
        """While usage is unknown the policy does not apply: the finalizer decides."""
        cluster.kubectl("delete", PLURAL, unused)

        assert not exists(cluster, unused)

    def test_no_usage(self, cluster: Cluster, unused: str) -> None:
        """An Environment that nobody uses can be deleted."""
        use(cluster, unused, {})

        cluster.kubectl("delete", PLURAL, unused)

        assert not exists(cluster, unused)

    def test_override(self, cluster: Cluster, used: str) -> None:
        """The annotation, set in a request of its own, allows the deletion."""
        cluster.kubectl("annotate", PLURAL, used, ALLOW)

        cluster.kubectl("delete", PLURAL, used, "--wait=false")

        deleted = cluster.kubectl("get", PLURAL, used, "-o", "jsonpath={.metadata.deletionTimestamp}")
        assert "" != deleted.stdout

    @pytest.mark.parametrize("value", ["false", "", "True", "yes"])
    def test_no_override(self, cluster: Cluster, used: str, value: str) -> None:
        """Only the value true allows it."""
        cluster.kubectl("annotate", PLURAL, used, f"{names.ALLOW_DELETE_IN_USE}={value}")

        assert refuses("is used by")(cluster.kubectl("delete", PLURAL, used, check=False))

    @pytest.mark.parametrize("option", ["--force", "--cascade=foreground", "--cascade=orphan", "--dry-run=server"])
    def test_options(self, cluster: Cluster, used: str, option: str) -> None:
        """No option of kubectl delete leads around the policy."""
        assert refuses("is used by")(cluster.kubectl("delete", PLURAL, used, option, check=False))

    def test_everybody(self, cluster: Cluster, used: str) -> None:
        """The policy applies to the operator's account, too, should it ever have the right to delete."""
        operator = Person(cluster, names.OPERATOR_USER, ("system:masters",))

        assert refuses("is used by")(operator.kubectl("delete", PLURAL, used))

    def test_deletecollection(self, cluster: Cluster) -> None:
        """A collection is refused for the one in it that is used."""
        label, (used, unused) = unique("label"), (unique("used"), unique("unused"))
        create(cluster, *(environment(name, SCOPE, labels={"set": label}) for name in (used, unused)))
        use(cluster, used, {"Pod": 1})

        done = cluster.kubectl("delete", "--raw", f"{PATH}?labelSelector=set%3D{label}", check=False)

        assert refuses(f'environment "{used}" is used by 1 workload')(done), done.stderr
        assert exists(cluster, used)

    def test_deletecollection_of_unused(self, cluster: Cluster) -> None:
        """A collection of unused ones is deleted; an empty one is no error."""
        label, name = unique("label"), unique("unused")
        create(cluster, environment(name, SCOPE, labels={"set": label}))
        delete = ("delete", "--raw", f"{PATH}?labelSelector=set%3D{label}")

        assert [0, 0] == [cluster.kubectl(*delete).returncode for _ in range(2)]
        assert not exists(cluster, name)

    def test_delete_all(self, cluster: Cluster, used: str, unused: str) -> None:
        """``kubectl delete --all`` deletes the unused ones and names each used one."""
        done = cluster.kubectl("delete", PLURAL, "--all", "--dry-run=server", check=False)

        assert refuses(f'environment "{used}" is used by')(done), done.stderr
        assert f'"{unused}" deleted' in done.stdout


class TestFinalizer:
    """Our finalizer stays on an Environment in use."""

    REMOVALS = (
        WITHOUT_FINALIZER,
        merge(metadata={"finalizers": []}),
        merge(metadata={"finalizers": ["other/one"]}),
        ("--type=json", "-p", json.dumps([{"op": "remove", "path": "/metadata/finalizers"}])),
        ("--type=json", "-p", json.dumps([{"op": "remove", "path": "/metadata/finalizers/0"}])),
    )

    @pytest.mark.parametrize("removal", REMOVALS)
    def test_patch(self, cluster: Cluster, used: str, removal: tuple[str, ...]) -> None:
        """No patch removes it, not even an administrator's."""
        done = cluster.kubectl("patch", PLURAL, used, *removal, check=False)

        assert refuses(f'environment "{used}" is used by 3 workloads and 1 template: {KEEP}')(done), done.stderr
        assert [names.FINALIZER] == finalizers(cluster, used)

    def test_edit(self, cluster: Cluster, used: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """``kubectl edit`` does not remove it."""
        monkeypatch.setenv("KUBE_EDITOR", f"sed -i /{names.FINALIZER.rpartition('/')[2]}$/d")

        done = cluster.kubectl("edit", PLURAL, used, check=False)

        assert refuses(KEEP)(done), done.stderr
        assert [names.FINALIZER] == finalizers(cluster, used)

    def test_replace(self, cluster: Cluster, used: str) -> None:
        """``kubectl replace`` with a manifest that lacks it is refused, and told what to do."""
        done = cluster.kubectl("replace", "-f", "-", input=manifest(environment(used, SCOPE)), check=False)

        assert refuses(f"{KEEP}: add it to the manifest, or use kubectl apply instead")(done), done.stderr

    @pytest.mark.parametrize("command", [("apply",), ("apply", "--server-side", "--force-conflicts")])
    def test_apply(self, cluster: Cluster, used: str, command: tuple[str, ...]) -> None:
        """``kubectl apply`` with a manifest that lacks it is fine: it leaves the finalizer where it is."""
        operators = merge(metadata={"finalizers": ["other/one", names.FINALIZER]})
        cluster.kubectl("patch", PLURAL, used, *operators)

        cluster.kubectl(*command, "-f", "-", input=manifest(environment(used, SCOPE)))

        assert names.FINALIZER in finalizers(cluster, used)

    def test_other_finalizer(self, cluster: Cluster) -> None:
        """Finalizers of others may come and go."""
        name = unique("used")
        create(cluster, environment(name, SCOPE, finalizers=["other/one", names.FINALIZER]))
        use(cluster, name, {"Pod": 1})

        cluster.kubectl("patch", PLURAL, name, *merge(metadata={"finalizers": [names.FINALIZER, "other/two"]}))

        assert [names.FINALIZER, "other/two"] == finalizers(cluster, name)

    def test_unused(self, cluster: Cluster) -> None:
        """On an unused Environment it can be removed: the operator puts it back."""
        name = unique("unused")
        create(cluster, environment(name, SCOPE, finalizers=[names.FINALIZER]))
        use(cluster, name, {})

        cluster.kubectl("patch", PLURAL, name, *WITHOUT_FINALIZER)

        assert [] == finalizers(cluster, name)

    def test_override(self, cluster: Cluster, used: str) -> None:
        """The annotation, set in a request of its own, allows the removal."""
        cluster.kubectl("annotate", PLURAL, used, ALLOW)

        cluster.kubectl("patch", PLURAL, used, *WITHOUT_FINALIZER)

        assert [] == finalizers(cluster, used)

    def test_override_in_the_same_request(self, cluster: Cluster, used: str) -> None:
        """The annotation in the same request comes too late."""
        both = merge(metadata={"finalizers": None, "annotations": {names.ALLOW_DELETE_IN_USE: "true"}})

        assert refuses(KEEP)(cluster.kubectl("patch", PLURAL, used, *both, check=False))

    @pytest.fixture
    def terminating(self, cluster: Cluster) -> str:
        """Return an Environment that was used while it was being deleted."""
        name = unique("terminating")
        create(cluster, environment(name, SCOPE, finalizers=[names.FINALIZER]))
        cluster.kubectl("delete", PLURAL, name, "--wait=false")
        use(cluster, name, {"Pod": 1})
        return name

    def test_terminating(self, cluster: Cluster, terminating: str) -> None:
        """While the deletion waits, the refusal says until when, and names the override."""
        done = cluster.kubectl("patch", PLURAL, terminating, *WITHOUT_FINALIZER, check=False)

        assert refuses(f"is used by 1 workload: {KEEP} until it is gone, or first run kubectl annotate")(done), (
            done.stderr
        )
        assert exists(cluster, terminating)

    def test_operator(self, cluster: Cluster, terminating: str) -> None:
        """The operator removes it, and the Environment is gone."""
        operator = Person(cluster, names.OPERATOR_USER, ("system:authenticated",))

        assert 0 == operator.kubectl("patch", PLURAL, terminating, *WITHOUT_FINALIZER).returncode
        assert not exists(cluster, terminating)

    def test_operators_name_is_not_enough(self, cluster: Cluster, used: str) -> None:
        """A service account of the same name elsewhere is not the operator."""
        other = Person(cluster, f"system:serviceaccount:default:{names.SERVICE_ACCOUNT}")
        create(cluster, bind(other, "cluster-admin"))
        other.await_right("patch", PLURAL)

        assert refuses(KEEP)(other.kubectl("patch", PLURAL, used, *WITHOUT_FINALIZER))


class TestEdit:
    """An edit of a used Environment passes with a warning."""

    @pytest.mark.parametrize(("by_kind", "templates", "counted"), COUNTS)
    def test_warns(self, cluster: Cluster, unused: str, by_kind: dict[str, int], templates: int, counted: str) -> None:
        """The warning says how many use it and that they keep what they have."""
        use(cluster, unused, by_kind, templates)
        one = "it keeps what it has until it is refreshed"
        more = "they keep what they have until they are refreshed"
        expected = one if 1 == sum(by_kind.values()) else more

        done = cluster.kubectl("patch", PLURAL, unused, *merge(spec={"image": "example/a:2"}))

        assert "Warning: " in done.stderr
        assert f'environment "{unused}" is used by {counted}: {expected}' in done.stderr

    def test_unused(self, cluster: Cluster, unused: str) -> None:
        """Nobody uses it, nobody is warned."""
        use(cluster, unused, {})

        assert "" == cluster.kubectl("patch", PLURAL, unused, *merge(spec={"image": "example/a:2"})).stderr

    def test_metadata_and_status(self, cluster: Cluster, used: str) -> None:
        """Metadata and status concern no user."""
        assert "" == cluster.kubectl("label", PLURAL, used, "team=one").stderr
        status = cluster.kubectl(
            "patch", PLURAL, used, "--subresource=status", *merge(status={"observedGeneration": 2})
        )
        assert "" == status.stderr
