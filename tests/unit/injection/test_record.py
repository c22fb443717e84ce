"""The record as text: what several pod templates have stands in it once, and anything else in it counts as absent."""

import copy
import json
from typing import Any

import pytest

from builders import around, published
from environment_operator.api import names, references
from environment_operator.injection import record
from environment_operator.injection.mutate import admit
from environment_operator.injection.record import Entry
from third_party import row_of, user

WORKFLOW = row_of("workflow")


def workflow(templates: int) -> dict[str, Any]:
    """Return a Workflow with so many templates that are alike."""
    made = user("workflow", "w", "team", "e")
    one = next(each for each in made["spec"]["templates"] if "container" in each)
    made["spec"]["templates"] = [{**copy.deepcopy(one), "name": f"t{number}"} for number in range(templates)]
    return made


def injected(templates: int) -> dict[str, Any]:
    """Return a Workflow with an Environment in each of its templates."""
    outcome = admit(WORKFLOW, workflow(templates), None, around(published(env=[{"name": "A", "value": "1"}])))
    assert outcome.workload is not None, outcome.refusal
    return outcome.workload


def test_once() -> None:
    """Two hundred templates that are alike have one entry; each more costs its name."""
    one, many = (injected(number)["metadata"]["annotations"][names.RECORD] for number in (1, 200))
    found = record.entries(injected(200))

    assert len(many) < len(one) + 200 * len('"spec/templates/t000":"spec/templates/t0",')
    assert {f"spec/templates/t{number}" for number in range(200)} == set(found)
    assert [found["spec/templates/t0"]] * 200 == list(found.values())


def test_counted() -> None:
    """A workload whose templates share an entry counts as a user of the Environment, with the hash that it has."""
    made = injected(3)
    entry = record.entries(made)["spec/templates/t0"]

    assert {"e": entry.hash} == references.used(
        made["metadata"]["labels"], made["metadata"]["annotations"][names.RECORD]
    )


def test_each_while_they_are_few() -> None:
    """A record that is short has an entry for each template, as operators read it that know no shared entries."""
    found = json.loads(injected(4)["metadata"]["annotations"][names.RECORD])

    assert {"spec/templates/t0", "spec/templates/t1", "spec/templates/t2", "spec/templates/t3"} == set(found)
    assert [found["spec/templates/t0"]] * 4 == list(found.values())
    assert "e" == found["spec/templates/t3"]["env"]


def test_as_before() -> None:
    """A record in which each template has its own entry, as earlier versions wrote it, is read as the same."""
    made = injected(200)
    now = record.entries(made)
    each = {key: entry.as_json() for key, entry in now.items()}
    made["metadata"]["annotations"][names.RECORD] = json.dumps(each)

    assert now == record.entries(made)


@pytest.mark.parametrize(
    "raw", ['{"a":"a"}', '{"a":"b","b":"a"}', '{"a":"b"}', '{"a":"b","b":"c","c":1}', '{"a":[]}', '["a"]', '"a"', "1"]
)
def test_names_that_lead_nowhere(raw: str) -> None:
    """A name that leads to no entry, or only to another name, counts as absent."""
    expected: dict[str, Entry] = {}

    assert expected == record.entries({"metadata": {"annotations": {names.RECORD: raw}}})
