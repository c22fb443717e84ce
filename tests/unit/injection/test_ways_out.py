"""No refusal names a way out that is refused in turn."""

import copy
from typing import Any

import pytest

from builders import around, published
from environment_operator.injection.context import RequestContext
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve
from environment_operator.kinds.table import BUILTIN
from environment_operator.kinds.third_party import ROWS
from messages.stage import changed
from ways_out import REFUSED, Refused

Object = dict[str, Any]


TABLE = {(row.group, row.kind): row for row in (*BUILTIN, *ROWS)}


def outcome(new: Object, old: Object | None, known: RequestContext) -> tuple[Object | None, str]:
    """Return what is stored of a request after both webhooks, and why it is refused."""
    kind = TABLE[new["apiVersion"].rpartition("/")[0], new["kind"]]
    first = admit(kind, copy.deepcopy(new), old, known)
    last = first if first.workload is None else approve(kind, first.workload, old, known)
    return last.workload, last.refusal


def answer(case: Refused, new: Object, fields: Object, *, again: bool = False) -> str:
    """Return why a workload is refused with an Environment of some fields, empty when it passes."""
    old = None
    if case.before is not None and not again:
        was = case.fields if case.was is None else case.was
        old, why = outcome(case.before, None, around(published("jupyter", **was), **case.known))
        assert old is not None, why
    generation = 1 if case.was is None else 2
    return outcome(new, old, around(published("jupyter", generation=generation, **fields), **case.known))[1]


@pytest.mark.parametrize("situation", REFUSED)
def test_every_way_out_leads_out(situation: str) -> None:
    """Whoever does what the message says has the request accepted."""
    case = REFUSED[situation]

    assert "" != answer(case, case.new, case.fields)
    for change in case.changes:
        assert "" == answer(case, changed(case.new, change), case.fields)
    for fields in case.others:
        assert "" == answer(case, case.new, fields)
    assert not case.again or "" == answer(case, case.new, case.fields, again=True)
    assert case.changes or case.others or case.again
