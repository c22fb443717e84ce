"""``$(NAME)`` where Kubernetes expands none, and where the home directory is."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import KINDS, around, published, workload
from environment_operator.api import names
from environment_operator.injection import expansion
from environment_operator.injection.context import Outcome
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve
from environment_operator.kinds.paths import get, put
from environment_operator.kinds.table import Kind
from environment_operator.tools.addresses import Routing
from third_party import containers, row_of, user

Object = dict[str, Any]
KIND = KINDS["deployments.apps"]
MAIN = ("spec", "template", "spec", "containers", "main")
USER = {"name": "NB_USER", "value": "ada"}
HOME = {"name": "HOME", "value": "/home/$(NB_USER)"}
LAB = {"name": "lab", "type": "JupyterNotebook"}
SECRET = {"secretKeyRef": {"name": "s", "key": "k"}}
NAMESPACE = {"fieldRef": {"fieldPath": "metadata.namespace"}}


def asked(**main: Any) -> Object:
    """Return a Deployment whose main container has some fields."""
    made = workload("Deployment", "w", "team", "e")
    del made["spec"]["template"]["spec"]["containers"][0]["image"]
    get(made, MAIN).update(copy.deepcopy(main))
    return made


def admitted(new: Object, old: Object | None, *known: Any, kind: Kind = KIND) -> Outcome:
    """Return what becomes of an object, which passes both webhooks."""
    there = around(*known, routing=Routing("tools.example.com"))
    outcome = admit(kind, new, old, there)
    assert outcome.workload is not None, outcome.refusal
    answer = approve(kind, outcome.workload, old, there)
    assert answer.workload is not None, answer.refusal
    return outcome


def stored(outcome: Outcome) -> Object:
    """Return the main container that is to be stored."""
    found: Object = get(outcome.workload, MAIN)
    return found


def home(outcome: Outcome) -> tuple[list[str], bool]:
    """Return where the home is mounted in the main container, and whether the pods have the volume."""
    mounts = [m["mountPath"] for m in stored(outcome).get("volumeMounts", ()) if m["name"] == "environment-home"]
    pods = get(outcome.workload, MAIN[:3])
    return mounts, any(volume["name"] == "environment-home" for volume in pods.get("volumes", ()))


@pytest.mark.parametrize(
    ("env", "own", "expected"),
    [
        ([USER, HOME], [], "/home/ada"),
        ([USER, HOME], [{"name": "NB_USER", "value": "bob"}], "/home/bob"),
        ([USER, HOME], [{"name": "HOME", "value": "/data"}], "/data"),
        ([USER, HOME], [{"name": "HOME", "value": "/data/$(NB_USER)/"}], "/data/ada"),
        ([{"name": "NB_USER", "required": True}, HOME], [{"name": "NB_USER", "value": "eve"}], "/home/eve"),
        ([{"name": "NB_USER", "valueFrom": NAMESPACE}, HOME], [], "/home/team"),
        ([{"name": "A", "value": "x"}, {"name": "NB_USER", "value": "$(A)y"}, HOME], [], "/home/xy"),
        ([{"name": "HOME", "value": "/home/$$(NB_USER)"}], [], "/home/$(NB_USER)"),
        ([{"name": "HOME", "value": "/home/me/"}], [], "/home/me"),
        ([], [], "/home/environment"),
    ],
)
def test_home_is_where_the_process_has_it(env: list[Object], own: list[Object], expected: str) -> None:
    """The volume is mounted where HOME is once its variables have values, the workload's own included."""
    outcome = admitted(asked(env=own), None, published("e", createHomeDir=True, env=env))

    assert ([expected], True) == home(outcome)
    assert () == outcome.warnings


@pytest.mark.parametrize(
    ("env", "own", "warning"),
    [
        ([{"name": "HOME", "value": "/"}], [], 'HOME is "/"'),
        ([{"name": "HOME", "value": "//"}], [], 'HOME is "//"'),
        ([{"name": "HOME", "value": "/tmp/.."}], [], 'HOME is "/tmp/.."'),
        ([], [{"name": "HOME", "value": "/"}], 'HOME is "/"'),
        ([], [{"name": "HOME", "value": "here"}], 'HOME is "here"'),
        ([], [{"name": "HOME", "valueFrom": SECRET}], "HOME is not known"),
        ([{"name": "NB_USER", "valueFrom": SECRET}, HOME], [], "HOME is not known"),
        ([HOME], [], "HOME is not known"),
    ],
)
def test_no_home_where_nobody_can_say(env: list[Object], own: list[Object], warning: str) -> None:
    """Nothing is mounted over the image, or where the process does not look; a warning says why."""
    outcome = admitted(asked(env=own), None, published("e", createHomeDir=True, env=env))

    assert ([], False) == home(outcome)
    assert [True] == [warning in said for said in outcome.warnings]


@pytest.mark.parametrize(
    ("path", "warns"),
    [
        ("/home/environment", False),
        ("/home/environment/", False),
        ("/home//environment", False),
        ("/home/./environment/", False),
        ("/home", True),
        ("/home/", True),
        ("/", True),
        ("//home", True),
        ("home", True),
    ],
)
@pytest.mark.parametrize("later", [False, True])
def test_a_volume_of_the_workload_at_the_home_or_above(path: str, warns: bool, later: bool) -> None:
    """What the submitter keeps there is not hidden, whenever it comes."""
    known = published("e", createHomeDir=True)
    new = asked(volumeMounts=[{"name": "mine", "mountPath": path}])
    first = admitted(asked(), None, known).workload if later else None
    if first:
        new = copy.deepcopy(first)
        get(new, (*MAIN, "volumeMounts")).append({"name": "mine", "mountPath": path})
    outcome = admitted(new, first, known)

    assert ([], False) == home(outcome)
    assert {"name": "mine", "mountPath": path} in stored(outcome)["volumeMounts"]
    assert (warns and not later) == any("Make the directory there" in said for said in outcome.warnings)


@pytest.mark.parametrize("path", ["/home/environment/data", "/home/environments", "/data", "environment"])
def test_a_volume_of_the_workload_elsewhere(path: str) -> None:
    """A volume below the home, or elsewhere, takes nothing away."""
    outcome = admitted(
        asked(volumeMounts=[{"name": "mine", "mountPath": path}]), None, published("e", createHomeDir=True)
    )

    assert (["/home/environment"], True) == home(outcome)


TEXTS: dict[str, tuple[Object, tuple[str, ...], str]] = {
    "directory": ({"workingDir": "/home/$(NB_USER)"}, ("workingDir",), "/home/{}"),
    "braces": ({"workingDir": "/home/${NB_USER}"}, ("workingDir",), "/home/{}"),
    "path of a probe": (
        {"readinessProbe": {"httpGet": {"port": 80, "path": "/$(NB_USER)/api"}}},
        ("readinessProbe", "httpGet", "path"), "/{}/api",
    ),
    "service of a probe": (
        {"readinessProbe": {"grpc": {"port": 80, "service": "$(NB_USER)"}}},
        ("readinessProbe", "grpc", "service"), "{}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TEXTS.values(), ids=list(TEXTS))
def test_texts(case: tuple[Object, tuple[str, ...], str]) -> None:
    """What admission knows is expanded, again when the workload changes it, and goes with the reference."""
    fields, path, text = case
    known = published("e", env=[USER], **fields)
    first = admitted(asked(), None, known)
    assert first.workload is not None
    changed = copy.deepcopy(first.workload)
    get(changed, (*MAIN, "env"))[0]["value"] = "bob"
    second = admitted(changed, first.workload)
    assert second.workload is not None
    freed = copy.deepcopy(second.workload)
    del freed["metadata"]["labels"][names.REFERENCE]

    assert text.format("ada") == get(first.workload, (*MAIN, *path))
    assert text.format("bob") == get(second.workload, (*MAIN, *path))
    assert get(second.workload, (*MAIN, *path)) == get(
        admitted(second.workload, second.workload).workload, (*MAIN, *path)
    )
    assert None is get(admit(KIND, freed, second.workload, around()).workload, (*MAIN, path[0]))


def test_path_of_a_tool_in_a_probe() -> None:
    """A tool below a path can be asked whether it is ready, wherever its URL is, also where that changes."""
    probe = {"httpGet": {"port": 8888, "path": "$(ENVIRONMENT_TOOL_LAB_BASE_PATH)/api"}}
    lab = {**LAB, "connection": {"type": "ExternalURL", "assign": "Custom", "url": "https://tools.example.com/lab"}}
    first = admitted(asked(), None, published("e", tools=[lab], readinessProbe=probe))
    assert first.workload is not None
    moved = copy.deepcopy(first.workload)
    put(moved, ("metadata", "annotations", f"{names.CUSTOM_TOOL}lab"), "https://tools.example.com/mine")
    second = admitted(moved, first.workload)

    assert "/lab/api" == stored(first)["readinessProbe"]["httpGet"]["path"]
    assert "/mine/api" == stored(second)["readinessProbe"]["httpGet"]["path"]


@pytest.mark.parametrize("env", [[], [{"name": "NB_USER", "valueFrom": SECRET}]])
def test_what_is_not_known_stays_as_written(env: list[Object]) -> None:
    """A variable whose value only the node knows stays as it is, and a warning names it and where."""
    probe = {"httpGet": {"port": 80, "path": "/$(NB_USER)"}}
    outcome = admitted(asked(), None, published("e", env=env, workingDir="/home/$(NB_USER)", readinessProbe=probe))

    assert ("/home/$(NB_USER)", "/$(NB_USER)") == (
        stored(outcome)["workingDir"],
        stored(outcome)["readinessProbe"]["httpGet"]["path"],
    )
    assert ["workingDir", "readinessProbe.httpGet.path"] == [said.partition(":")[0] for said in outcome.warnings]
    assert all("$(NB_USER) stays as written" in said for said in outcome.warnings)


def test_what_is_the_submitters_is_not_expanded() -> None:
    """A directory of the workload's own is left as it is, though it looks like a variable, then and later."""
    known = published("e", env=[USER], workingDir="/env/$(NB_USER)", overridable=["Env", "WorkingDir"])
    first = admitted(asked(workingDir="/mine/$(NB_USER)"), None, known)
    assert first.workload is not None
    changed = copy.deepcopy(first.workload)
    get(changed, (*MAIN, "env"))[0]["value"] = "bob"

    assert "/mine/$(NB_USER)" == stored(first)["workingDir"]
    assert "/mine/$(NB_USER)" == stored(admitted(changed, first.workload))["workingDir"]


def test_each_role_has_its_own_variables() -> None:
    """A variable that one role sets otherwise counts in that role, also in one that comes later."""
    row, known = row_of("raycluster"), published(
        "e", image="env:1", architecture="Distributed", framework="Ray", env=[USER], workingDir="/home/$(NB_USER)"
    )  # fmt: skip
    new = user("raycluster", "w", "team", "e")
    head, *workers = containers("raycluster", new)
    head["env"] = [{"name": "NB_USER", "value": "bob"}]
    workers[1]["env"] = [{"name": "NB_USER", "value": "eve"}]
    smaller = copy.deepcopy(new)
    del smaller["spec"]["workerGroupSpecs"][1]
    at_once = admitted(new, None, known, kind=row).workload
    later = admitted(new, admitted(smaller, None, known, kind=row).workload, known, kind=row).workload

    for made in (at_once, later):
        assert made is not None
        assert ["/home/bob", "/home/ada", "/home/eve"] == [c["workingDir"] for c in containers("raycluster", made)]


PIECES = st.lists(st.sampled_from(["/a", "$(A)", "$(B)", "$$(A)", "$", "(", ")"]), max_size=4).map("".join)
VARIABLES = st.lists(st.builds(lambda n, v: {"name": n, "value": v}, st.sampled_from("AB"), PIECES), max_size=3)


@settings(max_examples=100, deadline=None)
@given(PIECES, PIECES, VARIABLES, VARIABLES)
def test_the_laws_hold(directory: str, where: str, theirs: list[Object], mine: list[Object]) -> None:
    """A second expansion changes nothing, and without the reference the workload is as before."""
    given_env = list({v["name"]: v for v in theirs if v["value"]}.values())
    env = [*given_env, {"name": "HOME", "value": f"/h{where}"}]
    known = published("e", createHomeDir=True, env=env, workingDir=f"/w{directory}", overridable=["Env", "Image"])
    plain = asked(image="mine:1", env=mine) if mine else asked(image="mine:1")
    first = admitted(plain, None, known)
    assert first.workload is not None
    freed, free = copy.deepcopy(first.workload), copy.deepcopy(plain)
    del freed["metadata"]["labels"][names.REFERENCE], free["metadata"]["labels"][names.REFERENCE]

    assert first.workload == admitted(first.workload, None, known).workload
    assert first.workload == admitted(first.workload, first.workload).workload
    assert free == admit(KIND, freed, first.workload, around()).workload


@settings(max_examples=100, deadline=None)
@given(VARIABLES, VARIABLES, st.booleans())
def test_variables_are_those_of_the_result(theirs: list[Object], mine: list[Object], both: bool) -> None:
    """A text is expanded by the variables that the container has in the end, whoever wrote which of them."""
    env = list({v["name"]: v for v in theirs if v["value"]}.values())
    own = [*mine, *(env if both else ())]
    known = published("e", env=env, workingDir="/w/$(A)-$(B)", overridable=["Env", "Image"])
    main = stored(admitted(asked(image="mine:1", env=own), None, known))
    values = expansion.values({}, {"spec": {"containers": [main]}}, ("spec", "containers", "main"))

    def value(name: str) -> str:
        return f"$({name})" if values.get(name) is None else str(values[name])

    assert f"/w/{value('A')}-{value('B')}" == main["workingDir"]


def doubling(number: int) -> list[Object]:
    """Return variables of which each has the value of the one before it twice."""
    rest = ({"name": f"V{n}", "value": f"$(V{n - 1})$(V{n - 1})"} for n in range(1, number))
    return [{"name": "V0", "value": "ab"}, *rest]


@pytest.mark.parametrize(
    ("env", "text", "expected"),
    [
        (doubling(8), "/$(V7)", f"/{'ab' * 2**7}"),
        (doubling(200), "/$(V199)", "/$(V199)"),
        (doubling(200), "/$(V9)/$(V199)", f"/{'ab' * 2**9}/$(V199)"),
        ([{"name": "A", "value": "a" * 4000}], "/$(A)/$(A)", "/$(A)/$(A)"),
        ([{"name": "A", "value": ""}, {"name": "B", "value": "$(A)" * 100_000}], "/$(B)", "/$(B)"),
        ([{"name": "A", "value": "a"}], "/$(A)" * 51, "/$(A)" * 51),
    ],
    ids=range(6),
)
def test_values_that_grow(env: list[Object], text: str, expected: str) -> None:
    """Variables that make a text longer than any path, or that are very many, are left as written, with a warning."""
    outcome = admitted(asked(env=env), None, published(workingDir=text))

    assert expected == stored(outcome)["workingDir"]
    assert ("$" in expected) == any("workingDir" in warning for warning in outcome.warnings)


def test_a_home_that_grows() -> None:
    """No volume is mounted at a home that is longer than any path."""
    own = [*doubling(200), {"name": "HOME", "value": "/$(V199)"}]
    outcome = admitted(asked(env=own), None, published(createHomeDir=True))

    assert ([], False) == home(outcome)
    assert any("no volume is mounted" in warning for warning in outcome.warnings)
