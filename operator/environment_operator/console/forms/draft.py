"""What a person has written so far: a form and its YAML, which are two views of one object. Pure.

A page carries the object that its form and its YAML were made from. So it is known which of the two was changed, and
nothing is kept between requests.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from environment_operator.api import names
from environment_operator.cli.output import yaml_text
from environment_operator.console.forms.fields import Field
from environment_operator.console.forms.values import acted, filled

Object = dict[str, Any]
# What a page carries besides the fields of the form.
BASE, YAML, ACTION = "base", "yaml", "action"
# Buttons: the YAML becomes the form, the form the YAML; all others act on an item of a list.
FROM_YAML, FROM_FORM = "from-yaml", "from-form"
_NO_OBJECT = "write one Environment with apiVersion, kind, metadata and spec"


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person has written.

    Args:
        item: the Environment so far.
        yaml: it as YAML, or what was written instead.
        problem: why the YAML, or what was changed, cannot be used; empty when it can.
    """

    item: Object
    yaml: str
    problem: str = ""


def blank(name: str = "") -> Object:
    """Return an Environment of which nothing is decided."""
    spec: Object = {"scope": {}, "architecture": "Standard", "workloadTypes": [], "image": ""}
    return {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {"name": name}, "spec": spec}


def of(item: Object) -> Draft:
    """Return an Environment as a draft in which nothing was changed."""
    return Draft(item, yaml_text.write(item))


def received(form: Field, sent: Mapping[str, Sequence[str]]) -> Draft:
    """Return what was sent.

    Args:
        form: the form.
        sent: all that a page sent, by name.

    Raises:
        ValueError: it is not what a page sends.
    """
    base = read(_first(sent, BASE))
    verb, _, at = _first(sent, ACTION).partition(":")
    by_form, written = filled(form, base, sent), _first(sent, YAML)
    try:
        by_yaml = _read(written) if written and verb != FROM_FORM else base
    except ValueError as error:
        return Draft(by_form, written, f"The YAML cannot be read: {error}. Correct it.")
    in_yaml = json.dumps(by_yaml) != json.dumps(base)
    if in_yaml and verb != FROM_YAML and (at or by_form is not base):
        return Draft(by_form, written, "The form and the YAML were both changed. Take over one of them first.")
    return of(by_yaml if in_yaml else acted(form, by_form, verb, at) if at else by_form)


def read(carried: str) -> Object:
    """Return an Environment that a page carries.

    Raises:
        ValueError: it is not what a page carries.
        RecursionError: the same.
    """
    return _object(json.loads(carried))


def _read(written: str) -> Object:
    """Return the Environment in a text.

    Raises:
        ValueError: there is none, or there is something else.
    """
    found = yaml_text.read(written)
    return _object(found[0] if len(found) == 1 else None)


def _object(found: Any) -> Object:
    """Return what was read when it can be an Environment.

    Raises:
        ValueError: it cannot.
    """
    if not isinstance(found, dict) or found.get("kind") != names.KIND:
        raise ValueError(_NO_OBJECT)
    if not all(isinstance(found.get(key), dict) for key in ("metadata", "spec")):
        raise ValueError(_NO_OBJECT)
    return found


def _first(sent: Mapping[str, Sequence[str]], name: str) -> str:
    """Return the first value of a name, empty for none."""
    return next(iter(sent.get(name) or ()), "")
