"""The kinds table: which kinds can use an Environment, one row a kind. Data, and questions about it."""

import re
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Step = tuple[str, str]

_STEP = r"[A-Za-z][A-Za-z0-9]*(\[[A-Za-z]+(/[A-Za-z]+)*\])?"
_PATH = rf"^({_STEP}(\.{_STEP})*)?$"
_NESTED = r"[A-Za-z][A-Za-z0-9]*(\[{1,2}[A-Za-z]+(/[A-Za-z]+)*\]{1,2}|\{\})?"
_HARMLESS = rf"^{_NESTED}(\.{_NESTED})*[?]?$"
_WAY = r"^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)*$"

# What of a pod spec a kind may hold once for all of its pod templates.
INHERITED = ("securityContext", "hostNetwork")

# https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode
INDEX = "batch.kubernetes.io/job-completion-index"

# Of a pod spec: where and when the pod is scheduled, how it ranks there, how long it may take.
# https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodSpec
POD = (
    "activeDeadlineSeconds", "affinity", "nodeSelector", "preemptionPolicy", "priority", "priorityClassName",
    "resources", "schedulerName", "schedulingGates", "terminationGracePeriodSeconds", "tolerations",
    "topologySpreadConstraints",
)  # fmt: skip
# What is harmless of a kind whose row says nothing else.
_USUAL = ("spec.replicas", "spec.suspend", "spec.paused")

WorkloadType = Literal["Workspace", "Training", "Inference"]
Framework = Literal["PyTorch", "MPI", "TensorFlow", "XGBoost", "JAX", "Ray", "Any"]


class OwnStart(BaseModel):
    """How a kind's controller starts the main container, where command and arguments of an Environment do not go.

    Args:
        by: what runs instead, in words.
        inline: only where the main container stands under one of these keys of `PodTemplate.inline`; empty for all.
        roles: only for the pods of these roles; empty for all.
        where: only where something stands at this path of the object; empty for always.
        unless: an annotation of the object or of its pods that says ``true`` where the container's own command runs.
        itself: words in a command that starts the same itself, and so goes there; empty for none.
        extended: True when arguments without a command are added to those of the controller.
        elsewhere: True when the command runs in the pods of another role, so that nothing is lost here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Annotated[str, StringConstraints(min_length=1)]
    inline: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    where: Annotated[str, StringConstraints(pattern=rf"{_WAY}|^$")] = ""
    unless: str = ""
    itself: str = ""
    extended: bool = False
    elsewhere: bool = False


@cache
def steps(path: str) -> tuple[Step, ...]:
    """Return a path key by key, each with the field by which the items of its list differ, empty for no list."""
    found = (re.fullmatch(r"(\w+)(?:\[+([\w/]+)\]+|\{\})?", step) for step in path.split(".") if step)
    return tuple((step[1], step[2] or "") for step in found if step)


class PodTemplate(BaseModel):
    """Where an object of a kind has a pod template.

    Args:
        path: keys with dots between them, ``spec.workers[name].template``: in brackets the field by which the items of
            a list differ, ``[metadata/name]`` where it is deeper. Empty when the object is a pod itself.
        role: what a label calls the pods of this template, empty when there is one for all; ``*`` for the name of the
            item in the list.
        unnamed: what the kind calls an item of the list that has no name, before its position.
        spec: the key of the pod spec in the template; empty when its fields stand in the template itself.
        container: name of the main container, and of one that has none; without one by that name it is the first.
        strict: True when a template without that container is left alone.
        inline: keys in the pod spec under which the main container itself may stand, instead of in the list.
        optional: True when that main container need not be there: it is made.
        lists: further lists of containers in the pod spec.
        inherits: path of an object whose security context and node's namespaces hold for the pods of all templates
            that set none; empty for none. With the lists of `path` it is one for each item.
        patches: keys of the pod spec, and of what it inherits, that change the pods after admission: they stay out
            where something may not be overridden. With dots between the keys where one of what it inherits is deeper.
        adds: paths in the object, not in the template, of what the controller makes a further container of these pods:
            it is validated as their other containers are.
        annotated: paths in the object of metadata whose annotations these pods have besides their own. With the lists
            of `path` it is one for each item.
        metadata: where labels and annotations of the pods are: in ``metadata``, in the template itself (``.``), or,
            when the definition of the kind keeps none, nowhere.
        lacks: fields of a pod spec, with dots between the keys and ``container`` for the main container, for which it
            has no place: an Environment that sets one of them cannot be used there.
        omits: the same, but nothing is lost without them.
        features: fields among `lacks` for which it has a place where an administrator turned a feature on, each with
            the feature's name: the refusal names it.
        reserved_variables: names of variables that the kind sets itself and refuses.
        reserved_ports: numbers of ports that the kind uses itself and refuses.
        one_port: True when only one port may be declared in the whole pod: that of the endpoint, unless the submitter
            declares another, in any container.
        main_at: path in the object of the field with the name of the main container; empty for none.
        main_by_port: True when the container that has that port is the main one.
        node_network: True when the controller gives the pods the node's network, also where the template has none: an
            Environment whose security does not and may not be overridden cannot be used there.
        pod_ids: False when user and group have to be set on the container.
        fills_image: True when the kind gives the main container an image where it has none.
        defaults: what the kind's own webhook puts into a main container that says nothing, by key with dots between:
            where the label comes later, it is nobody's wish.
        starts: how the controller starts the main container itself; None where it runs what the container says.
        first_tools: types of tools of which one has to have the first port, in order of preference: it is the one that
            the kind's own pages lead to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[str, StringConstraints(pattern=_PATH)] = "spec.template"
    role: Annotated[str, StringConstraints(pattern=r"^(\*|[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?)?$")] = ""
    unnamed: str = ""
    spec: Literal["spec", ""] = "spec"
    container: str = ""
    strict: bool = False
    inline: tuple[str, ...] = ()
    optional: bool = False
    lists: tuple[str, ...] = ()
    inherits: Annotated[str, StringConstraints(pattern=_PATH)] = ""
    patches: tuple[Annotated[str, StringConstraints(pattern=_WAY)], ...] = ()
    adds: tuple[Annotated[str, StringConstraints(pattern=_WAY)], ...] = ()
    annotated: tuple[Annotated[str, StringConstraints(pattern=_PATH, min_length=1)], ...] = ()
    metadata: Literal["metadata", ".", ""] = "metadata"
    lacks: tuple[str, ...] = ()
    omits: tuple[str, ...] = ()
    features: Mapping[str, str] = {}
    reserved_variables: tuple[str, ...] = ()
    reserved_ports: tuple[int, ...] = ()
    one_port: bool = False
    main_at: Annotated[str, StringConstraints(pattern=rf"{_WAY}|^$")] = ""
    main_by_port: bool = False
    node_network: bool = False
    pod_ids: bool = True
    fills_image: bool = False
    defaults: Mapping[str, Any] = {}
    starts: OwnStart | None = None
    first_tools: tuple[str, ...] = ()

    @cached_property
    def inherited(self) -> tuple[str, ...]:
        """The keys that hold for all templates where they stand at ``inherits``."""
        return (*INHERITED, *self.patches) if self.inherits else ()

    @cached_property
    def outside(self) -> tuple[str, ...]:
        """The paths in the object that lead to what the object has next to the template."""
        return (*self.adds, *self.annotated)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The path, key by key, each with the field by which the items of its list differ, empty for no list."""
        return steps(self.path)

    @cached_property
    def named_at(self) -> int | None:
        """Which key on the way is what a label calls the pods: the name of an item; None where the row says it."""
        if self.role != "*":
            return None
        return next(number for number, (_, field) in enumerate(self.steps) if field) + 1


def api_version(path: str) -> str:
    """Return the API version in the URL path of all objects of a kind, such as ``apps/v1``."""
    return path.rpartition("/")[0].removeprefix("/apis/").removeprefix("/api/")


class Resource(BaseModel):
    """A kind that the operator watches.

    Args:
        group: API group, empty for the core group.
        version: the version that the operator watches.
        also: other versions that a cluster may serve instead, in order of preference.
        kind: the kind's name.
        plural: its name in URLs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str
    version: str
    also: tuple[str, ...] = ()
    kind: str
    plural: str

    @property
    def name(self) -> str:
        """The kind's full name, such as ``deployments.apps``: one word for logs, metrics and messages."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def path(self) -> str:
        """The URL path of all its objects."""
        return self.path_in(self.version)

    def path_in(self, version: str) -> str:
        """Return the URL path of all its objects in a version."""
        return f"/apis/{self.group}/{version}/{self.plural}" if self.group else f"/api/{version}/{self.plural}"

    def has(self, path: str) -> bool:
        """Return whether a URL path of all its objects is in a version that the row knows."""
        return path in {self.path_in(version) for version in (self.version, *self.also)}

    def path_of(self, namespace: str, name: str = "") -> str:
        """Return the URL path of an object in a namespace, or of all."""
        head = self.path.removesuffix(self.plural)
        return f"{head}namespaces/{namespace}/{self.plural}{f'/{name}' if name else ''}"


class Kind(Resource):
    """One row, with the arguments of `Resource`.

    Args:
        pod_templates: where its pod templates are; nowhere for a kind into which no Environment can be put.
        instead: what people do instead there; empty for all other kinds.
        types: the workload types that it can be.
        framework: the framework of a distributed kind, ``Any`` for all of them; None when it has one pod or equal ones.
        indexed: path of the field that makes it distributed when it says ``Indexed``.
        template: True when workloads are made from it; False when it runs pods itself.
        template_immutable: True when the pod template cannot change after creation.
        keeps_revisions: True when old pod templates can come back, as by ``kubectl rollout undo``.
        custom: True when it comes from a CustomResourceDefinition and may be absent.
        harmless: paths, as those of pod templates, of fields that do not decide what runs, besides those of every pod
            template: how many pods there are, when they start and where, how long they may take, what is kept of them.
            Everything else of an object decides it. Of ``metadata`` what gives containers a profile still counts. A
            path with ``?`` at its end is of a field that is harmless while it is empty: controllers in Go write some
            that nobody set. ``[[name]]`` is a list of lists, ``hooks{}`` a map whose values are meant. Kinds of a group
            with the same list are asked about in one expression.
        roles_in: path of the object whose keys are the roles, of a controller that makes pods of others than those of
            `pod_templates` or knows these in another spelling, too: with a reference there may be none; empty for none.
        borrows: path of the field by which an object names a template whose pod templates it has instead of its own.
        derives: False when what it makes is not derived, and may be a user itself, as what an unknown controller makes.
        makes: further kinds of its group that stand between it and its pods.
        made_by: other groups whose controllers make objects of this kind. Of a kind with a definition only these, its
            own group and Argo's are asked for as owners before admission is called, which then asks for all.
        serves: labels that its controller gives the pods whose tools people reach, where not all of its pods are meant
            or our own label does not come to them: ``{name}`` stands for the workload's name, and ``{role}`` for the
            role of its first pod template, which is the master of a distributed kind. Of a kind with ``indexed`` they
            count for the distributed ones.
        serves_in: for a version of another project, whose controller gives other labels, those labels instead.
        bundle: the name of a webhook configuration that it shares with kinds of other groups, which have the same list
            of what is harmless: the API server holds one small object instead of many. Empty for that of its group.
    """

    pod_templates: tuple[PodTemplate, ...] = (PodTemplate(),)
    instead: str = ""
    types: Annotated[tuple[WorkloadType, ...], Field(min_length=1)] = ("Workspace", "Training", "Inference")
    framework: Framework | None = None
    indexed: str = ""
    template: bool = False
    template_immutable: bool = False
    keeps_revisions: bool = False
    custom: bool = True
    harmless: tuple[Annotated[str, StringConstraints(pattern=_HARMLESS)], ...] = _USUAL
    roles_in: Annotated[str, StringConstraints(pattern=rf"{_WAY}|^$")] = ""
    borrows: Annotated[str, StringConstraints(pattern=_PATH)] = ""
    derives: bool = True
    makes: tuple[str, ...] = ()
    made_by: tuple[str, ...] = ()
    serves: dict[str, str] = {}
    serves_in: dict[str, dict[str, str]] = {}
    bundle: Annotated[str, StringConstraints(pattern=r"^([a-z][-.a-z0-9]{0,60})?$")] = ""

    @model_validator(mode="after")
    def _has_place_or_reason(self) -> "Kind":
        """Require one of both: a reference is put into pod templates, or refused with a way out."""
        if bool(self.pod_templates) == bool(self.instead):
            raise ValueError("give the places of its pod_templates, or in the column instead what to do without any")
        return self

    @model_validator(mode="after")
    def _has_the_roles_there(self) -> "Kind":
        """Require that the keys which are roles are known."""
        if self.roles_in and not self.spellings:
            raise ValueError(f"none of its pod_templates is below {self.roles_in}, where roles_in says that they are")
        return self

    @property
    def configured_in(self) -> str:
        """What its webhook configuration is called after: its group, unless it shares one with others."""
        return self.bundle or self.group

    @property
    def spellings(self) -> tuple[str, ...]:
        """The keys that are roles, as they are written."""
        below = f"{self.roles_in}."
        found = (t.path.removeprefix(below).split(".")[0] for t in self.pod_templates if t.path.startswith(below))
        return tuple(found) if self.roles_in else ()

    @property
    def makers(self) -> tuple[tuple[str, str], ...]:
        """Group and kind of the controllers whose objects belong to this kind."""
        return tuple((self.group, kind) for kind in (self.kind, *self.makes)) if self.derives else ()

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that a label can name, each once; ``*`` among them when the object names them."""
        return tuple(dict.fromkeys(t.role for t in self.pod_templates if t.role))


def _builtin(group: str, kind: str, types: str, path: str = "spec.template", **columns: Any) -> Kind:
    """Return the row of a kind that every cluster has; the plurals of all of them end in s."""
    return Kind(
        group=group, version="v1", kind=kind, plural=f"{kind.lower()}s", pod_templates=(PodTemplate(path=path),),
        types=types.split(), custom=False, **columns,
    )  # fmt: skip


def below(at: str, *fields: str) -> tuple[str, ...]:
    """Return paths of fields below a path."""
    return tuple(f"{at}.{field}" for field in fields)


def custom(group: str, version: str, kind: str, templates: tuple[PodTemplate, ...], **columns: Any) -> Kind:
    """Return the row of a kind with a definition; the plurals of nearly all end in s."""
    plural = columns.pop("plural", f"{kind.lower()}s")
    return Kind(group=group, version=version, kind=kind, plural=plural, pod_templates=templates, **columns)


_ALL = "Workspace Training Inference"
_SERVING = "Workspace Inference"

# https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/
_COPIES = below("spec", "minReadySeconds", "replicas")
_APPS = (
    *_COPIES, *below("spec", "paused", "progressDeadlineSeconds", "revisionHistoryLimit", "strategy", "updateStrategy")
)  # fmt: skip
JOB = (
    "activeDeadlineSeconds", "backoffLimit", "backoffLimitPerIndex", "completions", "maxFailedIndexes", "parallelism",
    "suspend", "ttlSecondsAfterFinished",
)  # fmt: skip
SCHEDULE = (
    "concurrencyPolicy", "failedJobsHistoryLimit", "schedule", "startingDeadlineSeconds", "successfulJobsHistoryLimit",
    "suspend",
)  # fmt: skip
_BATCH = (
    *below("spec", *JOB, *SCHEDULE, "jobTemplate.metadata", "timeZone"), *below("spec.jobTemplate.spec", *JOB),
)  # fmt: skip
_JOB: dict[str, Any] = {"serves": {INDEX: "0"}, "harmless": _BATCH}
_CRONJOB = "spec.jobTemplate.spec"

BUILTIN: tuple[Kind, ...] = (
    _builtin("", "Pod", _SERVING, "", template_immutable=True, harmless=()),
    _builtin("", "PodTemplate", _ALL, "template", template=True, harmless=_COPIES),
    _builtin("", "ReplicationController", _SERVING, harmless=_COPIES),
    _builtin("apps", "DaemonSet", _SERVING, keeps_revisions=True, harmless=_APPS),
    _builtin("apps", "Deployment", _SERVING, keeps_revisions=True, harmless=_APPS),
    _builtin("apps", "ReplicaSet", _SERVING, harmless=_APPS),
    _builtin("apps", "StatefulSet", "Workspace", keeps_revisions=True, harmless=_APPS),
    _builtin("batch", "CronJob", "Training", f"{_CRONJOB}.template", indexed=f"{_CRONJOB}.completionMode", **_JOB),
    _builtin("batch", "Job", "Training", indexed="spec.completionMode", template_immutable=True, **_JOB),
)


def is_derived(owners: Iterable[Mapping[str, Any]], table: Iterable[Kind]) -> bool:
    """Return whether the controller among the owners is of a kind in the table.

    Such an object was made by a workload that is counted itself, and may have copied its labels.

    Args:
        owners: ``metadata.ownerReferences``.
        table: the kinds table.
    """
    found = [(o["apiVersion"].rpartition("/")[0], o["kind"]) for o in owners if o.get("controller")]
    return bool(found) and any(maker in found for row in table for maker in row.makers)
