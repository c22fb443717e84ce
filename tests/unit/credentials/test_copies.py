"""Registry credentials: what a Secret says, which image it is for, and what there is to do in a project."""

import json
from base64 import b64encode
from typing import Any

import pytest

from environment_operator.api import names
from environment_operator.api.v1alpha1 import Scope
from environment_operator.credentials import copies
from environment_operator.credentials.copies import Copy, Source, Steps
from environment_operator.kube.objects import Metadata, Whole, WholeEvent

SYSTEM = names.SYSTEM_NAMESPACE
HERE, THERE, OURS = Scope(projects=["vision"]), Scope(projects=["speech"]), Scope(departments=["imaging"])


def stored(auths: Any, scope: str = '{"cluster": true}', kind: str = copies.TYPE) -> Whole:
    """Return a Secret of the operator's namespace as it is read."""
    data = b64encode(json.dumps({"auths": auths}).encode()).decode()
    raw = {
        "name": "hub", "namespace": SYSTEM, "uid": "u", "resourceVersion": "7", "annotations": {names.SCOPE: scope},
    }  # fmt: skip
    return Whole.model_validate({**raw, "type": kind, "data": {copies.KEY: data}})


def made(name: str = "hub", mark: str = "m", scope: Scope | None = HERE, problem: str = "") -> Source:
    """Return credentials for a project."""
    return Source(name, mark, scope, ("r.example",), "cGF5", problem)


@pytest.mark.parametrize(
    ("key", "image", "expected"),
    [
        ("r.example", "r.example/a/b:1", True),
        ("https://r.example", "r.example/a", True),
        ("http://r.example/v1/", "r.example/a", True),
        ("r.example/v2/team", "r.example/team/a", True),
        ("r.example/team", "r.example/team/a@sha256:" + "0" * 64, True),
        ("r.example/team", "r.example/other/a", False),
        ("r.example", "other.example/a", False),
        ("r.example", "r.example:5000/a", False),
        ("r.example:5000", "r.example:5000/a", True),
        ("localhost:5000", "localhost:5000/a", True),
        ("*.example", "r.example/a", True),
        ("*.example", "a.r.example/a", False),
        ("r*.example", "r-1.example/a", True),
        ("r[12].example", "r1.example/a", False),
        ("[fe80::1]:5000", "[fe80::1]:5000/a", True),
        ("https://index.docker.io/v1/", "busybox", True),
        ("https://index.docker.io/v1/", "team/a:1", True),
        ("docker.io", "docker.io/team/a", True),
        ("docker.io/team", "team/a", True),
        ("docker.io/team", "busybox", False),
        ("https://index.docker.io/v1/", "r.example/a", False),
        ("r.example", "No Image", False),
        ("robot:password@r.example", "r.example/a", True),
        ("https://[broken", "r.example/a", False),
    ],
)
def test_which_image_they_are_for(key: str, image: str, expected: bool) -> None:
    """Credentials serve the images for which kubelet would use them."""
    found = copies.source(stored({key: {"auth": "x"}}))

    assert expected == found.serves(image)


@pytest.mark.parametrize(
    ("auths", "scope", "kind", "expected"),
    [
        ({"r.example": {}}, "", copies.TYPE, "annotation environments.dev/scope is missing"),
        ({"r.example": {}}, '{"projects": []}', copies.TYPE, "projects: List should have at least 1 item"),
        ({"r.example": {}}, '{"cluster": true, "projects": ["a"]}', copies.TYPE, "has to name either"),
        ({"r.example": {}}, '{"projects": ["No"]}', copies.TYPE, "projects.0: Write small letters"),
        ({}, '{"cluster": true}', copies.TYPE, "no registry in auths"),
        (None, '{"cluster": true}', copies.TYPE, "no registry in auths"),
        ([1], '{"cluster": true}', copies.TYPE, "no registry in auths"),
        ({"r.example": {}}, '{"cluster": true}', "Opaque", 'type: "Opaque" is not kubernetes.io/dockerconfigjson.'),
    ],
)
def test_what_cannot_be_published(auths: Any, scope: str, kind: str, expected: str) -> None:
    """What cannot be published says why, and for whom it would be is never guessed."""
    found = copies.source(stored(auths, scope, kind))

    assert expected in found.problem
    assert kind != copies.TYPE or "auths" in found.problem or not found.is_for("a", None)


def test_an_answer_that_is_none() -> None:
    """When an answer of the API server with a Secret in it cannot be read, the error does not show the Secret."""
    with pytest.raises(ValueError, match="validation error") as caught:
        WholeEvent.model_validate_json('{"type": "ADDED", "object": {"type": 1, "data": {"a": "sesame"}}}')

    assert "sesame" not in str(caught.value)
    assert "cGF5" not in repr(made())
    assert "sesame" not in repr(Whole(data={"a": "sesame"}))


@pytest.mark.parametrize(
    ("namespace", "labels", "mark", "expected"),
    [
        ("vision", {names.PUBLISHED_TO: "vision"}, f"{SYSTEM}/hub u 7", True),
        ("other", {names.PUBLISHED_TO: "vision"}, f"{SYSTEM}/hub u 7", False),
        ("vision", {}, f"{SYSTEM}/hub u 7", False),
        ("vision", {names.PUBLISHED_TO: "vision"}, f"{SYSTEM}/hub2 u 7", False),
        ("vision", {names.PUBLISHED_TO: "vision"}, "", False),
    ],
)
def test_whose_a_secret_is(namespace: str, labels: dict[str, str], mark: str, expected: bool) -> None:
    """A copy says of whom and for which project it is; what does not say both truly is the project's own."""
    item = {"name": "hub", "namespace": namespace, "labels": labels, "annotations": {names.PUBLISHED_FROM: mark}}

    assert expected == (copies.copy(Metadata.model_validate(item)) is not None)


OLD, NEW = Copy("c", "1", "old"), Copy("c", "2", "m")


@pytest.mark.parametrize(
    ("sources", "there", "written", "expected"),
    [
        ([made()], {}, {}, Steps(create=(made(),))),
        ([made()], {"hub": NEW}, {"hub": NEW}, Steps()),
        ([made()], {"hub": NEW}, {}, Steps(update=((made(), NEW),))),
        ([made()], {"hub": Copy("c", "3", "m")}, {"hub": NEW}, Steps(update=((made(), Copy("c", "3", "m")),))),
        ([made()], {"hub": OLD}, {"hub": OLD}, Steps(update=((made(), OLD),))),
        ([made()], {"hub": None}, {}, Steps(taken=("hub",))),
        ([], {"hub": NEW, "own": None}, {"hub": NEW}, Steps(withdraw=(("hub", NEW),))),
        ([made(scope=THERE)], {"hub": NEW}, {}, Steps(withdraw=(("hub", NEW),))),
        ([made(scope=OURS)], {}, {}, Steps(create=(made(scope=OURS),))),
        ([made(problem="no")], {"hub": OLD}, {}, Steps()),
        ([made(problem="no")], {}, {}, Steps()),
        ([made(scope=None, problem="no")], {"own": None}, {}, Steps()),
    ],
)  # fmt: skip
def test_what_there_is_to_do(
    sources: list[Source], there: dict[str, Any], written: dict[str, Any], expected: Steps
) -> None:
    """What is lacking is created, what changed is brought into step, what is nobody's is withdrawn, the rest stays."""
    by_name = {s.name: s for s in sources}

    assert expected == copies.steps("vision", "imaging", by_name, there, written)


def test_due() -> None:
    """A project is due what is for it and can be read, in the order of the names; values are kept only if needed."""
    known = copies.Sources()
    for name, scope in (("b", '{"cluster": true}'), ("a", '{"projects": ["vision"]}'), ("c", "")):
        item = stored({"r.example": {}}, scope)
        item.name = name
        known.put(item)

    assert ["a", "b"] == [s.name for s in known.due("vision", None)]
    assert ["b"] == [s.name for s in known.due("speech", None)]
    assert [""] == list({s.payload for s in known.by_name.values()})
