"""The default Environment of a project: for a new workload that names none, where that fits. Pure."""

from environment_operator.admission.review import Answer, Request, Table, answer, row
from environment_operator.api import names
from environment_operator.injection import messages
from environment_operator.injection.context import Outcome, RequestContext
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve

CALL = "default"


def referring(request: Request, name: str) -> Request:
    """Return a request as if its workload referred to an Environment."""
    new = request.new or {}
    meta = new.get("metadata") or {}
    labels = {**(meta.get("labels") or {}), names.REFERENCE: name}
    return request.model_copy(update={"new": {**new, "metadata": {**meta, "labels": labels}}})


def defaulted(request: Request, name: str, table: Table, around: RequestContext) -> Answer:
    """Return the answer that a workload refers to the default Environment of its project, where that fits.

    Where it does not the workload is left alone, with the reason as a warning. An empty name is none.
    """
    kind = row(request, table) if name and request.new else None
    if kind is None:
        return answer(request, Outcome(request.new), allowed=True)
    with_label = referring(request, name)
    outcome = admit(kind, with_label.new or {}, None, around)
    if refusal := outcome.refusal or approve(kind, outcome.workload or {}, None, around).refusal:
        why = messages.no_default(request.namespace, name, refusal)
        return answer(request, Outcome(request.new, warnings=(why,)))
    return answer(request, Outcome(with_label.new))
