"""Everything about one Environment, as text. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from environment_operator.api.tools import DEFAULT_PORTS
from environment_operator.cli.output import columns
from environment_operator.cli.output.text import age, aligned, printable
from environment_operator.cli.users import HEADER, OUTDATED, Users

Object = Mapping[str, Any]
_TROUBLES = ("Stalled", "DeletionBlocked")
_PROMISES = ("ScopeResolved", "PullSecretsFound", "ToolsExposed")


@dataclass(frozen=True, slots=True)
class Known:
    """What was read.

    Args:
        environment: the Environment, whole.
        users: who uses it.
        projects: all projects with their departments; None when that may not be read.
        events: the Events about it; None when they may not be read.
        fragment: what it puts into a pod, as YAML.
        context: name of the context.
        now: the time.
    """

    environment: Object
    users: Users
    projects: Mapping[str, str | None] | None
    events: Sequence[Object] | None
    fragment: str
    context: str
    now: datetime


def description(known: Known) -> str:
    """Return the whole description."""
    sections = (
        ("Scope", _scope(known)),
        ("Tools", _tools(known)),
        ("Variables", _variables(known)),
        ("Puts into a pod", known.fragment.splitlines()),
        ("Used by", _users(known)),
        ("Warnings", list(warnings(known))),
        ("Events", _events(known)),
    )
    lines = list(_head(known))
    for title, content in sections:
        lines += [f"{title}:", *(f"  {line}".rstrip() for line in content)] if content else [f"{title}: none"]
    return "\n".join(lines) + "\n"


def warnings(known: Known) -> Iterator[str]:
    """Yield what its author or its users should know."""
    spec, status = known.environment["spec"], known.environment.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    for kind in _TROUBLES:
        if conditions.get(kind, {}).get("status") == "True":
            yield f"{kind}: {conditions[kind]['message']}"
    for kind in _PROMISES:
        if conditions.get(kind, {}).get("status") in ("False", "Unknown"):
            yield conditions[kind]["message"]
    if deprecated := spec.get("deprecated"):
        instead = f"; use {deprecated['replacedBy']} instead" if deprecated.get("replacedBy") else ""
        yield f"deprecated: {deprecated['message']}{instead}"
    if outside := (status.get("usage") or {}).get("outOfScope"):
        yield f"{outside} of its users are in projects that its scope does not include any more"
    if outdated := sum(user.state == OUTDATED for user in known.users.seen):
        yield f"{outdated} of its users have an earlier version"
    capabilities = (spec.get("security") or {}).get("capabilities")
    if capabilities and (spec.get("user") or {}).get("uid"):
        yield f"capabilities give a process that does not run as root nothing: {', '.join(capabilities)}"


def _head(known: Known) -> Iterator[str]:
    """Yield the lines of the fields that have one value."""
    spec = known.environment["spec"]
    row = columns.of_object(known.environment, columns.COLUMNS, known.context)
    framework = f" ({spec['framework']})" if "framework" in spec else ""
    ready = {c["type"]: c for c in (known.environment.get("status") or {}).get("conditions") or ()}.get("Ready")
    fields = {
        "Name": row["Environment"],
        "Display name": spec.get("displayName", ""),
        "Description": row["Description"],
        "Ready": f"{ready['status']}, {ready['reason']}: {ready['message']}" if ready else "not reconciled yet",
        "Image": row["Image"],
        "Architecture": row["Workload architecture"] + framework,
        "Workload types": row["Workload types"].replace(",", ", "),
        "Pod security": row["Pod security"],
        "May be overridden": ", ".join(spec.get("overridable") or ()) or "nothing",
        "Created": f"{row['Creation time']}{' by ' if row['Created by'] else ''}{row['Created by']}",
        "Last updated": row["Last updated"],
        "Last used": row["Last used"],
        "Cluster": row["Cluster"],
    }
    return (f"{title + ':':<19}{printable(value)}".rstrip() for title, value in fields.items() if value)


def scope_tree(scope: Object, projects: Mapping[str, str | None] | None) -> list[tuple[str, list[str]]]:
    """Return the scope as a tree: departments, each with its projects, and projects.

    Args:
        scope: the scope.
        projects: all projects with their departments; None when that may not be read.
    """
    if scope.get("cluster"):
        return [("the cluster: every project", [])]
    nothing = "its projects: you may not list namespaces" if projects is None else "no project yet"
    out = []
    for department in scope.get("departments") or ():
        inside = sorted(project for project, its in (projects or {}).items() if its == department)
        out.append((f"department {department}", [f"project {project}" for project in inside] or [nothing]))
    missing = "" if projects is None else " (does not exist yet)"
    return out + [
        (f"project {project}{'' if project in (projects or {}) else missing}", [])
        for project in scope.get("projects") or ()
    ]


def _scope(known: Known) -> list[str]:
    """Return the scope as lines."""
    tree = scope_tree(known.environment["spec"]["scope"], known.projects)
    return [line for place, inside in tree for line in (place, *_branches(inside))]


def _branches(lines: Sequence[str]) -> list[str]:
    """Return lines as the branches of a tree."""
    return [f"{'└─' if line is lines[-1] else '├─'} {line}" for line in lines]


def tool_rows(spec: Object) -> list[tuple[str, str, str, str]]:
    """Return name, type, port and connection of each tool."""
    return [
        (tool["name"], tool["type"], _port(tool), _connection(tool.get("connection") or {}))
        for tool in spec.get("tools") or ()
    ]


def _tools(known: Known) -> list[str]:
    """Return the tools as a table."""
    rows = tool_rows(known.environment["spec"])
    return aligned(("Name", "Type", "Port", "Connection"), rows) if rows else []


def _port(tool: Object) -> str:
    """Return the port of a tool: its own, else the usual one of its type; nothing for one outside."""
    return str(tool.get("containerPort") or DEFAULT_PORTS.get(tool["type"], ""))


def _connection(connection: Object) -> str:
    """Return how a tool is reached, in a few words."""
    words = (connection.get("type", "ExternalURL"), connection.get("assign"), connection.get("url"))
    return " ".join(word for word in words if word)


def variable_rows(spec: Object) -> list[tuple[str, str, str]]:
    """Return name, value and description of each variable."""
    return [(each["name"], _value(each), each.get("description", "")) for each in spec.get("env") or ()]


def _variables(known: Known) -> list[str]:
    """Return the variables as a table."""
    rows = variable_rows(known.environment["spec"])
    return aligned(("Name", "Value", "Description"), rows) if rows else []


def _value(variable: Object) -> str:
    """Return what a variable is, or where it comes from."""
    if "value" in variable:
        return str(variable["value"])
    for source, reference in (variable.get("valueFrom") or {}).items():
        place = reference.get("fieldPath") or f"{reference.get('name')}, key {reference.get('key')}"
        return f"{source.removesuffix('KeyRef').removesuffix('Ref')} {place}"
    return "given by each workload"


def _users(known: Known) -> list[str]:
    """Return the users as a table, after how many there are where not all can be seen."""
    seen = known.users.seen
    head = [str(known.users)] if known.users.unread else []
    return head + (aligned(HEADER, [user.row(known.now) for user in seen]) if seen else [])


def _events(known: Known) -> list[str]:
    """Return the Events as a table."""
    if known.events is None:
        return ["you may not list them"]
    rows = [
        (each.get("type", ""), each.get("reason", ""), age(when(each), known.now), each.get("message", ""))
        for each in known.events
    ]
    return aligned(("Type", "Reason", "Age", "Message"), rows) if rows else []


def when(event: Object) -> str:
    """Return when an Event was seen last."""
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")
