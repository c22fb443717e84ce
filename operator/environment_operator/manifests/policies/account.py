"""What the operator's own account may write, beyond what RBAC can express: objects of ours, and only their own part.

RBAC gives a verb on a resource; it knows neither labels nor fields. Whoever has the token of the account gets no
further than these policies: no webhook of their own, no Service in front of other Pods, no Secret that holds
the token of another service account.
"""

from collections.abc import Iterable, Iterator, Sequence

from environment_operator.api import names
from environment_operator.manifests.policies.policy import NEW, OLD, SPEC_CHANGES, USERNAME, Policy, Rule, Validation

_NEW, _OLD = "optional.ofNonZeroValue(dyn(object))", "optional.ofNonZeroValue(dyn(oldObject))"
_CONDITION = ("the-operator-writes", f"{USERNAME} == '{names.OPERATOR_USER}'")
_WRITES = ("CREATE", "UPDATE", "DELETE")
# What the API server itself changes with each write.
_KEPT_BY_SERVER = ("managedFields", "resourceVersion", "generation")
_LABELS, _ANNOTATIONS = (f".?metadata.?{of}.orValue({{}})" for of in ("labels", "annotations"))
_MANAGED_BY = "app.kubernetes.io/managed-by"
_CERTIFICATE = f"{names.SERVICE_ACCOUNT}-webhook"
_NETWORKING, _GATEWAY = "networking.k8s.io", "gateway.networking.k8s.io"


def policies() -> Iterator[Policy]:
    """Yield one policy for each thing that the account has a right to write."""
    yield _webhooks()
    yield _tools()
    yield _claims()
    yield _certificate()
    yield _copies()
    yield _environments()
    yield _events()
    yield _pod_templates()


def _policy(
    name: str,
    rules: Sequence[Rule],
    must: Iterable[tuple[str, str]],
    operations: Sequence[str] = _WRITES,
    where: str = "",
) -> Policy:
    """Return a policy of the account.

    Args:
        name: last part of its name.
        rules: what it is about.
        must: each expression that must hold, with what the account may do.
        operations: which requests.
        where: ``In`` or ``NotIn`` the operator's own namespace; empty for everywhere.
    """
    own = {"key": "kubernetes.io/metadata.name", "operator": where, "values": [names.SYSTEM_NAMESPACE]}
    return Policy(
        name=f"operator-{name}",
        operations=operations,
        condition=_CONDITION,
        validations=[Validation(holds, _message(may), f"{names.SERVICE_ACCOUNT} {may}.") for holds, may in must],
        rules=rules,
        selectors={"namespaceSelector": {"matchExpressions": [own]}} if where else {},
    )


def _message(may: str) -> str:
    """Return CEL of the message."""
    name = f"[{_NEW}, {_OLD}].map(o, o.?metadata.?name.orValue('')).filter(n, n != '')[?0].orValue('')"
    return f"""request.kind.kind + ' "%s": {names.SERVICE_ACCOUNT} {may}.'.format([{name}])"""


def _same(now: str, before: str, but: Iterable[str]) -> str:
    """Return whether two maps, in CEL, have the same keys with the same values, some keys aside."""
    listed = "[" + ", ".join(f"'{key}'" for key in but) + "]"
    return f"{now}.all(k, k in {listed} || {now}[?k] == {before}[?k]) && {before}.all(k, k in {listed} || k in {now})"


def _metadata_stays(*but: str) -> str:
    """Return whether the metadata stays, some of its fields aside."""
    now, before = (f"{side}.?metadata.orValue({{}})" for side in (_NEW, _OLD))
    return _same(now, before, (*_KEPT_BY_SERVER, *but))


def _both(expression: str) -> str:
    """Return whether an expression over ``o`` holds for the new and for the old object, as far as there are any."""
    return f"[{_NEW}, {_OLD}].all(o, !o.hasValue() || {expression})"


def _webhooks() -> Policy:
    """Return that of a webhook configuration nothing changes but the authorities that the API server trusts."""
    now, before = (f"{side}.?webhooks.orValue([])" for side in (_NEW, _OLD))
    calls = _same("a.?clientConfig.orValue({})", "b.?clientConfig.orValue({})", ["caBundle"])
    entry = f"a.?name == b.?name && {_same('a', 'b', ['clientConfig'])} && {calls}"
    in_order = " == ".join(f"{side}.map(w, w.?name.orValue(''))" for side in (now, before))
    may = "changes only caBundle. Use another account"
    every = f"{in_order}\n&& {now}.all(a, {before}.exists(b, {entry}))"
    kinds = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
    return _policy(
        "webhooks",
        [Rule("admissionregistration.k8s.io", ("*",), kinds)],
        [("request.operation == 'UPDATE'", may), (_metadata_stays(), may), (every, may)],
    )


def _tools() -> Policy:
    """Return that Services, routes and Ingresses are those of tools, with our labels, and lead to Pods."""
    ours = _both(f"o{_LABELS}[?'{_MANAGED_BY}'] == optional.of('{names.FIELD_MANAGER}')")
    labelled = f"request.operation == 'DELETE' || '{names.TOKEN}' in {_NEW}{_LABELS}"
    spec = f"{_NEW}.?spec"
    elsewhere = " && ".join(
        f"!{spec}.?{field}.hasValue()" for field in ("externalIPs", "externalName", "loadBalancerIP")
    )
    return _policy(
        "tools",
        [
            Rule("", ("*",), ("services",)),
            Rule(_GATEWAY, ("*",), ("httproutes",)),
            Rule(_NETWORKING, ("*",), ("ingresses",)),
        ],
        [
            (
                f"{ours}\n&& ({labelled})",
                f"writes only what has its labels {names.TOKEN} and {_MANAGED_BY}. Delete this object",
            ),
            (elsewhere, "makes no Service with external addresses. Remove them"),
            (
                f"!(request.namespace in {list(names.EXEMPT_NAMESPACES)})",
                "exposes nothing in this namespace. Use another one",
            ),
        ],
    )


def _claims() -> Policy:
    """Return that Leases are claims of addresses, and the one that says which controller leads, which stays."""
    mine = f"o.?metadata.?name == optional.of('{names.CONTROLLER_LEASE}') && request.operation != 'DELETE'"
    claim = _both(f"('{names.CLAIM}' in o{_LABELS} || {mine})")
    may = f'writes only Leases with the label {names.CLAIM}, and "{names.CONTROLLER_LEASE}". Delete this one'
    return _policy("claims", [Rule("coordination.k8s.io", ("*",), ("leases",))], [(claim, may)], where="In")


def _certificate() -> Policy:
    """Return that of the Secrets of the operator's namespace the account writes its certificate."""
    mine = _both(f"o.?metadata.?name == optional.of('{_CERTIFICATE}')")
    kind = f"request.operation == 'DELETE' || {_NEW}.?type == optional.of('kubernetes.io/tls')"
    may = f'writes here only the Secret "{_CERTIFICATE}" of type kubernetes.io/tls. Use another account'
    return _policy("certificate", [Rule("", ("*",), ("secrets",))], [(f"{mine} && ({kind})", may)], where="In")


def _copies() -> Policy:
    """Return that of the Secrets of projects the account writes copies of registry credentials.

    A Secret of another type could hold a token that the API server makes for a service account of the project.
    """
    copy = f"""o{_LABELS}[?'{names.PUBLISHED_TO}'] == optional.of(request.namespace)
&& o{_ANNOTATIONS}[?'{names.PUBLISHED_FROM}'].orValue('').startsWith('{names.SYSTEM_NAMESPACE}/')
&& o.?type == optional.of('kubernetes.io/dockerconfigjson')"""
    marks = f"the label {names.PUBLISHED_TO} and the annotation {names.PUBLISHED_FROM}"
    may = f"writes only copies with {marks}. Use another account"
    return _policy("copies", [Rule("", ("*",), ("secrets",))], [(_both(f"({copy})"), may)], where="NotIn")


def _environments() -> Policy:
    """Return that of an Environment the account changes our finalizer, besides the status."""
    others = f".?metadata.?finalizers.orValue([]).filter(f, f != '{names.FINALIZER}')"
    may = f"changes only the status and the finalizer {names.FINALIZER}. Use another account"
    stays = f"{NEW}{others} == {OLD}{others} && !({SPEC_CHANGES})"
    return _policy(
        "environments",
        [Rule(names.GROUP, ("*",), (names.PLURAL,))],
        [("request.operation == 'UPDATE'", may), (f"{_metadata_stays('finalizers')} && {stays}", may)],
    )


def _events() -> Policy:
    """Return that Events say who wrote them."""
    may = "writes Events only under its own name, and changes none. Use another account"
    signed = f"{_NEW}.?reportingComponent == optional.of('{names.FIELD_MANAGER}')"
    return _policy("events", [Rule("", ("*",), ("events",))], [(f"request.operation == 'CREATE' && {signed}", may)])


def _pod_templates() -> Policy:
    """Return that a PodTemplate is only validated, as a dry run: none is stored."""
    may = "creates PodTemplates only as a dry run. Use dryRun=All or another account"
    dry = "request.operation == 'CREATE' && request.?dryRun.orValue(false)"
    return _policy("pod-templates", [Rule("", ("*",), ("podtemplates",))], [(dry, may)])
