"""``create`` and ``copy``: new Environments."""

import re
from collections.abc import Callable
from typing import Any

import click

from environment_operator.cli import completion, options, spec_options
from environment_operator.cli.client.connection import Connection
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.output import console

Object = dict[str, Any]
Command = Callable[..., Any]
_DRY_RUN = options.dry_run(client="only builds it")


def _fields(command: Command) -> Command:
    """Give a command the options that say what is in an Environment."""
    for option in reversed(_FIELDS):
        command = option(command)
    return command


def _many(name: str, field: str, metavar: str, text: str, **more: Any) -> Any:
    """Return an option that may be repeated."""
    return click.option(name, field, metavar=metavar, multiple=True, help=f"{text} May be repeated.", **more)


def _flag(name: str, text: str) -> Any:
    """Return an option that says yes or no."""
    return click.option(f"--{name}/--no-{name}", default=None, help=text)


def _choice(name: str, field: str, values: tuple[str, ...], text: str, **more: Any) -> Any:
    """Return an option with a few values, in any case."""
    kind = click.Choice(values, case_sensitive=False)
    return click.option(name, field, type=kind, help=f"{text}: {', '.join(values)}.", metavar=field.upper(), **more)


_FIELDS = (
    click.option("--image", help="Image of the main container."),
    _choice("--type", "types", spec_options.WORKLOAD_TYPES, "Workload type that may use it", multiple=True),
    click.option("--cluster-wide", is_flag=True, default=None, help="Every project may use it."),
    _many("--department", "departments", "NAME", "Department that may use it.", shell_complete=completion.departments),
    _many("--project", "projects", "NAME", "Project that may use it.", shell_complete=completion.projects),
    click.option("--display-name", help="Name shown to people."),
    click.option("--description", help="What it is for."),
    _choice("--architecture", "architecture", spec_options.ARCHITECTURES, "Architecture of its workloads"),
    _choice("--framework", "framework", spec_options.FRAMEWORKS, "Framework of distributed workloads"),
    click.option("--endpoint", metavar="PORT[/HTTP|/GRPC]", help="Where inference workloads serve requests."),
    _choice("--image-pull-policy", "image_pull_policy", spec_options.PULL_POLICIES, "When to pull the image"),
    _many("--image-pull-secret", "image_pull_secrets", "NAME", "Secret in the project to pull with."),
    _many(
        "--tool",
        "tools",
        "NAME=TYPE[:PORT]",
        "Tool in the image, such as lab=JupyterNotebook.",
        shell_complete=completion.tool_types,
    ),
    click.option("--command", help="Command of the container, quoted as in a shell."),
    click.option("--args", help="Its arguments, quoted as in a shell."),
    _many("--env", "env", "NAME[=VALUE]", "Variable; without a value each workload has to give it."),
    click.option("--working-dir", metavar="PATH", help="Working directory."),
    _choice("--user-source", "user_source", spec_options.USER_SOURCES, "Where the ids of the process come from"),
    click.option("--uid", type=int, help="User id of the process."),
    click.option("--gid", type=int, help="Group id of the process."),
    click.option("--supplemental-group", "supplemental_groups", type=int, multiple=True, help="Further group id."),
    _many("--capability", "capabilities", "NAME", "Linux capability to add, without CAP_."),
    _flag("allow-privilege-escalation", "Whether a process may gain privileges."),
    _flag("read-only-root-filesystem", "Whether the root filesystem cannot be written."),
    _flag("run-as-non-root", "Whether it must not start as root."),
    _flag("stdin", "Whether standard input stays open."),
    _flag("tty", "Whether it has a terminal."),
    _flag("create-home-dir", "Whether it has a home directory of its own."),
    _choice(
        "--overridable", "overridable", spec_options.OVERRIDABLE, "What a workload may set differently", multiple=True
    ),
)


@click.command("create")
@click.argument("name", type=options.Name())
@options.connected
@_fields
@click.option(
    "--from",
    "source",
    metavar="FILE",
    type=click.Path(),
    help="Lift the set-up out of this workload; print both, create none.",
)
@_DRY_RUN
@options.output("name", "yaml", "json", default=None)
def create_command(
    connection: Connection, *, name: str, source: str | None, dry_run: str, output: str | None, **given: Any
) -> None:
    """Create an Environment from options, from answers, or from a workload.

    At a terminal, what is needed and was not given is asked for.

    \b
    Examples:
      kubectl environment create jupyter --image registry.example/jupyter:4 --type workspace --project vision
      kubectl environment create jupyter --image registry.example/jupyter:4 --type training --cluster-wide \\
        --tool lab=JupyterNotebook --env DATA=/data --uid 1000 --dry-run=client -o yaml > environment.yaml
      kubectl environment create jupyter --from workload.yaml | kubectl apply -f -
    """
    from environment_operator.cli import apply

    if source:
        if output == "name":
            raise Problem("-o name cannot print the two objects of --from. Give -o yaml or json.", Exit.USAGE)
        both = _lifted(connection, name, source, spec_options.spec(given))
        console.documents(both, output or "yaml")
        return
    found = spec_options.spec(given)
    asked = bool(spec_options.missing(found))
    wanted = apply.manifest(name, _complete(found))
    if asked and dry_run == "none":
        for line in console.as_yaml(wanted).splitlines():
            console.note(line)
        console.confirm("Create it?", sure=False)
    made = apply.create(connection, wanted, dry_run)
    apply.report(name, _created(dry_run), output, made)


@click.command("copy")
@options.named("old")
@click.argument("new", type=options.Name())
@options.connected
@click.option("--edit/--no-edit", default=None, help="Open it in your editor first; the default at a terminal.")
@_DRY_RUN
@options.output("name", "yaml", "json", default=None)
def copy_command(
    connection: Connection, *, old: str, new: str, edit: bool | None, dry_run: str, output: str | None
) -> None:
    """Copy an Environment, edited on the way.

    \b
    Examples:
      kubectl environment copy jupyter jupyter-gpu
      kubectl environment copy jupyter jupyter-gpu --no-edit
    """
    from environment_operator.cli import apply, editor, lookup

    wanted = apply.manifest(new, lookup.environment(connection, old)["spec"])

    def store(written: Object) -> None:
        made = apply.create(connection, written, dry_run)
        apply.report(made["metadata"]["name"], _created(dry_run), output, made)

    if console.can_ask() if edit is None else edit:
        editor.edit(wanted, store, unchanged=True)
    else:
        store(wanted)


def _created(dry_run: str) -> str:
    """Return what happened to a new Environment, as kubectl says it."""
    return "created" if dry_run == "none" else f"created ({dry_run} dry run)"


def _complete(found: Object) -> Object:
    """Return the spec with what is needed: asked for at a terminal, else said to be missing."""
    missing = spec_options.missing(found)
    if missing and not console.can_ask():
        raise Problem(f"options are missing. Give {' and '.join(missing)}.", Exit.USAGE)
    if missing:
        _ask(found)
    found.setdefault("architecture", "Standard")
    return found


def _ask(found: Object) -> None:
    """Ask for what is needed."""
    if "image" not in found:
        found["image"] = click.prompt("Image", err=True, value_proc=_image)
    if "workloadTypes" not in found:
        wanted = click.Choice(spec_options.WORKLOAD_TYPES, case_sensitive=False)
        found["workloadTypes"] = [click.prompt("Workload type", type=wanted, err=True)]
    if "Inference" in found["workloadTypes"] and "endpoint" not in found:
        found["endpoint"] = click.prompt("Port that serves requests, PORT[/PROTOCOL]", err=True, value_proc=_endpoint)
    if "scope" not in found:
        found["scope"] = _asked_scope()


def _asked_scope() -> Object:
    """Ask who may use it: nothing is published to the whole cluster by pressing Enter."""
    whom = click.prompt("Who may use it", type=click.Choice(["projects", "departments", "cluster"]), err=True)
    if whom == "cluster":
        return {"cluster": True}
    return {whom: click.prompt(f"Names of the {whom}, with commas between them", err=True, value_proc=_names(whom))}


def _image(text: str) -> str:
    """Return an image, when it can be one.

    Raises:
        UsageError: it cannot; the question is asked again.
    """
    from environment_operator.spec import images

    if why := images.problem(text):
        raise click.UsageError(f'image "{text}" cannot be pulled: {why}')
    return text


def _endpoint(text: str) -> Object:
    """Return an endpoint; as `_image`."""
    try:
        return spec_options.endpoint(text)
    except Problem as error:
        raise click.UsageError(str(error)) from error


def _names(whom: str) -> Callable[[str], list[str]]:
    """Return what reads names of projects or departments; as `_image`."""
    from environment_operator.api.types import DNS_LABEL, LABEL_VALUE

    grammar = DNS_LABEL if whom == "projects" else LABEL_VALUE

    def read(text: str) -> list[str]:
        found = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
        wrong = next((name for name in found if re.fullmatch(grammar.pattern, name) is None), None)
        if wrong is not None or not found:
            raise click.UsageError(
                f'name "{wrong or text}" is not allowed. {grammar.message[:1].upper()}{grammar.message[1:]}.'
            )
        return found

    return read


def _lifted(connection: Connection, name: str, source: str, given: Object) -> tuple[Object, Object]:
    """Return the Environment in a workload, and the workload that uses it."""
    from environment_operator.cli import apply, lookup
    from environment_operator.cli.from_workload import lift
    from environment_operator.spec.eligible_kinds import framework

    workload, *others = apply.documents(source)
    if others:
        raise Problem(f"{source} has {len(others) + 1} objects. Leave one workload in it.", Exit.USAGE)
    kind = lookup.kind_of(workload, lookup.kinds(connection))
    project = workload["metadata"].get("namespace")
    place: Object = {"projects": [project]} if project else {}
    found = framework(kind, workload)
    architecture = {"architecture": "Distributed", "framework": found} if found else {"architecture": "Standard"}
    decided = {"scope": place or {"cluster": True}, **architecture, "workloadTypes": [kind.types[0]]}
    both = lift(kind, workload, name, {**decided, **given})
    return apply.manifest(name, both.spec), both.workload
