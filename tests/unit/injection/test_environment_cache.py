"""The Environments as admission sees them, reconciled or not."""

from collections.abc import Callable

import pytest

from builders import spec
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.injection.environment_cache import Catalog
from environment_operator.kube.objects import Metadata, Whole, WholeEvent
from environment_operator.spec.fragment import fragment_hash, render


def whole(name: str, generation: int = 1, deleted: str = "", **fields: object) -> Whole:
    """Return an Environment as the informer has it."""
    return Whole(name=name, generation=generation, deletionTimestamp=deleted, spec=spec(**fields))


def test_found() -> None:
    """What is found is rendered from the spec, as the status will say."""
    catalog = Catalog()
    catalog.put(whole("a", 3))
    found, wanted = catalog.find("a"), render(EnvironmentSpec.model_validate(spec()))
    assert found is not None
    assert ("a", 3, wanted, fragment_hash(wanted), "") == (
        found.name, found.generation, found.fragment, found.hash, found.problem,
    )  # fmt: skip
    assert None is catalog.find("b")


def test_changed_and_gone() -> None:
    """A change is seen at once, a deletion too, and so is what a list no longer has."""
    catalog = Catalog()
    for name in "abc":
        catalog.put(whole(name))
        catalog.find(name)
    catalog.put(whole("a", 2, image="registry.example/other:1"))
    catalog.delete(Metadata(name="b"))
    found = catalog.find("a")
    assert found is not None
    assert "registry.example/other:1" == found.fragment["containers"][0]["image"]
    catalog.resync({("", "a")})
    assert [True, False, False] == [name in catalog for name in "abc"]
    assert [None, None] == [catalog.find(name) for name in "bc"]


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        (whole("a", image=f"registry.example/{'a' * 250}"), "InvalidImage"),
        (whole("a", architecture="Round"), "InvalidSpec"),
        (whole("a", deleted="2026-01-01T00:00:00Z"), "being deleted"),
    ],
)
def test_problems(item: Whole, problem: str) -> None:
    """An Environment that cannot work, or goes, says why new references are refused."""
    catalog = Catalog()
    catalog.put(item)
    found = catalog.find("a")
    assert found is not None
    assert problem in found.problem


def test_replacement() -> None:
    """An Environment whose replacement does not exist cannot be used until it does."""
    catalog = Catalog()
    catalog.put(whole("a", deprecated={"message": "old", "replacedBy": "b"}))
    problems = []
    steps: tuple[Callable[[], object], ...] = (
        lambda: None,
        lambda: catalog.put(whole("b")),
        lambda: catalog.delete(Metadata(name="b")),
    )
    for step in steps:
        step()
        found = catalog.find("a")
        assert found is not None
        problems.append(bool(found.problem))
    assert [True, False, True] == problems


def test_few_are_kept_rendered() -> None:
    """Only so many are kept rendered; the others are rendered again."""
    catalog = Catalog(decoded=2)
    for name in "abc":
        catalog.put(whole(name))
    first = catalog.find("a")
    assert first is catalog.find("a")
    catalog.find("b")
    catalog.find("c")
    assert first is not catalog.find("a")
    assert first == catalog.find("a")


def test_metadata_alone() -> None:
    """A mirror of metadata alone is a mistake that is not overlooked."""
    with pytest.raises(TypeError):
        Catalog().put(Metadata(name="a"))


def test_line_of_a_watch() -> None:
    """A whole object of a watch comes with its spec; a bookmark has none."""
    line = b'{"type":"ADDED","object":{"metadata":{"name":"a","generation":2},"spec":{"image":"x"},"status":{"a":1}}}'
    assert {"image": "x"} == WholeEvent.model_validate_json(line).object.metadata.spec
    bookmark = b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"},"spec":{}}}'
    assert "7" == WholeEvent.model_validate_json(bookmark).object.metadata.resource_version


def test_end_of_a_watch() -> None:
    """The Status in which a watch ends is read like any event; its status is a text."""
    line = '{"type": "ERROR", "object": {"kind": "Status", "status": "Failure", "code": 410, "message": "too old"}}'
    event = WholeEvent.model_validate_json(line)
    assert ("ERROR", 410, "too old") == (event.type, event.object.code, event.object.message)


def test_read_with_another_spec() -> None:
    """What was read is taken from memory only when it has the spec that is known of its generation, now or before."""
    catalog, before, now = Catalog(), spec(), spec(image="registry.example/other:1")
    catalog.put(whole("a", 1))
    catalog.put(whole("a", 2, image="registry.example/other:1"))

    assert catalog.find("a") is catalog.as_of("a", 2, now)
    assert catalog.as_of("a", 1) == catalog.as_of("a", 1, before)
    assert [None] * 4 == [
        catalog.as_of("a", 2, now | {"fromTheFuture": "x"}),
        catalog.as_of("a", 1, now),
        catalog.as_of("a", 3, now),
        catalog.as_of("b", 1, before),
    ]
