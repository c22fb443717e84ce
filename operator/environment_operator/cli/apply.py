"""What commands write: Environments as their authors mean them, created and changed with the user's rights."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from environment_operator.api import names
from environment_operator.cli import files
from environment_operator.cli.client.connection import ENVIRONMENTS, JSON_PATCH, Connection
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.output import console
from environment_operator.kube.errors import ApiError

Object = dict[str, Any]
FULL_NAME = f"{names.KIND.lower()}.{names.GROUP}"
# Those that kubectl reads of a directory.
_SUFFIXES = (".json", ".yaml", ".yml")
# Not the author's: who created it, what kubectl applied last.
_NOT_THEIRS = (f"{names.GROUP}/", "kubectl.kubernetes.io/last-applied-configuration")


def manifest(name: str, spec: Object) -> Object:
    """Return an Environment as its author applies it."""
    head = {"apiVersion": names.API_VERSION, "kind": names.KIND}
    return {**head, "metadata": {"name": name}, "spec": spec}


def authored(environment: Object) -> Object:
    """Return the part of an Environment that is its author's: labels, annotations and spec."""
    out = manifest(environment["metadata"]["name"], environment["spec"])
    for field in ("labels", "annotations"):
        theirs = {k: v for k, v in (environment["metadata"].get(field) or {}).items() if not k.startswith(_NOT_THEIRS)}
        if theirs:
            out["metadata"][field] = theirs
    return out


def create(connection: Connection, wanted: Object, dry_run: str = "none") -> Object:
    """Create an Environment, or ask the API server what it would become, or do neither; return it.

    Args:
        connection: the API server.
        wanted: the Environment.
        dry_run: ``none``, ``server`` or ``client``, as in kubectl.
    """
    if dry_run == "client":
        return wanted
    with validated(connection):
        made = as_applied(connection, None, wanted)
    if dry_run == "server":
        return authored(made)
    with connection.hearing():
        return authored(connection.create(ENVIRONMENTS, wanted, fieldValidation="Strict"))


def as_applied(connection: Connection, before: Object | None, wanted: Object) -> Object:
    """Return what the API server would make of an Environment of a file; nothing is stored.

    Args:
        connection: the API server.
        before: the Environment as it is, None when there is none.
        wanted: that of the file.
    """
    query = {"dryRun": "All", "fieldValidation": "Strict"}
    if before is None:
        return connection.create(ENVIRONMENTS, wanted, **query)
    # What else is in the file is sent, too: the API server says what it does not know.
    meta = {**wanted["metadata"], **before["metadata"]}
    for field in ("labels", "annotations"):
        if wanted["metadata"].get(field):
            meta[field] = {**before["metadata"].get(field, {}), **wanted["metadata"][field]}
    body = {**wanted, "metadata": meta}
    return connection.replace(f"{ENVIRONMENTS}/{meta['name']}", body, **query)


class Overtaken(Problem):
    """The Environment was changed meanwhile."""


@contextmanager
def validated(connection: Connection) -> Iterator[None]:
    """Show the warnings of a dry run afterwards, unless they say that no workload could use the Environment.

    Raises:
        Problem: they do.
    """
    with connection.hearing() as said:
        yield
    for warning in said:
        if _is_unusable(warning):
            raise Problem(warning, Exit.REFUSED)
    for warning in said:
        console.warn(warning)


def _is_unusable(warning: str) -> bool:
    """Return whether a warning is that no workload could use an Environment."""
    from environment_operator.injection import messages

    return warning.startswith(messages.UNUSABLE)


def environments_first(found: Sequence[Object]) -> tuple[list[Object], list[Object]]:
    """Return the Environments among the objects of files, and the others."""
    ours = [each for each in found if each.get("kind") == names.KIND]
    return ours, [each for each in found if each.get("kind") != names.KIND]


def change(connection: Connection, before: Object, wanted: Object, *, dry_run: bool = False) -> Object:
    """Bring an Environment to what its author wants, if nobody else changed its spec in the meantime; return it.

    Args:
        connection: the API server.
        before: the Environment as it was read.
        wanted: its author's part as it is to be.
        dry_run: whether nothing is to be stored.

    Raises:
        Overtaken: it was changed meanwhile.
        Problem: it cannot be changed so.
    """
    patch = _steps(before, wanted)
    path = f"{ENVIRONMENTS}/{before['metadata']['name']}"
    try:
        with validated(connection):
            made = connection.patch(path, patch, JSON_PATCH, fieldValidation="Strict", dryRun="All")
        if dry_run:
            return made
        with connection.hearing():
            return connection.patch(path, patch, JSON_PATCH, fieldValidation="Strict")
    except ApiError as error:
        # The API server does not say that a test of the patch failed.
        if connection.get(path)["metadata"]["generation"] == before["metadata"]["generation"]:
            raise
        raise Overtaken("it was changed meanwhile. Run the command again.") from error


def _steps(before: Object, wanted: Object) -> list[Object]:
    """Return the JSON patch that changes what its author wants changed, unless its spec is another one by then.

    Raises:
        Problem: it cannot be changed so.
    """
    import jsonpatch

    old = authored(before)
    for field in ("apiVersion", "kind"):
        if wanted.get(field) != old[field]:
            raise Problem(f'{field}: "{old[field]}" cannot be changed. Restore it.')
    if mistake := _mistake(wanted):
        raise Problem(f"metadata: {mistake}")
    if wanted["metadata"].get("name") != old["metadata"]["name"]:
        raise Problem(f"metadata.name cannot be changed. Use kubectl environment copy {old['metadata']['name']} NEW.")
    steps = jsonpatch.make_patch(_with_maps(old), _with_maps(wanted)).patch
    known = {"op": "test", "path": "/metadata/generation", "value": before["metadata"]["generation"]}
    maps = [
        {"op": "add", "path": f"/metadata/{field}", "value": {}}
        for field in ("labels", "annotations")
        if not before["metadata"].get(field) and any(step["path"].startswith(f"/metadata/{field}/") for step in steps)
    ]
    return [known, *maps, *steps]


def report(name: str, done: str, form: str | None = None, made: Object | None = None) -> None:
    """Print what became of an Environment, as kubectl does, or print it."""
    if form in ("yaml", "json"):
        console.document(made, form)
    else:
        click.echo(f"{FULL_NAME}/{name}{'' if form == 'name' else f' {done}'}")


def objects(paths: Sequence[str]) -> list[Object]:
    """Return the objects in several files, and in those of directories; as `documents`."""
    return [each for path in paths for file in _files(path) for each in documents(file)]


def documents(path: str) -> list[Object]:
    """Return the objects in a YAML or JSON file, ``-`` for standard input.

    Raises:
        Problem: it cannot be read.
    """
    try:
        text = files.read(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, getattr(error, "strerror", None) or error) from error
    return parsed(text, path)


def parsed(text: str, path: str) -> list[Object]:
    """Return the objects in a text of YAML or JSON.

    Args:
        text: it.
        path: where it is from, for messages.

    Raises:
        Problem: it cannot be read.
    """
    from environment_operator.cli.output import yaml_text

    try:
        found = [each for document in yaml_text.read(text) for each in _listed(document)]
    except ValueError as error:
        raise _unreadable(path, error) from error
    mistake = (
        next(filter(None, map(_mistake, found)), "")
        if found
        else "there is no object in it. Write one with apiVersion, kind and metadata."
    )
    if mistake:
        raise Problem(f"{path}: {mistake}", Exit.USAGE)
    return found


def _unreadable(path: str, why: object) -> Problem:
    """Return that a file cannot be read."""
    return Problem(f"{path} cannot be read: {why}. Correct the file, or give another one.", Exit.USAGE)


def _files(path: str) -> list[str]:
    """Return a file alone, of a directory those that kubectl reads.

    Raises:
        Problem: a directory has none.
    """
    if not Path(path).is_dir():
        return [path]
    found = sorted(str(each) for each in Path(path).iterdir() if each.suffix in _SUFFIXES)
    if not found:
        raise Problem(
            f"{path}: there is no file with the suffix {' or '.join(_SUFFIXES)}. Give another directory.", Exit.USAGE
        )
    return found


def _listed(document: Any) -> list[Any]:
    """Return the objects of a list of kubectl or of the API server, else what was given."""
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list) or not str(document.get("kind")).endswith("List"):
        return [document]
    return [each for item in items for each in _listed(item)]


def _mistake(given: Any) -> str:
    """Return why something is no object with the metadata of one, empty when it is."""
    meta = given.get("metadata") if isinstance(given, dict) else None
    if not isinstance(meta, dict):
        return "one of its objects has no metadata. Add it."
    if not all(isinstance(meta.get(field), str | None) for field in ("name", "namespace")):
        return "metadata.name and metadata.namespace have to be strings. Write them in quotes."
    maps = [meta.get(field) or {} for field in ("labels", "annotations")]
    if not all(isinstance(each, dict) and all(map(_is_text, each.items())) for each in maps):
        return "labels and annotations have to be strings. Write numbers, dates, yes and no in quotes."
    return ""


def _is_text(item: tuple[Any, Any]) -> bool:
    """Return whether a label or annotation is one, with a value or none yet."""
    return isinstance(item[0], str) and isinstance(item[1], str | None)


def _with_maps(environment: Object) -> Object:
    """Return an Environment with its maps of metadata, though they may be empty, so that their keys are compared."""
    meta = environment["metadata"]
    maps = {field: meta.get(field) or {} for field in ("labels", "annotations")}
    return {**environment, "metadata": {**meta, **maps}}
