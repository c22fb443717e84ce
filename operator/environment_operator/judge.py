"""Whether an Environment that the API server accepted can work, and if not why not. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from environment_operator import images
from environment_operator.api.sizes import LARGEST
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.errors import Reason
from environment_operator.render import Fragment, canonical, port_conflict, render


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the Environment can work: the rendered fragment, or the reason why there is none."""

    spec: EnvironmentSpec | None = None
    fragment: Fragment | None = None
    stalled: tuple[Reason, str] | None = None


def judge(raw: Mapping[str, Any], *, replacement_exists: bool) -> Verdict:
    """Return whether a spec can work; the first reason why not, in the order in which an author would mend it."""
    try:
        spec = EnvironmentSpec.model_validate(raw)
    except ValidationError as error:
        return Verdict(stalled=(Reason.INVALID_SPEC, _spec_problem(error)))
    if why := images.problem(spec.image):
        return Verdict(spec, stalled=(Reason.INVALID_IMAGE, f"spec.image {spec.image!r} cannot be pulled: {why}"))
    if why := port_conflict(spec):
        return Verdict(spec, stalled=(Reason.PORT_CONFLICT, f"spec.tools: {why}"))
    if spec.deprecated and spec.deprecated.replaced_by and not replacement_exists:
        name = spec.deprecated.replaced_by
        message = f"spec.deprecated.replacedBy names {name!r}, which does not exist: create it or name another one"
        return Verdict(spec, stalled=(Reason.UNKNOWN_REPLACEMENT, message))
    fragment = render(spec)
    if (size := len(canonical(fragment))) > LARGEST:
        message = (
            f"what it puts into a pod has {size} bytes, at most {LARGEST} are allowed: shorten env, command or args"
        )
        return Verdict(spec, stalled=(Reason.TOO_LARGE, message))
    return Verdict(spec, fragment)


def _spec_problem(error: ValidationError) -> str:
    """Return the first thing that the models do not accept, with the field."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = ".".join(map(str, ("spec", *first["loc"])))
    return f"{path}: {first['msg']}; is the operator older than the CustomResourceDefinition?"
