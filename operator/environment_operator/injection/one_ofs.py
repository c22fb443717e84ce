"""Of two members of a one-of, the one that is as it was injected goes. Pure.

A client that applies what it wants later knows nothing of the member that admission injected, so the API server has
both and refuses them. At creation the submitter's alone would be there.
"""

from collections.abc import Iterator
from typing import Any

from environment_operator.injection.merge import Record, Template
from environment_operator.kinds.paths import Index, Path, get, remove

# https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/: of these, one may be given.
_SOURCES = frozenset({"configMapKeyRef", "fieldRef", "fileKeyRef", "resourceFieldRef", "secretKeyRef"})
_HANDLERS = frozenset({"exec", "grpc", "httpGet", "tcpSocket"})
_VALUES = frozenset({"value", "valueFrom"})
# And this may be given with one type alone.
_PROFILE = "localhostProfile"


def settled(template: Template, record: Record, before: Template) -> Template:
    """Return a pod template without the members of one-ofs that were injected, next to which there is another now.

    Args:
        template: the pod template as requested; it is not changed.
        record: what was injected.
        before: the stored pod template.
    """
    now, then = Index(), Index()
    both = ((path, get(template, path, now), get(before, path, then)) for path in record.put)
    found = [(path, member) for path, *values in both for member in _superseded(path, *values)]
    out, index = {**template}, Index()
    for path, member in found:
        remove(out, (*path, *member), index)
    return out


def _superseded(path: Path, now: Any, then: Any) -> Iterator[Path]:
    """Yield the keys, below a path, of each member that is as it was injected and has another one next to it."""
    if not isinstance(now, dict) or not isinstance(then, dict) or now == then:
        return
    if path[-2] == "env":
        yield from _outdone(now, then, _VALUES)
        sources = (now.get("valueFrom"), then.get("valueFrom"))
        yield from (("valueFrom", *member) for member in _outdone(*sources, _SOURCES))
    elif path[-2] == "volumes":
        yield from _outdone(now, then, frozenset({*now, *then} - {"name"}))
    elif path[-1] == "readinessProbe":
        yield from _outdone(now, then, _HANDLERS)
    elif (
        path[-1] == "seccompProfile" and now.get("type") != then.get("type") and now.get(_PROFILE) == then.get(_PROFILE)
    ):
        yield from ((_PROFILE,) for _ in now.keys() & {_PROFILE})


def _outdone(now: Any, then: Any, members: frozenset[str]) -> Iterator[Path]:
    """Yield each member that is in both and the same, where there is one now that was not there before."""
    if isinstance(now, dict) and isinstance(then, dict) and members & now.keys() - then.keys():
        yield from ((key,) for key in members & now.keys() & then.keys() if now[key] == then[key])
