"""Who created an Environment, while the webhook that fills it in is away: nobody says it falsely."""

import json

import pytest

from cluster import Cluster
from cluster.rest import Reply, Rest
from environment_operator.api import names
from people import (
    ADMIN,
    ENVIRONMENTS,
    PLURAL,
    Object,
    Person,
    at,
    bind,
    create,
    environment,
    manifest,
    refusal,
    refuses,
    sent,
    unique,
)

pytestmark = pytest.mark.usefixtures("operator_down")

SCOPE = {"cluster": True}
FORGED = "somebody-else"


@pytest.fixture(scope="module")
def author(cluster: Cluster, rest: Rest) -> Person:
    """Return somebody who may publish everything."""
    person = Person(cluster, unique("author"))
    create(rest, bind(person, ADMIN))
    person.await_right("create", PLURAL)
    return person


def made(by: Person, creator: str | None) -> Reply:
    """Create an Environment that names its creator, or nobody."""
    notes = {} if creator is None else {"annotations": {names.CREATED_BY: creator}}
    return by.rest.create(ENVIRONMENTS, environment(unique("env"), SCOPE, **notes))


def stored(author: Person, creator: str | None) -> str:
    """Return the name of an Environment of the author, which names him or nobody."""
    name: str = sent(made(author, creator))["metadata"]["name"]
    return name


def creator_of(rest: Rest, name: str) -> str | None:
    """Return who created an Environment, as it says itself."""
    notes: dict[str, str] = sent(rest.get(at(name)))["metadata"].get("annotations", {})
    return notes.get(names.CREATED_BY)


@pytest.mark.parametrize("value", [FORGED, "", "admin", names.OPERATOR_USER])
def test_forged_at_creation(author: Person, value: str) -> None:
    """Somebody else's name is refused, and the refusal says whose it should be."""
    answer = made(author, value)

    expected = f'who created the Environment, that is "{author.name}", not "{value}". Remove it.'
    assert refuses(answer, expected), answer


def test_own_name_at_creation(author: Person, rest: Rest) -> None:
    """One's own name passes, as the webhook writes it."""
    assert author.name == creator_of(rest, stored(author, author.name))


def test_no_name_at_creation(author: Person, rest: Rest) -> None:
    """No name at all passes."""
    assert None is creator_of(rest, stored(author, None))


def _annotated(value: str | None) -> Object:
    """Return the patch that sets the annotation."""
    return {"metadata": {"annotations": {names.CREATED_BY: value}}}


@pytest.mark.parametrize("kind", ["merge", "json", "apply", "replace"])
def test_changed(author: Person, rest: Rest, kind: str) -> None:
    """No update names another creator, however it is sent, not even an administrator's."""
    name = stored(author, author.name)
    key = names.CREATED_BY.replace("/", "~1")
    whole = sent(rest.get(at(name)))
    whole["metadata"]["annotations"] = {names.CREATED_BY: FORGED}
    forged = environment(name, SCOPE, annotations={names.CREATED_BY: FORGED})
    ways = {
        "merge": lambda: rest.patch(at(name), _annotated(FORGED)),
        "json": lambda: rest.patch(
            at(name), [{"op": "replace", "path": f"/metadata/annotations/{key}", "value": FORGED}], "json"
        ),
        "apply": lambda: rest.patch(f"{at(name)}?fieldManager=x&force=true", forged, "apply"),
        "replace": lambda: rest.replace(at(name), whole),
    }

    answer = ways[kind]()

    assert refuses(answer, f'it was "{author.name}", not "{FORGED}". Remove it.'), answer
    assert author.name == creator_of(rest, name)


@pytest.mark.parametrize("who", ["author", "operator"])
def test_added(cluster: Cluster, author: Person, who: str) -> None:
    """Where nobody was named nobody can be added, not even oneself, and not by the operator."""
    name = stored(author, None)
    people = {"author": author, "operator": Person(cluster, names.OPERATOR_USER, ("system:masters",))}

    answer = people[who].rest.patch(at(name), _annotated(people[who].name))

    said = {
        "author": f'for this one nobody is known, not "{people["author"].name}"',
        "operator": "ValidatingAdmissionPolicy 'environments.dev-",
    }
    assert refuses(answer, said[who]), answer


def test_dropped(author: Person, rest: Rest) -> None:
    """The annotation may be dropped."""
    name = stored(author, author.name)

    assert None is refusal(rest.patch(at(name), _annotated(None)))
    assert None is creator_of(rest, name)


@pytest.mark.parametrize("named", [True, False])
def test_get_and_replace(cluster: Cluster, author: Person, rest: Rest, *, named: bool) -> None:
    """What ``kubectl get`` printed can be sent back with ``kubectl replace``, by anybody who may write it."""
    name = stored(author, author.name if named else None)
    printed = json.loads(cluster.kubectl("get", PLURAL, name, "-o", "json").stdout)
    printed["spec"]["image"] = "example/a:2"

    cluster.kubectl("replace", "-f", "-", input=json.dumps(printed))

    assert (author.name if named else None) == creator_of(rest, name)
    assert "example/a:2" == sent(rest.get(at(name)))["spec"]["image"]


@pytest.mark.parametrize("command", [("apply",), ("apply", "--server-side", "--force-conflicts"), ("replace",)])
def test_manifest(cluster: Cluster, author: Person, command: tuple[str, ...]) -> None:
    """A manifest that says nothing of the creator can be sent by others."""
    name = stored(author, author.name)

    cluster.kubectl(*command, "-f", "-", input=manifest(environment(name, SCOPE, labels={"a": "b"})))


def test_other_annotations(author: Person, rest: Rest) -> None:
    """Other annotations are nobody's creator."""
    name = stored(author, author.name)

    assert None is refusal(rest.patch(at(name), {"metadata": {"annotations": {"note": FORGED}}}))


def test_status(author: Person, rest: Rest) -> None:
    """Through the status nothing is said of the creator."""
    name = stored(author, author.name)
    sent(rest.patch(f"{at(name)}/status", {**_annotated(FORGED), "status": {"scope": "cluster"}}))

    assert author.name == creator_of(rest, name)
