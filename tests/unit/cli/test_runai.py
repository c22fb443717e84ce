"""Environment assets of Run:ai: each shape that its API gives, and what is said of what cannot be carried over."""

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets import FULL
from environment_operator.api import names
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.cli.exit_codes import Exit
from environment_operator.cli.main import cli, run
from environment_operator.cli.runai import imported, words
from environment_operator.cli.runai.asset import Unreadable

TRAINING = {"training": True}


def asset(meta: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """Return an asset as Run:ai's API gives it."""
    head = {"name": "lab", "scope": "cluster", "workloadSupportedTypes": TRAINING, **(meta or {})}
    return {"meta": head, "spec": {"image": "registry.example/lab:1", **spec}}


def one(given: dict[str, Any], **places: str) -> tuple[dict[str, Any], str]:
    """Return the spec that becomes of an asset, and all that is said about it."""
    found = imported(given, places)[0]
    return found.manifest["spec"], "; ".join((*found.notes, found.problem))


def port(kind: str, connection: str, number: int = 8888, name: str = "tool", **more: Any) -> dict[str, Any]:
    """Return a connection inside of the cluster."""
    info = {"toolType": kind, "connectionType": connection, "containerPort": number, **more}
    return {"name": name, "isExternal": False, "internalToolInfo": info}


SERVING = port("custom", "ServingPort", 8080, servingPortInfo={"protocol": "grpc"})


@pytest.mark.parametrize("document", [asset(), [asset()], {"entries": [asset()]}])
def test_documents(document: Any) -> None:
    """One asset, a list of them and an answer of the API are read alike."""
    manifest = imported(document, {})[0].manifest

    assert (names.API_VERSION, names.KIND, {"name": "lab"}) == (
        manifest["apiVersion"],
        manifest["kind"],
        manifest["metadata"],
    )


@pytest.mark.parametrize("document", [[], {"entries": []}, {"entries": None}, "text", 7, None])
def test_what_holds_no_asset(document: Any) -> None:
    """Anything else is refused in words."""
    with pytest.raises(Unreadable, match="asset"):
        imported(document, {})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "meta is missing, and has to be an object; spec is missing"),
        (None, "it is no object, but null"),
        ({**asset(), "spec": []}, "spec is [], and has to be an object"),
        (asset({"name": ""}), 'meta.name is "": give it a name'),
        (asset({"name": 7}), "meta.name is 7: give it a name"),
        (asset(image="\ud800"), "it holds what is no text"),
        (asset(novelty=float("inf")), "it holds what is no text or no number"),
        (
            asset(novelty=[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]),
            "nested deeper than 32 levels",
        ),
    ],
)
def test_what_is_no_asset(wrong: Any, said: str) -> None:
    """An asset that cannot be read is said with its field and what was given; the others are read all the same."""
    bad, good = imported([wrong, asset()], {})

    assert ("number 1", {}) == (bad.name, bad.manifest)
    assert said in bad.problem
    assert ("lab", "") == (good.name, good.problem)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MAPPED = {"4501": "vision", "c": "hub"}
# Several fields of the Environment are made of these.
FAR = ("uidGidSource", "workloadSupportedTypes", "connections", "tty")
# Any text fits here; a project is known by its id, and what serves requests is no tool.
TEXTS = (
    "externalUrl",
    "name",
    "description",
    "command",
    "args",
    "value",
    "path",
    "assetId",
    "projectId",
    "projectName",
    "toolType",
)


def places_in(value: Any) -> list[tuple[Any, ...]]:
    """Return the path of everything in plain data, itself first."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(), *((key, *path) for key, each in inner for path in places_in(each))]


def at(value: Any, path: tuple[Any, ...]) -> Any:
    """Return what stands at a path in plain data."""
    return at(value[path[0]], path[1:]) if path else value


def replaced(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """Return plain data with something else at a path."""
    if not path:
        return other
    out = copy.copy(value)
    out[path[0]] = replaced(value[path[0]], path[1:], other)
    return out


def in_words(path: tuple[Any, ...]) -> str:
    """Return a path as notes have it."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def without(value: Any, path: tuple[Any, ...]) -> Any:
    """Return plain data without what stands at a path."""
    out = copy.copy(value)
    if len(path) > 1:
        out[path[0]] = without(value[path[0]], path[1:])
    else:
        del out[path[0]]
    return out


def test_a_full_asset_comes_over_whole() -> None:
    """Nothing is left of an asset of which everything fits."""
    assert ((), "") == (imported(FULL, MAPPED)[0].notes, imported(FULL, MAPPED)[0].problem)


@pytest.mark.parametrize("other", [[[]], 7.5, "\t?", {"other": 1}, True], ids=str)
def test_what_does_not_fit_is_named(other: Any) -> None:
    """Whichever key holds something else, it is named with its path, and the rest comes over as ever."""
    every = [path for path in places_in(FULL) if len(path) > 1]
    assert [] == [f"{in_words(path)}: {fault}" for path in every for fault in faults(path, other)]


def faults(path: tuple[Any, ...], other: Any) -> Iterator[str]:
    """Yield what is wrong with how an asset comes over that has something else at a path."""
    before, changed = imported(FULL, MAPPED)[0], imported(replaced(FULL, path, other), MAPPED)[0]
    notes = "; ".join((*changed.notes, changed.problem))
    fits = path[-1] in TEXTS if isinstance(other, str) else other is True and isinstance(at(FULL, path), bool)
    if not fits and not any(in_words(path[:length]) in notes for length in range(2, len(path) + 1)):
        yield f"not named in {notes}"
    if "upgrade the operator" in notes:
        yield notes
    if changed.manifest and not set(FAR) & set(path):
        fields = {*before.manifest["spec"], *changed.manifest["spec"]}
        differing = [f for f in fields if before.manifest["spec"].get(f) != changed.manifest["spec"].get(f)]
        if len(differing) > 1:
            yield f"changes {differing}"


def test_what_is_not_there() -> None:
    """Whichever key is missing, the rest comes over, or what is needed is named."""
    every = {path: imported(without(FULL, path), MAPPED)[0] for path in places_in(FULL) if path}

    assert [] == [path for path, found in every.items() if found.problem and path[-1] not in found.problem]
    for found in every.values():
        assert found.problem or EnvironmentSpec.model_validate(found.manifest["spec"])


@pytest.mark.parametrize(
    "path",
    [path for path in places_in(FULL) if isinstance(at(FULL, path), dict)],
    ids=lambda path: in_words(path) or ".",
)
def test_unknown_keys_are_named(path: tuple[Any, ...]) -> None:
    """A key that is none of ours is named with its path, at every depth, and changes nothing."""
    more = replaced(FULL, path, {**at(FULL, path), "novelty": {"deep": 1}})
    before, found = imported(FULL, MAPPED)[0], imported(more, MAPPED)[0]

    assert [f"{in_words((*path, 'novelty'))}: not carried over, an Environment has nothing like it"] == list(
        found.notes
    )
    assert before.manifest == found.manifest


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(places_in(FULL)[1:]), JSON), min_size=1, max_size=3))
def test_malformed_assets_never_end_in_a_traceback(tmp_path: Path, changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    """Any content of an asset becomes what the models accept, or is refused with a message."""
    changed: Any = FULL
    for path, other in changes:
        with suppress(KeyError, IndexError, TypeError):
            changed = replaced(changed, path, other)
    file = tmp_path / "assets.json"
    file.write_text(json.dumps([changed, asset({"name": "other"})]))
    result = CliRunner().invoke(cli, ["import", str(file), "--dry-run=client", "-o", "yaml"], standalone_mode=False)

    assert None is result.exception
    assert "name: other\n" in result.stdout
    assert result.return_value == (3 if "error: " in result.stderr else 0)
    for made in yaml.load_all(result.stdout, yaml.CSafeLoader):
        assert EnvironmentSpec.model_validate(made["spec"])


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_files_that_hold_anything(tmp_path: Path, content: bytes) -> None:
    """A file of anything is refused in words."""
    file = tmp_path / "assets.json"
    file.write_bytes(content)

    assert run(["import", str(file), "--dry-run=client", "-o", "yaml"]) in (Exit.USAGE, Exit.REFUSED)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"entries":' * 5000, '{"a":' * 900 + "1" + "}" * 900])
def test_files_that_are_nested_deep(tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is nested without end is refused in words."""
    file = tmp_path / "assets.json"
    file.write_text(content)

    assert run(["import", str(file), "--dry-run=client"]) in (Exit.USAGE, Exit.REFUSED)
    assert "nested" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("line", ["\n", "\r\n", "\r"])
def test_files_of_every_system(tmp_path: Path, encoding: str, line: str) -> None:
    """A file is read in whichever encoding a system has written it, from standard input, too."""
    content = json.dumps(asset({"name": "Läb"}), indent=1, ensure_ascii=False).replace("\n", line).encode(encoding)
    (file := tmp_path / "assets.json").write_bytes(content)
    for path, stdin in ((str(file), None), ("-", content)):
        ran = CliRunner().invoke(cli, ["import", path, "--dry-run=client", "-o", "yaml"], input=stdin)
        assert "Läb" == yaml.load(ran.stdout, yaml.CSafeLoader)["spec"]["displayName"], ran.stderr


def test_names() -> None:
    """Free text becomes a name, the text itself is what people read, and no two have the same name."""
    found = [
        each.manifest for each in imported([asset({"name": text}) for text in ("My Lab (v2)", "my-lab-v2", "東")], {})
    ]

    assert ["my-lab-v2", "my-lab-v2-2", "environment"] == [each["metadata"]["name"] for each in found]
    assert ["My Lab (v2)", None, "東"] == [each["spec"].get("displayName") for each in found]


@pytest.mark.parametrize(
    ("meta", "scope", "said"),
    [
        ({"scope": "cluster"}, {"cluster": True}, ""),
        ({"scope": "tenant"}, {"cluster": True}, "scope tenant became this cluster"),
        ({"scope": "system"}, {"cluster": True}, "scope system became this cluster"),
        ({"scope": "project", "projectId": 4501, "projectName": "vision"}, {"projects": ["vision"]}, ""),
        ({"scope": "project", "projectId": 4502}, {"projects": ["speech"]}, ""),
        ({"scope": "project", "projectId": 7}, {"projects": ["7"]}, "say --map 7=NAME"),
        ({"scope": "project"}, None, "meta.projectId is missing"),
        ({"scope": "project", "projectId": "No Name"}, None, "meta.projectId was left out: write small letters"),
        ({"scope": "galaxy", "projectId": 7}, None, "meta.scope is none of system, tenant"),
        ({"scope": None}, None, "meta.scope is none of system, tenant"),
        ({"scope": "department", "departmentId": "d1"}, {"departments": ["d1"]}, "say --map d1=NAME"),
    ],
)
def test_scope(meta: dict[str, Any], scope: dict[str, Any], said: str) -> None:
    """Each scope becomes ours; ids are mapped to names, and an id that is not is said."""
    spec, notes = one(asset(meta), **{"4502": "speech"})

    assert scope == spec.get("scope")
    assert said in notes
    assert bool(said) == bool(notes.strip("; "))


@pytest.mark.parametrize(
    ("supported", "fields", "said"),
    [
        ({"workspace": True, "training": True}, ("Standard", None, ["Workspace", "Training"]), ""),
        (
            {"training": True, "distributed": True, "distFramework": "TF"},
            ("Distributed", "TensorFlow", ["Training"]),
            "",
        ),
        (
            {"workspace": False, "training": False, "distributed": True, "distFramework": "MPI"},
            ("Distributed", "MPI", ["Training"]),
            "",
        ),
        ({"distributed": True}, ("Distributed", "Any", ["Training"]), "any framework may use it"),
        (None, ("Standard", None, ["Workspace", "Training"]), "no workload type was listed"),
        ({"inference": True, "training": True}, ("Standard", None, ["Training"]), "no connection of type ServingPort"),
    ],
)
def test_workload_types(supported: Any, fields: tuple[Any, ...], said: str) -> None:
    """Both shapes of distributed assets are read; what is not said is chosen and said."""
    spec, notes = one(asset({"workloadSupportedTypes": supported}))

    assert fields == (spec["architecture"], spec.get("framework"), spec["workloadTypes"])
    assert said in notes


def test_inference() -> None:
    """The serving port becomes the endpoint; what inference workloads cannot have goes and is said."""
    spec, notes = one(
        asset({"workloadSupportedTypes": {"inference": True}}, connections=[SERVING], hostIpc=True, tty=True)
    )

    assert {"port": 8080, "protocol": "GRPC"} == spec["endpoint"]
    assert "tools" not in spec
    assert (False, False, False) == ("tty" in spec, "stdin" in spec, "hostIPC" in spec["security"])
    assert "spec.hostIpc was left out" in notes
    assert "the serving port was left out" in one(asset(connections=[SERVING]))[1]


@pytest.mark.parametrize(
    ("given", "fields", "said"),
    [
        (
            {"command": "python -m train", "args": "--lr=1 --name='a b'"},
            (["python", "-m", "train"], ["--lr=1", "--name=a b"]),
            "",
        ),
        (
            {
                "command": "run",
                "args": "${DATA}/x ${RUNAI_PROJECT}",
                "environmentVariables": [{"name": "DATA", "value": "/d"}],
            },
            (["run"], ["${DATA}/x", "${RUNAI_PROJECT}"]),
            "nothing sets ${RUNAI_PROJECT}",
        ),
        ({"command": "bash -c 'echo ${HOME}'"}, (["bash", "-c", "echo ${HOME}"], None), ""),
        ({"command": "echo 'open"}, (["echo 'open"], None), "could not be split into words"),
    ],
)
def test_commands(given: dict[str, Any], fields: tuple[Any, Any], said: str) -> None:
    """A string becomes words as a shell splits them; a variable that nobody sets is said, unless a shell reads it."""
    spec, notes = one(asset(**given))

    assert fields == (spec.get("command"), spec.get("args"))
    assert said in notes
    assert bool(said) == bool(notes.strip("; "))


@pytest.mark.parametrize(
    ("variable", "becomes", "said"),
    [
        ({"value": "1", "description": "what"}, {"value": "1", "description": "what"}, ""),
        ({"value": ""}, {"required": True}, ""),
        ({}, {"required": True}, ""),
        (
            {"credential": {"assetId": "c1", "key": "token"}},
            {"valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}},
            "",
        ),
        (
            {"credential": {"assetId": "c2", "key": "token"}},
            {"valueFrom": {"secretKeyRef": {"name": "c2", "key": "token"}}},
            "say --map c2=SECRET",
        ),
        ({"configMap": {"name": "m", "key": "k"}}, {"valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}}, ""),
        ({"secret": {"name": "s", "key": "k"}}, {"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}, ""),
        (
            {"userCredential": {"name": "s", "key": "k"}},
            {"required": True},
            "spec.environmentVariables[0]: each workload has to give the value",
        ),
        ({"credential": {"assetId": "c1"}}, {"required": True}, "spec.environmentVariables[0].credential was left out"),
        ({"podFieldRef": {"path": "metadata.name"}}, {"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}, ""),
        ({"value": "1", "exclude": True}, None, "exclude of variable A was not carried over"),
    ],
)
def test_variables(variable: dict[str, Any], becomes: dict[str, Any] | None, said: str) -> None:
    """Each source of a value is carried over; an empty value is for each workload to give."""
    spec, notes = one(asset(environmentVariables=[{"name": "A", **variable}]), c1="hub")

    assert ([{"name": "A", **becomes}] if becomes else None) == spec.get("env")
    assert said in notes


@pytest.mark.parametrize(
    ("connection", "becomes", "said"),
    [
        (
            port("jupyter-notebook", "ExternalUrl"),
            {"type": "JupyterNotebook", "containerPort": 8888, "connection": {"type": "ExternalURL"}},
            "",
        ),
        (
            port("rstudio", "ExternalUrl", externalUrlInfo={"isCustomUrl": True, "externalUrl": "https://x"}),
            {
                "type": "RStudio",
                "containerPort": 8888,
                "connection": {"type": "ExternalURL", "assign": "Custom", "url": "https://x"},
            },
            "",
        ),
        (
            port("custom", "NodePort", nodePortInfo={"isCustomPort": True}),
            {"type": "Custom", "containerPort": 8888, "connection": {"type": "NodePort", "assign": "Custom"}},
            "",
        ),
        (
            port("tensorboard", "LoadBalancer", 6006),
            {"type": "TensorBoard", "containerPort": 6006, "connection": {"type": "LoadBalancer"}},
            "",
        ),
        (
            {"name": "tool", "isExternal": True, "externalToolInfo": {"toolType": "wandb", "externalUrl": "https://w"}},
            {"type": "WeightsAndBiases", "connection": {"type": "ExternalURL", "url": "https://w"}},
            "",
        ),
        (port("unheard-of", "ExternalUrl"), None, "its tool, its port or its connection type is not known"),
        (
            port("mlflow", "ExternalUrl", externalUrlInfo={"externalUrl": "https://x"}),
            {"type": "MLflow", "containerPort": 8888, "connection": {"type": "ExternalURL"}},
            "its URL was left out",
        ),
    ],
)
def test_tools(connection: dict[str, Any], becomes: dict[str, Any] | None, said: str) -> None:
    """Tools inside and outside of the cluster are carried over with the way they are reached."""
    spec, notes = one(asset(connections=[connection]))

    assert ([{"name": "tool", **becomes}] if becomes else None) == spec.get("tools")
    assert said in notes


def test_tools_have_names_of_ports() -> None:
    """Names of tools become short enough for ports and stay apart."""
    given = [port("custom", "NodePort", number, "A Very Long Name Of A Tool") for number in (1, 2)]
    spec, notes = one(asset(connections=given))

    assert ["a-very-long-nam", "a-very-long-2"] == [tool["name"] for tool in spec["tools"]]
    assert 'became the tool "a-very-long-nam"' in notes


@pytest.mark.parametrize(
    ("given", "user", "said"),
    [
        ({}, None, ""),
        ({"uidGidSource": "fromTheImage"}, {"source": "Image"}, ""),
        ({"uidGidSource": "fromIdpToken"}, {"source": "IdPToken"}, ""),
        (
            {"uidGidSource": "custom", "runAsUid": 0, "runAsGid": 5, "supplementalGroups": "2, 3"},
            {"source": "Custom", "uid": 0, "gid": 5, "supplementalGroups": [2, 3]},
            "",
        ),
        ({"uidGidSource": "custom", "overrideUidGidInWorkspace": True}, {"source": "Custom"}, ""),
        ({"uidGidSource": "custom"}, None, "custom was left out"),
        ({"uidGidSource": "fromTheImage", "runAsUid": 7}, {"source": "Image"}, "spec.runAsUid was left out"),
    ],
)
def test_user(given: dict[str, Any], user: dict[str, Any] | None, said: str) -> None:
    """Who the process runs as is carried over; ids that mean nothing are left out and said."""
    spec, notes = one(asset(**given))

    assert user == spec.get("user")
    assert ("User" in spec.get("overridable", ())) == bool(given.get("overrideUidGidInWorkspace"))
    assert said in notes


def test_everything_else() -> None:
    """Security settings, probe and the plain fields are carried over; what is unknown is said."""
    probe = {"handler": {"httpGet": {"port": 80, "host": None}}, "periodSeconds": 5}
    spec, notes = one(
        asset(
            imagePullPolicy="Always", workingDir="/w", tty=True, createHomeDir=True, runAsNonRoot=False,
            capabilities=["KILL", "CAP_CHOWN", "FLY"], seccompProfileType="Unconfined", hostNetwork=True,
            probes={"readiness": probe}, novelty=1,
        )
    )  # fmt: skip

    assert ("Always", "/w", True, True, True) == tuple(
        spec[key] for key in ("imagePullPolicy", "workingDir", "stdin", "tty", "createHomeDir")
    )
    assert {
        "capabilities": ["KILL", "CHOWN"],
        "runAsNonRoot": False,
        "seccompProfile": {"type": "Unconfined"},
        "hostNetwork": True,
    } == spec["security"]
    assert {"httpGet": {"port": 80}, "periodSeconds": 5} == spec["readinessProbe"]
    assert "spec.novelty: not carried over" in notes
    assert "capability FLY" in notes


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"image": None}, "an Environment needs spec.image"),
        ({"image": "bad image"}, "spec.image"),
        ({"seccompProfileType": "Localhost"}, "names no profile"),
    ],
)
def test_what_cannot_work(given: dict[str, Any], said: str) -> None:
    """An asset without what an Environment needs is said to be so."""
    assert said in one(asset(**given))[1]


@given(st.text(max_size=300))
def test_any_name_becomes_a_name(text: str) -> None:
    """Any name becomes a valid one."""
    made = words.name(text)

    assert len(made) <= 63
    assert made == "" or (made.strip("-") == made and set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-"))


def test_the_result_is_a_spec() -> None:
    """What becomes of a full asset is what the models accept."""
    spec, notes = one(asset(connections=[port("jupyter-notebook", "ExternalUrl", name="lab")], command="a", args="b"))

    assert EnvironmentSpec.model_validate(spec)
    assert "" == notes.strip("; ")


@pytest.mark.parametrize(
    ("given", "stamp", "note"),
    [
        ({"lastUsedByWorkload": "2026-03-04T05:06:07.891Z"}, "2026-03-04T05:06:07Z", ""),
        ({"lastUsedByWorkload": "2026-03-04T05:06:07+02:00"}, "2026-03-04T03:06:07Z", ""),
        ({"lastUsedByWorkload": None}, None, ""),
        (None, None, ""),
        ({"lastUsedByWorkload": "never"}, None, 'usageTimes.lastUsedByWorkload: "never" is not a time'),
    ],
)
def test_last_use(given: object, stamp: str | None, note: str) -> None:
    """When an asset was used last is carried over, so that unused ones are still known after the move."""
    found = imported({**asset(), "usageTimes": given}, {})[0]

    assert stamp == (found.manifest["metadata"].get("annotations") or {}).get(names.LAST_USED)
    assert note in "; ".join(found.notes)
