"""What admission would do, without asking it: by the same functions. Pure."""

from collections.abc import Iterable
from typing import Any

from environment_operator.api import names
from environment_operator.injection.context import Outcome, Project, Published, RequestContext
from environment_operator.injection.environment_cache import publish
from environment_operator.injection.identity import Ids
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve
from environment_operator.kinds.table import Kind
from environment_operator.kube.objects import invalid_fragment
from environment_operator.spec import images

Object = dict[str, Any]
TOKEN = "workload"  # noqa: S105 - a name in the place of the one that is drawn at admission


def published(environment: Object, others: Iterable[str] = ()) -> Published:
    """Return an Environment as admission knows it, one that is malformed with what is wrong about it.

    Args:
        environment: the Environment, of the API server or of a file.
        others: names of further Environments that exist.
    """
    meta = environment["metadata"]
    known = frozenset(others)
    terminating = bool(meta.get("deletionTimestamp"))
    generation, spec = meta.get("generation"), environment.get("spec")
    return publish(
        meta.get("name") or "",
        generation if isinstance(generation, int) else 1,
        spec if isinstance(spec, dict) else {},
        lambda each: isinstance(each, str) and each in known,
        terminating=terminating,
        invalid=invalid_fragment(environment.get("status") or {}, generation) if isinstance(generation, int) else "",
        mirrors=_mirrors(environment),
    )


def _mirrors(environment: Object) -> dict[str, str]:
    """Return from where the cluster pulls the image of an Environment, where its status says so."""
    found = (environment.get("status") or {}).get("image") or {}
    pulled = images.parse(found.get("pulled", ""))
    return {images.repository(found["declared"]): pulled.name} if pulled else {}


def referring(workload: Object, name: str) -> Object:
    """Return a workload that refers to an Environment; it is not changed.

    Args:
        workload: it.
        name: name of the Environment.
    """
    labels = {**(workload["metadata"].get("labels") or {}), names.REFERENCE: name}
    return {**workload, "metadata": {**workload["metadata"], "labels": labels}}


def admitted(
    kind: Kind, workload: Object, environments: Iterable[Published], project: Project, ids: Ids | None = None
) -> Outcome:
    """Return what becomes of a workload that is created, or why it is refused.

    Args:
        kind: its row in the kinds table.
        workload: it, as it would be sent.
        environments: those that it refers to.
        project: where it would be created.
        ids: the ids of the person who would create it.
    """
    known = {each.name: each for each in environments}
    around = RequestContext(
        find=known.get,
        as_of=lambda name, _: known.get(name),
        token=TOKEN,
        project=project,
        user="you",
        ids=ids or Ids(),
        known=known,
    )
    outcome = admit(kind, workload, None, around)
    if outcome.workload is None:
        return outcome
    validated = approve(kind, outcome.workload, None, around)
    return Outcome(validated.workload, validated.refusal, outcome.warnings)
