"""What a process gets of an Environment, read from inside the running container.

Each case is an Environment, a Pod that uses it, and lines that the process prints of itself. Each line says what it is
about, so that it does not matter what stands before and behind it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from builders import manifest
from cluster import Cluster
from cluster.manifests import await_admission
from cluster.rest import Rest
from environment_operator.api import names
from kube import Kube
from running import MEMBER, NAMED, NUMBERED, PLAIN, SPEAKING, created, pod, said

Object = dict[str, Any]
REPORT = """
echo user $(id -u); echo group $(id -g); echo groups $(id -G)
sed -n 's/^\\(CapEff\\|CapBnd\\|NoNewPrivs\\|Seccomp\\):[^0-9a-f]*/\\1 /p' /proc/self/status
touch /made 2>/dev/null && echo root writable || echo root read-only
echo directory $(pwd); echo home $HOME; touch $HOME/made 2>/dev/null && echo home writable || echo home read-only
test -t 0 && echo terminal || echo no terminal
echo network $(readlink /proc/self/ns/net); echo ipc $(readlink /proc/self/ns/ipc)
echo owner of home $(stat -c %u:%g $HOME), mode $(stat -c %a $HOME)
echo secret ${SECRET:-none}; echo first $FIRST; echo second $SECOND; echo of the workload $OWN
"""
NET_ADMIN = 1 << 12


@dataclass(frozen=True)
class Case:
    """An Environment, what the workload sets itself, and lines that the process prints, or does not."""

    fields: Mapping[str, Any]
    container: Mapping[str, Any] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    says_not: tuple[str, ...] = ()


def security(**fields: Any) -> dict[str, Any]:
    """Return an Environment's security, with the fields that nothing else is about."""
    return {"security": fields}


def custom(uid: int | None, gid: int | None = None, groups: tuple[int, ...] = ()) -> dict[str, Any]:
    """Return an Environment's ids."""
    ids = {"uid": uid, "gid": gid, "supplementalGroups": list(groups) or None}
    return {"user": {"source": "Custom", **{key: value for key, value in ids.items() if value is not None}}}


ENV = [{"name": "FIRST", "value": "1"}, {"name": "SECOND", "value": "after $(FIRST)"}]
CASES: dict[str, Case] = {
    "nothing set": Case(
        {}, says=("user 0", "group 0", "groups 0", "root writable", "directory /", "no terminal", "NoNewPrivs 0")
    ),
    "a number in the image": Case({"image": NUMBERED.reference}, says=("user 1234", "group 1235")),
    "a name in the image": Case(
        {"image": NAMED.reference, "user": {"source": "Image"}}, says=("user 1234", "group 1235")
    ),
    "uid, gid and groups": Case(
        custom(4242, 4343, (5000, 6000)), says=("user 4242", "group 4343", "groups 4343 5000 6000")
    ),
    "uid alone": Case(custom(4242), says=("user 4242", "group 0", "groups 0")),
    "ids over those of the image": Case(
        {"image": NAMED.reference, **custom(4242, 4343)}, says=("user 4242", "group 4343", "groups 4343")
    ),
    "groups that the image gives the uid": Case(
        {"image": MEMBER.reference, **custom(1000, 100), "overridable": []},
        says=("user 1000", "group 100", "groups 100"),
    ),
    "groups that the image gives the uid, with groups of the Environment": Case(
        {"image": MEMBER.reference, **custom(1000, 100, (7000,)), "overridable": []},
        says=("user 1000", "group 100", "groups 100 7000"),
    ),
    "groups that the image gives the uid, which may be overridden": Case(
        {"image": MEMBER.reference, **custom(1000, 100), "overridable": ["User"]},
        says=("user 1000", "group 100", "groups 100 5000 6000"),
    ),
    "no escalation": Case(security(allowPrivilegeEscalation=False), says=("NoNewPrivs 1",)),
    "escalation": Case(security(allowPrivilegeEscalation=True), says=("NoNewPrivs 0",)),
    "read-only root": Case(security(readOnlyRootFilesystem=True), says=("root read-only",)),
    "read-only root with a home": Case(
        {**security(readOnlyRootFilesystem=True), "createHomeDir": True}, says=("root read-only", "home writable")
    ),
    "home of somebody": Case(
        {"createHomeDir": True, **custom(4242, 4343)}, says=("home writable", "owner of home 0:0, mode 777")
    ),
    "seccomp": Case(security(seccompProfile={"type": "RuntimeDefault"}), says=("Seccomp 2",)),
    "no seccomp": Case(security(seccompProfile={"type": "Unconfined"}), says=("Seccomp 0",)),
    "directory": Case({"workingDir": "/tmp"}, says=("directory /tmp",)),
    "terminal": Case({"stdin": True, "tty": True}, says=("terminal",), says_not=("no terminal",)),
    "variables": Case({"env": ENV}, says=("first 1", "second after 1")),
    "variables, one replaced": Case(
        {"env": ENV},
        {"env": [{"name": "FIRST", "value": "mine"}, {"name": "OWN", "value": "$(SECOND), own"}]},
        says=("first mine", "second after mine", "of the workload after mine, own"),
    ),
    "variable of a secret": Case(
        {"env": [{"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "given", "key": "key"}}}]},
        says=("secret of the project",),
    ),
}


@pytest.fixture(scope="module")
def started(cluster: Cluster, rest: Rest) -> dict[str, tuple[str, str]]:
    """Return, by case, the project and the name of its Pod; they are all started together."""
    kube = Kube(cluster, rest)
    project = kube.unique("cases")
    kube.rest.create("/api/v1/namespaces", {"metadata": {"name": project}})
    account = f"/api/v1/namespaces/{project}/serviceaccounts/default"
    kube.until("the default account", lambda: kube.rest.get(account).ok)
    kube.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "given", "namespace": project},
                "stringData": {"key": "of the project"}})  # fmt: skip
    report = {"command": ["/bin/sh", "-c", REPORT]}
    return {
        what: (project, created(kube, project, case.fields, {**report, **case.container}))
        for what, case in CASES.items()
    }


@pytest.mark.parametrize("what", CASES)
def test_process(kube: Kube, started: dict[str, tuple[str, str]], what: str) -> None:
    """A process is what its Environment says, and what the workload may set itself wins."""
    lines = set(said(kube, *started[what]).splitlines())

    assert set() == set(CASES[what].says) - lines
    assert set() == set(CASES[what].says_not) & lines


def capabilities(kube: Kube, project: str, **fields: Any) -> tuple[bool, bool]:
    """Return whether a process has NET_ADMIN, and whether it may get it."""
    added = {**security(capabilities=["NET_ADMIN"]), **fields}
    name = created(kube, project, added, {"command": ["/bin/sh", "-c", REPORT]})
    lines = dict(line.split(maxsplit=1) for line in said(kube, project, name).splitlines() if line.startswith("Cap"))
    return bool(int(lines["CapEff"], 16) & NET_ADMIN), bool(int(lines["CapBnd"], 16) & NET_ADMIN)


def test_capability_of_root(kube: Kube, project: str) -> None:
    """A capability of the Environment is one of the process, where it runs as root."""
    assert (True, True) == capabilities(kube, project)


def test_capability_of_somebody_else(kube: Kube, project: str) -> None:
    """Of another user it gives the process nothing, as the warning of the Environment says."""
    assert (False, True) == capabilities(kube, project, **custom(4242))


def test_ids_of_a_person(kube: Kube, project: str) -> None:
    """With the ids of the token the process runs as whoever created the Pod."""
    environment = kube.unique("person")
    kube.apply(
        manifest(environment, image=PLAIN.reference, imagePullPolicy="IfNotPresent", user={"source": "IdPToken"})
    )
    extra = {names.UID_KEY: "1000", names.GID_KEY: "100", names.GROUPS_KEY: "5"}
    claims = [f"--as-user-extra={key}={value}" for key, value in extra.items()]
    body = pod("mine", environment, {"command": ["/bin/sh", "-c", REPORT]})
    kube.kubectl(
        "create", "-n", project, "-f", "-", "--as=alice", "--as-group=system:masters", *claims, stdin=json.dumps(body)
    )

    assert {"user 1000", "group 100", "groups 100 5"} <= set(said(kube, project, "mine").splitlines())


@pytest.fixture
def merging(cluster: Cluster) -> Iterator[None]:
    """Have the operator leave the groups to the image, as for nodes that know no policy."""
    cluster.stop_operator()
    cluster.start_operator({"ENVIRONMENT_OPERATOR_STRICT_GROUPS": "false"})
    await_admission(cluster.layout)
    yield
    cluster.stop_operator()
    cluster.start_operator()
    await_admission(cluster.layout)


@pytest.mark.usefixtures("merging")
def test_groups_of_the_image_by_setting(kube: Kube, project: str) -> None:
    """With STRICT_GROUPS off, the groups that the image gives a guarded uid are those of the process, too."""
    fields = {"image": MEMBER.reference, **custom(1000, 100), "overridable": []}
    lines = said(kube, project, created(kube, project, fields, {"command": ["/bin/sh", "-c", REPORT]})).splitlines()

    assert {"user 1000", "group 100", "groups 100 5000 6000"} <= set(lines)


def test_root_refused(kube: Kube, project: str) -> None:
    """An Environment that demands another user than root has an image of root's refused by the node, which says so."""
    name = created(kube, project, security(runAsNonRoot=True), {"command": ["/bin/true"]})
    path = f"/api/v1/namespaces/{project}/pods/{name}"

    def waiting() -> Object:
        statuses = kube.rest.get(path).body["status"].get("containerStatuses") or [{}]
        found: Object = statuses[0].get("state", {}).get("waiting", {})
        return found

    kube.until("the refusal", lambda: waiting().get("reason") == "CreateContainerConfigError")
    assert "runAsNonRoot" in waiting()["message"]


def test_namespaces_of_the_host(kube: Kube, project: str) -> None:
    """With the network and IPC of the host, they are the node's; else they are not."""
    command = {"command": ["/bin/sh", "-c", REPORT]}
    ours = said(kube, project, created(kube, project, {}, command))
    hosts = said(kube, project, created(kube, project, security(hostNetwork=True, hostIPC=True), command))
    for kind in ("net", "ipc"):
        assert str(Path(f"/proc/self/ns/{kind}").readlink()) in hosts
        assert str(Path(f"/proc/self/ns/{kind}").readlink()) not in ours


def test_entrypoint(kube: Kube, project: str) -> None:
    """Arguments without a command go to the entrypoint of the image; a command of the Environment replaces it."""
    arguments = said(kube, project, created(kube, project, {"image": SPEAKING.reference, "args": ["a", "b"]}, {}))
    fields = {"image": SPEAKING.reference, "command": ["/bin/echo"], "args": ["instead"]}
    instead = said(kube, project, created(kube, project, fields, {}))
    own = said(kube, project, created(kube, project, fields, {"command": ["/bin/echo", "mine"]}))

    assert ("the entrypoint of the image a b\n", "instead\n", "mine\n") == (arguments, instead, own)
