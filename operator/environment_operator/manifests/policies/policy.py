"""A policy as data: what it matches, when it applies, what must hold; and the CEL that policies share."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from environment_operator.api import names
from environment_operator.manifests.match_conditions import MOST

# null, which `object` is on DELETE and `oldObject` on CREATE, becomes an empty optional.
NEW = "optional.ofNonZeroValue(object)"
OLD = "optional.ofNonZeroValue(oldObject)"
USERNAME = "request.userInfo.username"
SPEC_CHANGES = f"{NEW}.?spec != {OLD}.?spec"


def override(side: str) -> str:
    """Return the optional value of the annotation that allows deletion in use."""
    return f"{side}.?metadata.?annotations[?'{names.ALLOW_DELETE_IN_USE}']"


def entries_differ(place: str, ours: str) -> str:
    """Return whether, of a map at a place given as optional selections, an entry whose key meets ``ours`` has changed.

    Each map is read once; one of more entries than an object with a reference may have is compared as a whole.
    """
    return f"""[[object, oldObject].map(o, optional.ofNonZeroValue(o){place}.orValue({{}}))
.map(m, m.size() <= {MOST} ? dyn(m.transformMap(k, v, {ours}, v)) : dyn(m))].exists(p, p[0] != p[1])"""


def allowed(verb: str, resource: str, narrowed: str = "") -> str:
    """Return whether the submitter has a verb, such as ``narrowed`` by namespace or name."""
    return f"authorizer.group('{names.GROUP}').resource('{resource}'){narrowed}.check('{verb}').allowed()"


@dataclass(frozen=True, slots=True)
class Rule:
    """Resources of one API group, in some versions or in all of them, in namespaces or wherever they are."""

    group: str
    versions: tuple[str, ...]
    resources: tuple[str, ...]
    scope: Literal["*", "Namespaced"] = "*"

    def as_item(self, operations: Sequence[str]) -> dict[str, Any]:
        """Return the entry as it stands in the policy."""
        return {
            "apiGroups": [self.group],
            "apiVersions": list(self.versions),
            "operations": list(operations),
            "resources": list(self.resources),
            "scope": self.scope,
        }


# A label of a namespace can be written through all of these.
NAMESPACES = Rule("", ("v1",), ("namespaces", "namespaces/status", "namespaces/finalize"))


@dataclass(frozen=True, slots=True)
class Validation:
    """What must hold, and what is said when it does not.

    Args:
        expression: CEL that must be true.
        said: CEL of the message, which may name users and objects. It cannot ask the authorizer.
        fallback: constant text, for a message that came out longer than 5 KiB or with a line break.
    """

    expression: str
    said: str
    fallback: str

    def as_item(self) -> dict[str, str]:
        """Return the entry as it stands in the policy."""
        return {
            "expression": self.expression,
            "messageExpression": self.said,
            "message": self.fallback,
            "reason": "Forbidden",
        }


@dataclass(frozen=True, slots=True)
class Policy:
    """One ValidatingAdmissionPolicy with its binding.

    Args:
        name: last part of the objects' name.
        operations: the requests that it matches.
        condition: name and CEL of the condition without which it does nothing.
        validations: what must hold.
        variables: CEL that validations and messages share.
        rules: the resources that it matches.
        excluded: resources among these that it does not match, so that its condition costs nothing there.
        selectors: labels without which it is not evaluated, as ``matchConstraints`` has them.
        action: whether a failure refuses the request or only warns.
    """

    name: str
    operations: Sequence[str]
    condition: tuple[str, str]
    validations: Sequence[Validation]
    variables: Mapping[str, str] = field(default_factory=dict)
    rules: Sequence[Rule] = (Rule(names.GROUP, ("*",), (names.PLURAL,)),)
    excluded: Sequence[Rule] = ()
    selectors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    action: Literal["Deny", "Warn"] = "Deny"

    def as_objects(self) -> Iterator[dict[str, Any]]:
        """Yield the policy and its binding as plain data."""
        name = f"{names.GROUP}-{self.name}"
        yield _object("ValidatingAdmissionPolicy", name, self._spec())
        yield _object(
            "ValidatingAdmissionPolicyBinding", name, {"policyName": name, "validationActions": [self.action]}
        )

    def _spec(self) -> dict[str, Any]:
        """Return the spec of the policy."""
        condition, expression = self.condition
        excluded = [rule.as_item(self.operations) for rule in self.excluded]
        return {
            # A policy with Fail that cannot be evaluated refuses the request even when its binding only warns.
            "failurePolicy": "Fail" if self.action == "Deny" else "Ignore",
            # Written out: with what the API server adds, the next field manager would get a conflict.
            "matchConstraints": {
                "matchPolicy": "Equivalent",
                "namespaceSelector": {},
                "objectSelector": {},
                "resourceRules": [rule.as_item(self.operations) for rule in self.rules],
                **({"excludeResourceRules": excluded} if excluded else {}),
                **self.selectors,
            },
            "matchConditions": [{"name": condition, "expression": expression}],
            "variables": [{"name": name, "expression": value} for name, value in self.variables.items()],
            "validations": [validation.as_item() for validation in self.validations],
        }


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Return an object of the admission API."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }
