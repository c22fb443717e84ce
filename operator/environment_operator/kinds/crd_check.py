"""What an installed CustomResourceDefinition says about a row of the kinds table. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from environment_operator.kinds.table import Kind, PodTemplate, Resource

Definition = Mapping[str, Any]
Schema = Mapping[str, Any]
_ANYTHING: Schema = {}


def version(row: Resource, definition: Definition) -> str:
    """Return the version in which the objects of a kind can be read, empty when they cannot.

    The first of the row's versions that is served; else any that is, since labels are the same in all of them. A
    definition whose names are taken by another one serves nothing, unless it did so before:
    https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/

    Args:
        row: the row.
        definition: the CustomResourceDefinition.
    """
    true = {c["type"] for c in (definition.get("status") or {}).get("conditions") or () if c["status"] == "True"}
    if not true & {"NamesAccepted", "Established"}:
        return ""
    served = [found["name"] for found in definition["spec"]["versions"] if found["served"]]
    return next((name for name in (row.version, *row.also, *served) if name in served), "")


def misfits(row: Resource, definition: Definition, version: str) -> list[str]:
    """Return what of a row does not go with the schema of its definition, each in words; a rough schema says nothing.

    Args:
        row: the row.
        definition: the CustomResourceDefinition.
        version: the version to check.
    """
    found = next(one for one in definition["spec"]["versions"] if one["name"] == version)
    root: Schema = (found.get("schema") or {}).get("openAPIV3Schema") or {}
    known = version in (row.version, *row.also)
    other = (
        [] if known else [f"it is served in version {version} only, in which users are counted and nothing is injected"]
    )
    templates = row.pod_templates if isinstance(row, Kind) else ()
    return [*other, *(words for template in templates for words in _template_misfits(root, template))]


def _template_misfits(root: Schema, template: PodTemplate) -> Iterator[str]:
    """Yield what of one pod template does not go with a schema."""
    where, node = "", root
    for key, field in template.steps:
        where, inner = f"{where}.{key}".lstrip("."), _below(node, key)
        if inner is None:
            yield f"there is no {where}"
            return
        if field and inner.get("type") not in (None, "array"):
            yield f"{where} is not a list"
            return
        node = inner.get("items", _ANYTHING) if field else inner
    if template.metadata:
        yield from _metadata_misfits(node, template, where)
    yield from _container_misfits(node, template, where)


def _metadata_misfits(node: Schema, template: PodTemplate, where: str) -> Iterator[str]:
    """Yield that labels and annotations of the pods are not kept where the row says that they are."""
    holder = node if template.metadata == "." else _below(node, "metadata")
    for key in ("labels", "annotations"):
        if holder is None or (_below(holder, key) is None and not holder.get("x-kubernetes-embedded-resource")):
            inner = ".".join(filter(None, (where, template.metadata.strip("."), key)))
            yield f"{inner} is dropped by its schema, leave the column metadata empty"


def _container_misfits(node: Schema, template: PodTemplate, where: str) -> Iterator[str]:
    """Yield that there is no place for containers."""
    pod = _below(node, template.spec) if template.spec else node
    if pod is None or all(_below(pod, key) is None for key in _keys(template)):
        yield f"{'.'.join(filter(None, (where, template.spec)))} has no field {' or '.join(_keys(template))}"


def _keys(template: PodTemplate) -> tuple[str, ...]:
    """Return the keys under which a container may stand."""
    return template.inline if template.optional else ("containers", *template.inline)


def _below(node: Schema, key: str) -> Schema | None:
    """Return the schema of a key, None when what is written there is dropped; a rough schema takes anything."""
    found: Schema | None = (node.get("properties") or {}).get(key)
    if found is not None:
        return found
    others = node.get("additionalProperties")
    takes_anything = node.get("x-kubernetes-preserve-unknown-fields") or others is True or not node
    return _ANYTHING if takes_anything else others or None
