"""Ids from identity tokens, the whole way: an issuer, signed tokens, the API server's mapping, admission, Pods.

- what the API server makes of claims, with the configuration that deploy/authentication.yaml shows to administrators;
- whose ids a workload of each kind and its Pods have;
- edits by others: what runs is then theirs, what does not run changes nothing;
- copies, forged records, owners, and old revisions;
- those without claims: pipelines, controllers, whoever impersonates.
"""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from builders import KINDS, manifest, workload
from cluster import Cluster, kubeconfig
from cluster.issuer import AUDIENCE, Issuer
from cluster.layout import REPO_ROOT
from cluster.rest import Reply, Rest
from environment_operator.api import names
from environment_operator.kinds.paths import get
from environment_operator.kinds.table import Kind
from kube import ENVIRONMENTS, Kube, Object, minor, path_of

CONFIGURATION = REPO_ROOT / "deploy" / "authentication.yaml"
REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
RBAC = "rbac.authorization.k8s.io"
RESEARCHERS = "researchers"
ALICE: Object = {"uidNumber": 1000, "gidNumber": 100, "gidNumbers": [5, 6]}
AS_ALICE = {"runAsUser": 1000, "runAsGroup": 100, "supplementalGroups": [5, 6]}
BOB: Object = {"uidNumber": 2000}
AS_BOB = {"runAsUser": 2000}
CONTROLLED = [KINDS[f"{plural}.apps"] for plural in ("deployments", "statefulsets", "replicasets")] + [
    KINDS["replicationcontrollers"],
    KINDS["jobs.batch"],
    KINDS["cronjobs.batch"],
]
CHANGEABLE = [KINDS[name] for name in ("deployments.apps", "statefulsets.apps", "cronjobs.batch")]
Edit = Callable[[Rest, str, Object], Reply]


@dataclass(frozen=True)
class Someone:
    """Somebody with a token of his own."""

    cluster: Cluster
    kubeconfig: Path

    @cached_property
    def rest(self) -> Rest:
        """Return this person's own connection to the API server."""
        return Rest(self.kubeconfig)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> CompletedProcess[str]:
        """Run kubectl as this person; a refusal does not raise."""
        return self.cluster.kubectl(f"--kubeconfig={self.kubeconfig}", *arguments, input=stdin, check=False)


@dataclass(frozen=True)
class People:
    """Everybody whom the issuer knows."""

    cluster: Cluster
    issuer: Issuer
    folder: Path

    def __call__(self, subject: str, **claims: Any) -> Someone:
        """Return a researcher with claims."""
        return self.bearer(self.issuer.token(subject, groups=[RESEARCHERS], **claims))

    def bearer(self, token: str) -> Someone:
        """Return whoever a token is of."""
        place = self.folder / Kube.unique("person")
        place.with_suffix(".token").write_text(token)
        kubeconfig.write_with_token(
            place, admin=self.cluster.kubeconfig, token=place.with_suffix(".token"), server=None
        )
        return Someone(self.cluster, place)


@pytest.fixture(scope="module")
def people(cluster: Cluster, rest: Rest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """Return those whose tokens the API server accepts by the text in deploy/; they may do all with workloads."""
    if cluster.flavor != "local":
        pytest.skip("only the authentication of an API server of our own can be configured")
    if minor(rest) < 34:
        pytest.skip("the API server takes authentication.yaml since Kubernetes 1.34")
    configuration = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    (provider,) = configuration["jwt"]
    with Issuer() as issuer:
        provider["issuer"] = {"url": issuer.url, "audiences": [AUDIENCE], "certificateAuthority": issuer.authority}
        cluster.authenticate(configuration)
        try:
            _give_rights(rest)
            made = People(cluster, issuer, tmp_path_factory.mktemp("people"))
            somebody = made("somebody").rest
            Kube(cluster, rest).until("tokens to be accepted", lambda: somebody.create(REVIEWS, REVIEW).ok)
            yield made
        finally:
            cluster.authenticate({"jwt": []})


def _give_rights(rest: Rest) -> None:
    """Let researchers do everything with workloads, everywhere."""
    name = Kube.unique(RESEARCHERS)
    every = [
        {"apiGroups": ["apps", "batch"], "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["pods", "podtemplates", "replicationcontrollers"], "verbs": ["*"]},
    ]
    rest.create(f"/apis/{RBAC}/v1/clusterroles", {"metadata": {"name": name}, "rules": every})
    bind(rest, name, {"kind": "Group", "apiGroup": RBAC, "name": f"idp:{RESEARCHERS}"})


def bind(rest: Rest, role: str, subject: Object) -> None:
    """Give somebody a ClusterRole everywhere."""
    to = {"apiGroup": RBAC, "kind": "ClusterRole", "name": role}
    body = {"metadata": {"name": Kube.unique("binding")}, "roleRef": to, "subjects": [subject]}
    assert rest.create(f"/apis/{RBAC}/v1/clusterrolebindings", body).ok


@pytest.fixture(scope="module")
def alice(people: People) -> Someone:
    """Return somebody with all claims."""
    return people("alice", **ALICE)


@pytest.fixture(scope="module")
def bob(people: People) -> Someone:
    """Return somebody with a user id alone."""
    return people("bob", **BOB)


@pytest.fixture(scope="module")
def personal(rest: Rest) -> str:
    """Return the name of an Environment that takes ids from the token."""
    name = Kube.unique("personal")
    keep = {"annotations": {names.ALLOW_DELETE_IN_USE: "true"}}
    made = manifest(name, user={"source": "IdPToken"}, env=[{"name": "A", "value": "1"}])
    made["metadata"] |= keep
    assert rest.create(ENVIRONMENTS, made).ok
    return name


@pytest.fixture
def pipeline(kube: Kube, people: People, project: str, alice: Someone) -> Someone:
    """Return a service account of the project that may do what researchers may."""
    kube.kubectl("create", "serviceaccount", "pipeline", "-n", project)
    roles = kube.rest.get(f"/apis/{RBAC}/v1/clusterroles").body["items"]
    (role,) = [r["metadata"]["name"] for r in roles if r["metadata"]["name"].startswith(f"{RESEARCHERS}-")]
    bind(kube.rest, role, {"kind": "ServiceAccount", "namespace": project, "name": "pipeline"})
    found = people.bearer(kube.kubectl("create", "token", "pipeline", "-n", project).strip())
    deployments = path_of(KINDS["deployments.apps"], project)
    kube.until("the rights", lambda: found.rest.get(deployments).ok and alice.rest.get(deployments).ok)
    return found


def template_of(kind: Kind, item: Object) -> Object:
    """Return the pod template of an object, which is its own for a Pod."""
    found: Object = item
    for key, _ in kind.pod_templates[0].steps:
        found = found[key]
    return found


def ids_of(kind: Kind, item: Object) -> Object:
    """Return the security context of the pods, which holds nothing but ids, without groups of the image."""
    found: Object = dict(template_of(kind, item)["spec"].get("securityContext", {}))
    assert ("Strict" if found else None) == found.pop("supplementalGroupsPolicy", None)
    return found


def submit(by: Someone, item: Object) -> Object:
    """Create a workload; return it as it is stored."""
    kind = next(kind for kind in KINDS.values() if kind.kind == item["kind"])
    reply = by.rest.create(path_of(kind, item["metadata"]["namespace"]), item)
    assert reply.ok, reply.message
    return reply.body


def changed(kind: Kind, item: Object, **container: Any) -> Object:
    """Return a workload that runs something else."""
    out = copy.deepcopy(item)
    template_of(kind, out)["spec"]["containers"][0] |= container
    return out


# What the API server makes of tokens.


def seen(somebody: Rest) -> Object:
    """Return how the API server sees somebody."""
    reply = somebody.create(REVIEWS, REVIEW)
    assert reply.ok, reply.message
    found: Object = reply.body["status"]["userInfo"]
    return found


def test_who_the_api_server_sees(alice: Someone) -> None:
    """A person with a token has a name and groups with the prefix, and the claims under our three keys."""
    found = seen(alice.rest)
    shown = yaml.safe_load(alice.kubectl("auth", "whoami", "-o", "yaml").stdout)["status"]["userInfo"]

    assert found == shown
    assert "idp:alice" == found["username"]
    assert f"idp:{RESEARCHERS}" in found["groups"]
    assert {names.UID_KEY: ["1000"], names.GID_KEY: ["100"], names.GROUPS_KEY: ["5", "6"]} == found["extra"]


def test_others_are_seen_as_before(kube: Kube, people: People) -> None:
    """Client certificates, service accounts and anonymous requests are not affected by the configuration."""
    token = kube.kubectl("create", "token", "default", "-n", "default").strip()
    account, nobody = people.bearer(token), people.bearer("")
    without = yaml.safe_load(nobody.kubeconfig.read_text())
    without["users"][0]["user"] = {}
    nobody.kubeconfig.write_text(yaml.safe_dump(without))

    assert "kubernetes-admin" == seen(kube.rest)["username"]
    assert "system:serviceaccount:default:default" == seen(account.rest)["username"]
    assert nobody.rest.get("/version").ok
    assert 'User "system:anonymous" cannot' in nobody.rest.get("/api/v1/pods").message


@pytest.mark.parametrize(
    "claims", [{"iss": "https://idp.example"}, {"aud": "another"}, {"exp": 1}, {"uidNumber": {"a": 1}}]
)
def test_token_of_somebody_else(people: People, claims: Object) -> None:
    """A token of another issuer, for somebody else, of the past, or with a claim of another type, is refused."""
    assert 401 == people("mallory", **{**ALICE, **claims}).rest.create(REVIEWS, REVIEW).status


def test_forged_token(people: People) -> None:
    """A token that names the issuer and is signed by another one opens nothing."""
    with Issuer() as another:
        token = another.token("alice", iss=people.issuer.url, **ALICE)

    assert 401 == people.bearer(token).rest.create(REVIEWS, REVIEW).status


CLAIMS: dict[str, tuple[Object, Object]] = {
    "numbers": (ALICE, AS_ALICE),
    "strings": ({"uidNumber": "1000", "gidNumber": "100", "gidNumbers": "5"}, {**AS_ALICE, "supplementalGroups": [5]}),
    "lists": ({"uidNumber": ["1000"], "gidNumber": [100], "gidNumbers": ["5", 6]}, AS_ALICE),
    "one text": ({"gidNumbers": "5, 6"}, {"supplementalGroups": [5, 6]}),
    "user alone": (BOB, AS_BOB),
    "group alone": ({"gidNumber": 100}, {"runAsGroup": 100}),
    "groups alone": ({"gidNumbers": [5]}, {"supplementalGroups": [5]}),
    "nothing among them": ({"uidNumber": 7, "gidNumber": None, "gidNumbers": []}, {"runAsUser": 7}),
    "a million": (
        {"uidNumber": 1_000_000, "gidNumber": 2_147_483_647},
        {"runAsUser": 1_000_000, "runAsGroup": 2**31 - 1},
    ),
    "root": ({"uidNumber": 0}, {"runAsUser": 0}),
}


@pytest.mark.parametrize("case", CLAIMS)
def test_claims(people: People, personal: str, project: str, case: str) -> None:
    """Claims come as numbers, strings and lists, full or partial; the Pod has just these ids."""
    claims, expected = CLAIMS[case]
    pod = submit(people(f"with-{case.replace(' ', '-')}", **claims), workload("Pod", "p", project, personal))

    assert expected == ids_of(KINDS["pods"], pod)


NO_IDS: dict[str, tuple[Object, str]] = {
    "none": ({}, "has none"),
    "name": ({"uidNumber": "alice"}, f'{names.UID_KEY} holds "alice"'),
    "negative": ({"gidNumber": -1}, f'{names.GID_KEY} holds "-1"'),
    "too large": ({"gidNumbers": [5, 2**31]}, f'{names.GROUPS_KEY} holds "2147483648"'),
    "two": ({"uidNumber": [1, 2]}, f"{names.UID_KEY} holds 2 ids"),
    "truth": ({"uidNumber": True}, f'{names.UID_KEY} holds "true"'),
}


@pytest.mark.parametrize("case", NO_IDS)
def test_no_ids(people: People, personal: str, project: str, case: str) -> None:
    """Without ids, or with a claim that is none, a workload is refused in words; one that needs none is not."""
    claims, said = NO_IDS[case]
    somebody = people("zoe", **claims)
    reply = somebody.rest.create(path_of(KINDS["pods"], project), workload("Pod", "p", project, personal))

    assert (403, True) == (reply.status, said in reply.message), reply.message
    assert '"idp:zoe"' in reply.message
    assert "user.source Custom" in reply.message
    assert "spec" in submit(somebody, workload("Pod", "other", project))


# Whose ids workloads have.


def pods_of(kube: Kube, project: str) -> list[Object]:
    """Return the Pods of a project."""
    items: list[Object] = kube.rest.get(path_of(KINDS["pods"], project)).body["items"]
    return items


@pytest.mark.parametrize("kind", CONTROLLED, ids=lambda kind: kind.kind)
def test_pods_made_later(kube: Kube, alice: Someone, personal: str, project: str, kind: Kind) -> None:
    """The Pods that controllers make later have the ids of the person who submitted the workload."""
    submit(alice, workload(kind.kind, "w", project, personal))
    if kind.kind == "CronJob":
        # As if it had been away for long: what it missed is made up for at once.
        late = {"status": {"lastScheduleTime": "2020-06-01T00:00:00Z"}}
        assert kube.rest.patch(f"{path_of(kind, project, 'w')}/status", late).ok
    kube.until("a Pod", lambda: bool(pods_of(kube, project)))

    assert AS_ALICE == ids_of(KINDS["pods"], pods_of(kube, project)[0])


def test_applied_with_kubectl(alice: Someone, personal: str, project: str) -> None:
    """A person who applies a manifest with kubectl, also server-side, has his ids, and no change the next time."""
    text = yaml.safe_dump(workload("Deployment", "w", project, personal))
    said = [alice.kubectl("apply", *way, "-f", "-", stdin=text) for way in ([], [], ["--server-side"])]
    found = alice.rest.get(path_of(KINDS["deployments.apps"], project, "w")).body

    assert [0, 0, 0] == [done.returncode for done in said], said
    assert 0 == alice.kubectl("diff", "-f", "-", stdin=text).returncode
    assert AS_ALICE == ids_of(KINDS["deployments.apps"], found)


def test_template_has_none(alice: Someone, bob: Someone, personal: str, project: str) -> None:
    """A template never has ids, whoever edits it; what somebody makes from it, with all its marks, has his own."""
    kind = KINDS["podtemplates"]
    template = submit(alice, workload("PodTemplate", "t", project, personal))
    edited = bob.rest.replace(path_of(kind, project, "t"), changed(kind, template, args=["other"])).body
    deployment = workload("Deployment", "w", project, personal)
    deployment["spec"]["template"] = edited["template"]
    deployment["metadata"]["annotations"] = edited["metadata"]["annotations"]
    made = submit(bob, deployment)

    assert ({}, {}) == (ids_of(kind, template), ids_of(kind, edited))
    assert AS_BOB == ids_of(KINDS["deployments.apps"], made)


# Edits by others.


def _replaced(by: Rest, path: str, new: Object) -> Reply:
    """Send the whole object, also when controllers have written meanwhile."""
    metadata = {key: value for key, value in new["metadata"].items() if key != "resourceVersion"}
    return by.replace(path, {**new, "metadata": metadata})


def _merged(by: Rest, path: str, new: Object) -> Reply:
    """Send its spec as a merge patch."""
    return by.patch(path, {"spec": new["spec"]})


def _applied(by: Rest, path: str, new: Object) -> Reply:
    """Apply it on the server, as another manager, by force."""
    bare = {key: value for key, value in new.items() if key != "status"}
    bare["metadata"] = {key: new["metadata"][key] for key in ("name", "namespace", "labels")}
    return by.patch(f"{path}?fieldManager=somebody&force=true", bare, "apply")


WAYS: dict[str, Edit] = {"replace": _replaced, "merge": _merged, "apply": _applied}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", CHANGEABLE, ids=lambda kind: kind.kind)
def test_who_edits_runs_it_himself(
    alice: Someone, bob: Someone, personal: str, project: str, kind: Kind, way: str
) -> None:
    """Whoever changes what somebody else's workload runs, runs it with his own ids; the submitter can take it back."""
    stored, path = submit(alice, workload(kind.kind, "w", project, personal)), path_of(kind, project, "w")
    by_bob = WAYS[way](bob.rest, path, changed(kind, stored, args=["evil"]))
    assert by_bob.ok, by_bob.message
    by_alice = alice.rest.patch(path, _args(kind, "good"), "json")
    assert by_alice.ok, by_alice.message

    assert AS_BOB == ids_of(kind, by_bob.body)
    assert AS_ALICE == ids_of(kind, by_alice.body)


def _args(kind: Kind, *args: str) -> list[Object]:
    """Return the JSON patch that gives the main container other arguments."""
    place = "/".join(key for key, _ in kind.pod_templates[0].steps)
    return [{"op": "add", "path": f"/{place}/spec/containers/0/args", "value": list(args)}]


def test_job_is_not_edited(alice: Someone, bob: Someone, personal: str, project: str) -> None:
    """What cannot be changed after its creation keeps its ids, and nobody changes what it runs."""
    for name in ("pods", "jobs.batch"):
        kind = KINDS[name]
        submit(alice, workload(kind.kind, "w", project, personal))
        path = path_of(kind, project, "w")
        reply = bob.rest.patch(path, _args(kind, "evil"), "json")
        image = bob.kubectl("set", "image", f"{kind.kind}/w", "main=evil:1", "-n", project)

        assert not reply.ok
        assert 0 != image.returncode
        assert AS_ALICE == ids_of(kind, alice.rest.get(path).body)


# How others may change a Deployment or a CronJob without changing what it runs.
HARMLESS: dict[str, tuple[str, Object]] = {
    "scale": ("deployments.apps", {"spec": {"replicas": 3}}),
    "pause": ("deployments.apps", {"spec": {"paused": True}}),
    "label": ("deployments.apps", {"metadata": {"labels": {"by": "bob"}}}),
    "restart": ("deployments.apps", {"spec": {"template": {"metadata": {"annotations": {"restarted": "now"}}}}}),
    "schedule": ("deployments.apps", {"spec": {"template": {"spec": {"nodeSelector": {"gpu": "h200"}}}}}),
    "suspend": ("cronjobs.batch", {"spec": {"suspend": True}}),
    "cron": ("cronjobs.batch", {"spec": {"schedule": "5 * * * *"}}),
    "resume": ("jobs.batch", {"spec": {"suspend": False}}),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_what_does_not_run_keeps_the_ids(
    alice: Someone, bob: Someone, pipeline: Someone, personal: str, project: str, case: str
) -> None:
    """Scale, suspend, scheduling and metadata are changed by anybody who may; the ids stay the submitter's."""
    name, patch = HARMLESS[case]
    kind = KINDS[name]
    new = workload(kind.kind, "w", project, personal)
    if case == "resume":
        new["spec"]["suspend"] = True
    stored = submit(alice, new)
    for somebody in (bob, pipeline):
        assert somebody.rest.patch(path_of(kind, project, "w"), patch).ok
    found = alice.rest.get(path_of(kind, project, "w")).body

    assert AS_ALICE == ids_of(kind, found)
    assert stored["metadata"]["annotations"][names.RECORD] == found["metadata"]["annotations"][names.RECORD]


def test_scaled_through_its_subresource(alice: Someone, bob: Someone, personal: str, project: str) -> None:
    """``kubectl scale`` by somebody else leaves the ids."""
    kind = KINDS["deployments.apps"]
    submit(alice, workload("Deployment", "w", project, personal))
    assert 0 == bob.kubectl("scale", "deployment/w", "--replicas=2", "-n", project).returncode

    assert AS_ALICE == ids_of(kind, bob.rest.get(path_of(kind, project, "w")).body)


def test_undone_by_another(kube: Kube, alice: Someone, bob: Someone, personal: str, project: str) -> None:
    """Who brings back somebody else's revision runs it with his own ids."""
    kind, path = KINDS["deployments.apps"], path_of(KINDS["deployments.apps"], project, "w")
    submit(alice, changed(kind, workload("Deployment", "w", project, personal), args=["first"]))
    _until_rolled_out(kube, path, 1)
    assert alice.rest.patch(path, _args(kind, "second"), "json").ok
    _until_rolled_out(kube, path, 2)
    undone = bob.kubectl("rollout", "undo", "deployment/w", "-n", project)
    found = alice.rest.get(path).body

    assert 0 == undone.returncode, undone.stderr
    assert ["first"] == template_of(kind, found)["spec"]["containers"][0]["args"]
    assert AS_BOB == ids_of(kind, found)


def _until_rolled_out(kube: Kube, path: str, revision: int) -> None:
    """Wait until a Deployment has a revision."""
    key = "deployment.kubernetes.io/revision"
    kube.until("the revision", lambda: str(revision) == kube.rest.get(path).body["metadata"]["annotations"].get(key))


def test_ids_on_a_container(alice: Someone, bob: Someone, personal: str, project: str) -> None:
    """The submitter may repeat his ids on a container; who edits it and leaves them there is refused."""
    kind, path = KINDS["deployments.apps"], path_of(KINDS["deployments.apps"], project, "w")
    new = workload("Deployment", "w", project, personal)
    submit(alice, changed(kind, new, securityContext={"runAsUser": ALICE["uidNumber"]}))
    by_bob = bob.rest.patch(path, _args(kind, "evil"), "json")

    assert (403, True) == (by_bob.status, "containers[0].securityContext.runAsUser: 1000" in by_bob.message)
    assert alice.rest.patch(path, _args(kind, "good"), "json").ok


@pytest.mark.parametrize("place", ["pod", "container", "init container"])
def test_ids_of_somebody_else(bob: Someone, personal: str, project: str, place: str) -> None:
    """Nobody sets the ids of somebody else himself, neither for the pod nor for a container."""
    new = workload("Pod", "p", project, personal)
    where = {
        "pod": new["spec"],
        "container": new["spec"]["containers"][0],
        "init container": new["spec"].setdefault("initContainers", [{"name": "i", "image": "i:1"}])[0],
    }
    where[place]["securityContext"] = {"runAsUser": ALICE["uidNumber"]}
    reply = bob.rest.create(path_of(KINDS["pods"], project), new)

    assert (403, True) == (reply.status, "securityContext.runAsUser: 1000" in reply.message), reply.message


# Copies and forgeries.


def bare(item: Object, name: str) -> Object:
    """Return an object to be created as another one, with all its labels and annotations."""
    kept = {key: item["metadata"][key] for key in ("namespace", "labels", "annotations") if key in item["metadata"]}
    return {key: value for key, value in item.items() if key != "status"} | {"metadata": {"name": name, **kept}}


@pytest.mark.parametrize("kind", CONTROLLED, ids=lambda kind: kind.kind)
def test_copied_as_it_is_stored(alice: Someone, bob: Someone, personal: str, project: str, kind: Kind) -> None:
    """Who copies somebody else's workload with its ids, labels, annotations, record and token, runs it as himself."""
    stored = submit(alice, workload(kind.kind, "w", project, personal))
    copied = bare(stored, "copy")
    if kind.kind == "Job":
        del copied["spec"]["selector"]
        copied["spec"]["template"]["metadata"]["labels"] = {"app": "x"}
    made = submit(bob, copied)

    assert AS_BOB == ids_of(kind, made)


def test_marks_alone_give_nothing(alice: Someone, bob: Someone, pipeline: Someone, personal: str, project: str) -> None:
    """Annotations, labels, record and token of an admitted workload on another one give it no ids."""
    kind = KINDS["deployments.apps"]
    stored = submit(alice, workload("Deployment", "w", project, personal))
    for somebody, reference, expected in ((bob, personal, AS_BOB), (pipeline, None, {}), (pipeline, personal, None)):
        new = workload("Deployment", Kube.unique("w"), project, reference)
        new["metadata"]["annotations"] = stored["metadata"]["annotations"]
        marks = copy.deepcopy(stored["spec"]["template"]["metadata"])
        new["spec"]["template"]["metadata"] = marks
        reply = somebody.rest.create(path_of(kind, project), new)

        assert expected == (ids_of(kind, reply.body) if reply.ok else None), reply.message


def test_forged_submitter(alice: Someone, pipeline: Someone, personal: str, project: str) -> None:
    """Who writes himself into the record as its submitter is not, and cannot change what runs."""
    kind, path = KINDS["deployments.apps"], path_of(KINDS["deployments.apps"], project, "w")
    stored = submit(alice, workload("Deployment", "w", project, personal))
    written = stored["metadata"]["annotations"][names.RECORD]
    me = seen(pipeline.rest)["username"]
    forged = written.replace('"by":"idp:alice"', f'"by":"{me}"')
    reply = pipeline.rest.patch(path, {"metadata": {"annotations": {names.RECORD: forged}}})

    assert forged != written
    assert (True, written) == (reply.ok, reply.body["metadata"]["annotations"][names.RECORD])
    assert 403 == pipeline.rest.patch(path, _args(kind, "evil"), "json").status


def test_planted_record(alice: Someone, bob: Someone, personal: str, project: str) -> None:
    """Who writes a record onto a pod template has changed what runs, at once and as himself; nobody does it for him."""
    kind, path = KINDS["deployments.apps"], path_of(KINDS["deployments.apps"], project, "w")
    stored = submit(alice, changed(kind, workload("Deployment", "w", project, personal), args=["good"]))
    args = ["spec", "containers", "main", "args"]
    entry = json.loads(stored["metadata"]["annotations"][names.RECORD])["spec/template"]
    text = json.dumps(entry | {"put": [args], "was": [[args, ["evil"]]]})
    planted = bob.rest.patch(path, {"spec": {"template": {"metadata": {"annotations": {names.RECORD: text}}}}})
    env = [{"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": {"name": "B", "value": "2"}}]
    later = alice.rest.patch(path, env, "json").body

    assert ["evil"] == get(planted.body, ("spec", "template", "spec", "containers", "main", "args"))
    assert AS_BOB == ids_of(kind, planted.body)
    assert text != template_of(kind, planted.body)["metadata"]["annotations"][names.RECORD]
    assert AS_ALICE == ids_of(kind, later)


def test_not_taken_over(alice: Someone, bob: Someone, personal: str, project: str) -> None:
    """Nobody makes another person's workload a part of his own one, so that it is not validated any more."""
    kind, path = KINDS["deployments.apps"], path_of(KINDS["deployments.apps"], project, "w")
    submit(alice, workload("Deployment", "w", project, personal))
    owner = submit(bob, workload("StatefulSet", "mine", project))
    mine = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "mine", "uid": owner["metadata"]["uid"]}
    patch = {"metadata": {"ownerReferences": [mine | {"controller": True}]}}
    reply = bob.rest.patch(path, patch)
    belongs = {"metadata": {"ownerReferences": [mine]}}

    assert (403, True) == (reply.status, "cannot become owned by a controller" in reply.message), reply.message
    assert bob.rest.patch(path, belongs).ok
    assert AS_BOB == ids_of(kind, bob.rest.patch(path, _args(kind, "evil"), "json").body)


def test_what_a_deployment_made(kube: Kube, alice: Someone, bob: Someone, personal: str, project: str) -> None:
    """Nobody has the ReplicaSet of somebody else's Deployment make other Pods, not even of a paused one."""
    submit(alice, workload("Deployment", "w", project, personal))
    kind = KINDS["replicasets.apps"]
    kube.until("the ReplicaSet", lambda: bool(kube.rest.get(path_of(kind, project)).body["items"]))
    name = kube.rest.get(path_of(kind, project)).body["items"][0]["metadata"]["name"]
    path = path_of(kind, project, name)
    assert bob.rest.patch(path_of(KINDS["deployments.apps"], project, "w"), {"spec": {"paused": True}}).ok
    template = bob.rest.patch(path, _args(kind, "evil"), "json")
    label = {"metadata": {"labels": {names.INJECTED_FROM: None}}}

    assert (403, True) == (template.status, "Change the workload that owns it" in template.message), template.message
    assert [403, 403] == [bob.rest.patch(f"{path}{part}", label).status for part in ("", "/status")]
    assert bob.rest.patch(path, {"metadata": {"annotations": {"by": "bob"}}}).ok
    assert bob.kubectl("scale", f"rs/{name}", "--replicas=2", "-n", project).returncode == 0


def test_orphan_is_adopted(kube: Kube, alice: Someone, personal: str, project: str) -> None:
    """Kubernetes itself adopts a Pod that refers to an Environment, which keeps its ids."""
    pod = workload("Pod", "p", project, personal)
    pod["metadata"]["labels"]["app"] = "x"
    submit(alice, pod)
    submit(alice, workload("ReplicaSet", "w", project))
    path = path_of(KINDS["pods"], project, "p")
    kube.until("the Pod to be adopted", lambda: "ownerReferences" in kube.rest.get(path).body["metadata"])

    assert AS_ALICE == ids_of(KINDS["pods"], kube.rest.get(path).body)


# Those without claims.


def test_pipeline(alice: Someone, pipeline: Someone, personal: str, project: str) -> None:
    """A service account has no claims: it submits nothing, and changes nothing that runs as somebody."""
    kind, path = KINDS["deployments.apps"], path_of(KINDS["deployments.apps"], project, "w")
    refused = pipeline.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(workload("Deployment", "w", project, personal)))
    submit(alice, workload("Deployment", "w", project, personal))
    edited = pipeline.rest.patch(path, _args(kind, "new"), "json")
    fresh = pipeline.rest.patch(path, {"metadata": {"annotations": {names.REFRESH: "now"}}})

    assert f'"system:serviceaccount:{project}:pipeline"' in refused.stderr
    assert "user.source Custom" in refused.stderr
    assert (403, True) == (edited.status, 'run with the ids of "idp:alice"' in edited.message), edited.message
    assert (403, True) == (fresh.status, "user.source Custom" in fresh.message), fresh.message
    assert pipeline.rest.delete(path).ok


def test_submitter_without_claims(people: People, alice: Someone, personal: str, project: str) -> None:
    """The submitter whose token has no claims today changes what runs, and the ids stay."""
    kind, path = KINDS["deployments.apps"], path_of(KINDS["deployments.apps"], project, "w")
    submit(alice, workload("Deployment", "w", project, personal))
    today = people("alice")
    edited = today.rest.patch(path, _args(kind, "new"), "json")

    assert AS_ALICE == ids_of(kind, edited.body), edited.message
    assert 403 == people("alice", uidNumber="x").rest.patch(path, _args(kind, "newer"), "json").status


def test_controller_of_another_kind(pipeline: Someone, personal: str, project: str) -> None:
    """A Pod that a controller outside of the kinds table makes is that controller's, which has no claims."""
    pod = workload("Pod", "p", project, personal)
    owner = {"apiVersion": "example.org/v1", "kind": "Widget", "name": "w", "uid": "1", "controller": True}
    pod["metadata"]["ownerReferences"] = [owner]
    reply = pipeline.rest.create(path_of(KINDS["pods"], project), pod)

    assert (403, True) == (reply.status, "has none" in reply.message), reply.message


# Impersonation: the API server replaces the person, claims included.


@pytest.fixture
def support(kube: Kube, people: People, alice: Someone, project: str) -> Someone:
    """Return somebody with claims of her own who may act as other users and in their groups."""
    verbs = {"verbs": ["impersonate"], "apiGroups": [""]}
    _allow(kube, "users", verbs | {"resources": ["users", "groups"]})
    found = people("support", **ALICE)
    path = path_of(KINDS["pods"], project)
    kube.until("the right", lambda: found.kubectl(*_as("bob"), "get", "--raw", path).returncode == 0)
    assert alice.rest.get(path).ok
    return found


def _allow(kube: Kube, word: str, rule: Object) -> None:
    """Give the support a right."""
    name = Kube.unique(word)
    assert kube.rest.create(f"/apis/{RBAC}/v1/clusterroles", {"metadata": {"name": name}, "rules": [rule]}).ok
    bind(kube.rest, name, {"kind": "User", "apiGroup": RBAC, "name": "idp:support"})


def _as(name: str, *extra: str) -> list[str]:
    """Return the options of kubectl to act as a researcher, with extra fields."""
    return [f"--as=idp:{name}", f"--as-group=idp:{RESEARCHERS}", *(f"--as-user-extra={each}" for each in extra)]


def test_who_impersonates(kube: Kube, support: Someone, personal: str, project: str) -> None:
    """Acting as somebody takes away one's own ids, and giving oneself his takes a right of its own."""
    text = yaml.safe_dump(workload("Pod", "p", project, personal))
    extra = f"{names.UID_KEY}=2000"
    without = support.kubectl(*_as("bob"), "create", "-f", "-", stdin=text)
    forbidden = support.kubectl(*_as("bob", extra), "create", "--validate=false", "-f", "-", stdin=text)
    right = {"apiGroups": ["authentication.k8s.io"], "resources": [f"userextras/{names.UID_KEY}"]}
    _allow(kube, "extra", right | {"verbs": ["impersonate"], "resourceNames": ["2000"]})
    command = ("create", "-f", "-", "-o", "json")
    kube.until("the right", lambda: support.kubectl(*_as("bob", extra), *command, stdin=text).returncode == 0)
    pod = kube.rest.get(path_of(KINDS["pods"], project, "p")).body

    assert 'the token of "idp:bob" has none' in without.stderr
    assert f'cannot impersonate resource "userextras/{names.UID_KEY}"' in forbidden.stderr
    assert AS_BOB == ids_of(KINDS["pods"], pod)


def test_impersonating_the_submitter(alice: Someone, support: Someone, personal: str, project: str) -> None:
    """Who may act as the submitter may change what runs with her ids, without any right on claims."""
    kind = KINDS["deployments.apps"]
    submit(alice, workload("Deployment", "w", project, personal))
    patch = ["patch", "deployment", "w", "-n", project, "--type=json", "-p", json.dumps(_args(kind, "new"))]
    as_bob = support.kubectl(*_as("bob"), *patch)
    as_alice = support.kubectl(*_as("alice"), *patch, "-o", "json")

    assert 'run with the ids of "idp:alice"' in as_bob.stderr
    assert AS_ALICE == ids_of(kind, json.loads(as_alice.stdout))
