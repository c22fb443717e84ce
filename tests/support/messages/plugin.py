"""With what the kubectl plugin ends, the text behind ``error:``: all that it can say without a cluster.

The rest is brought by the tests that ``ELSEWHERE`` names.
"""

import contextlib
import io
from collections.abc import Callable, Collection, Mapping
from tempfile import NamedTemporaryFile
from types import ModuleType
from typing import Any

import click

from builders import KINDS, environment, workload
from environment_operator.cli import (
    apply,
    checking,
    editor,
    failures,
    from_workload,
    lookup,
    new_workload,
    rendering,
    spec_options,
)
from environment_operator.cli.client import headers, responses
from environment_operator.cli.commands import connect, create, diff, import_runai
from environment_operator.cli.commands import run as running
from environment_operator.cli.exit_codes import Problem
from environment_operator.cli.main import run
from environment_operator.cli.output import columns, filtering
from environment_operator.kube.errors import ApiError, Forbidden, NotFound
from environment_operator.tools import verdicts

TITLE = "Errors of the plugin"
CONVERTED = True
MODULES: Collection[ModuleType] = ()

_JOB = KINDS["jobs.batch"]
_DENIED = (
    'environments.environments.dev is forbidden: User "ann" cannot list resource "environments" in API group '
    '"environments.dev" at the cluster scope'
)


def _typed(*arguments: str) -> Callable[[], str]:
    """Return what makes the message about a command line."""

    def made() -> str:
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            run(arguments)
        first, *_ = said.getvalue().splitlines()
        return first.removeprefix("error: ")

    return made


def _raised(call: Callable[..., object], *given: Any, **named: Any) -> Callable[[], str]:
    """Return what makes the message with which a function ends."""

    def made() -> str:
        try:
            call(*given, **named)
        except (Problem, ApiError) as error:
            return failures.described(error)[0]
        except click.ClickException as error:
            return error.format_message()
        raise AssertionError(call)

    return made


def _raised_text(call: Callable[..., str], **named: Any) -> Callable[[], str]:
    """Return what makes a message that a function returns about the tool ``lab``."""
    return lambda: call("lab", **named)


def _failed_by(error: ApiError) -> Callable[[], str]:
    """Return what makes the message about an answer of the API server."""
    return lambda: failures.described(error)[0]


def _file(text: str, call: Callable[[str], object]) -> Callable[[], str]:
    """Return what makes the message about a file; its name is left out."""

    def made() -> str:
        with NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            return _raised(call, file.name)().replace(file.name, "FILE")

    return made


def _check(labels: Mapping[str, str], level: str = "restricted", **fields: Any) -> Callable[[], str]:
    """Return what makes the reason why an Environment may not be used in a project."""
    env = environment(status={"podSecurity": level}, **fields)
    case = checking.Case(env, [], "vision", {"metadata": {"labels": dict(labels)}}, [], whole=False)
    return lambda: "; ".join(checking.reasons(case))


def _lifted(**container: Any) -> Callable[[], str]:
    """Return what makes the message about a Job of which no Environment can be made."""
    job = workload("Job", "train", "vision")
    job["spec"]["template"]["spec"]["containers"] = [container] if container else []
    return _raised(from_workload.lift, _JOB, job, "jupyter", {})


def _edited(**fields: Any) -> Callable[[], str]:
    """Return what makes the message about an Environment whose author changed what stays."""
    before = environment()
    return _raised(apply.change, None, before, {**apply.authored(before), **fields})


_TABLE = tuple(KINDS.values())
_RAY = environment(architecture="Distributed", framework="Ray")
_AT = "--kubeconfig=/nonexistent"
_LINES: Mapping[str, Callable[[], str]] = {
    "a command that is misspelt": _typed("lst"),
    "a command that there is not": _typed("nothing"),
    "a name that is none": _typed("describe", "No_Name"),
    "a duration that is none": _typed("list", "--request-timeout=soon"),
    "a column that there is not": _raised(columns.find, "colour"),
    "a filter without a value": _raised(filtering.read_filter, "image"),
    "an order that there is not": _raised(filtering.read_order, "image:up"),
    "a byte order mark without CSV": _typed("list", "--bom"),
    "one project and all": _typed("workloads", "jupyter", "-n", "vision", "-A"),
    "a context and all": _typed("list", "--context=east", "--all-contexts"),
    "a form that cannot be watched": _typed("list", "--watch", "-o", "json"),
    "several clusters to watch": _typed("list", "--watch", "--context=east", "--context=west"),
    "a tool without a type": _raised(spec_options.spec, {"tools": ["lab"]}),
    "a port that is none": _raised(spec_options.endpoint, "http"),
    "a command that no shell reads": _raised(spec_options.spec, {"command": 'a "b'}),
    "nothing to rename": _typed("rename", "jupyter"),
    "a workload of no kind": _raised(lookup.workload, None, "deployment", "vision"),
    "an endpoint that is none": _raised(create._endpoint, "http"),  # noqa: SLF001
    "no kind for a framework": _raised(new_workload.kind_of, _RAY["spec"], (), lambda _: False),
    "a kind that is not written": _raised(
        new_workload.manifest, KINDS["cronjobs.batch"], new_workload.Wish("w", "vision", "jupyter"), {}
    ),
    "several tools": _raised(connect._asked, ("deployment", "notebook", "lab", "board")),  # noqa: SLF001
    "a tool that cannot be forwarded to": _raised_text(connect._unreachable, forward=True),  # noqa: SLF001
    "the Gateway refuses the route of a tool": _raised_text(
        verdicts.url_refused, route="vision/environment-tokentok-lab", why="NotAllowedByListeners: No listeners."
    ),
    "a tool without a route": _raised_text(verdicts.url_without_route, url="https://tools.example.com/mine"),
    "routes that may not be listed": lambda: connect._unlisted(  # noqa: SLF001
        "httproutes.gateway.networking.k8s.io", "vision"
    ),
    "a tool that cannot be opened": _raised_text(connect._unreachable, forward=False),  # noqa: SLF001
    "a volume without a path": _raised(running._pair, "--volume", "data", ":"),  # noqa: SLF001
    "an id without a name": _raised(import_runai._names, ("7",)),  # noqa: SLF001
    "no Environment to render": _raised(rendering.usable, lambda _: None, ""),
    "an Environment that is not in the files": _raised(rendering.usable, lambda _: None, "jupyter", ("a.yaml",)),
    "an Environment that is not in the cluster": _raised(rendering.usable, lambda _: None, "jupyter"),
    "nothing to check": _typed("check"),
    "an image that is none": _raised(create._image, "registry.example/Team/a"),  # noqa: SLF001
    "an image that reads as an image ID": _raised(create._image, "0123456789abcdef" * 4),  # noqa: SLF001
    "a project that is none": _raised(create._names("projects"), "No Name"),  # noqa: SLF001
}
_FILES: Mapping[str, Callable[[], str]] = {
    "a file that is not there": _raised(apply.documents, "none.yaml"),
    "a file that is empty": _file("", apply.documents),
    "a file with an object without metadata": _file("kind: Job", apply.documents),
    "a file with a number as a name": _file("metadata: {name: 1}", apply.documents),
    "a file with a number as a label": _file("metadata: {labels: {a: 1}}", apply.documents),
    "a file that is no JSON": _raised(import_runai._read, "none.json"),  # noqa: SLF001
    "another kind to compare": _raised(
        diff._require_environment,  # noqa: SLF001
        {"kind": "Job", "apiVersion": "batch/v1", "metadata": {}},
    ),
    "a name that is none to compare": _raised(
        diff._require_environment,  # noqa: SLF001
        {"kind": "Environment", "apiVersion": "environments.dev/v1alpha1", "metadata": {"name": "No"}},
    ),
    "an Environment that is a list": _raised(editor._read, "[a]"),  # noqa: SLF001
    "another version to edit": _edited(apiVersion="environments.dev/v9"),
    "another name to edit": _edited(metadata={"name": "other"}),
    "no metadata to edit": _edited(metadata=None),
    "a kind that cannot use an Environment": _raised(
        lookup.kind_of, {"kind": "Secret", "apiVersion": "v1"}, tuple(KINDS.values())
    ),
    "a name of no kind": _raised(lookup.row, "secret", _TABLE),
    "a workload without a container": _lifted(),
    "a workload without an image": _lifted(name="main"),
    "a workload with a value of another type": _lifted(name="main", image="a", securityContext=1),
}
_CHECKS: Mapping[str, Callable[[], str]] = {
    "a project outside of the scope": _check({}, scope={"projects": ["speech"]}),
    "a project that enforces another level": _check({"pod-security.kubernetes.io/enforce": "baseline"}, "privileged"),
}
_SERVER: Mapping[str, Callable[[], str]] = {
    "a kubeconfig that is not there": _typed("list", _AT),
    "a group to impersonate without a user": _raised(lambda: list(headers.impersonation({}, "", ["a"]))),
    "groups to impersonate that are no list": _raised(
        lambda: list(headers.impersonation({"as": "a", "as-groups": "b"}, "", []))
    ),
    "a header with a line break": _raised(headers.sendable, "impersonate-user", "a\nb"),
    "an answer that is none": _raised(responses.read, b"<html>"),
    "credentials that are not accepted": _failed_by(ApiError(401, "Unauthorized")),
    "a cluster without Environments": _failed_by(NotFound(404, responses.NO_SUCH_KIND)),
    "a user without a binding": _failed_by(Forbidden(403, _DENIED)),
}
ROWS: Mapping[str, Callable[[], str]] = {**_LINES, **_FILES, **_CHECKS, **_SERVER}
NO_WAY_OUT: Collection[str] = ()
# Functions that end with an error which only a cluster, a terminal or an editor brings, and the tests that bring it.
ELSEWHERE: Mapping[str, str] = {
    "commands.connect._tools": "test_cli_connect.py::test_connect",
    "commands.connect._forward": "test_cli_connect.py::test_connect",
    "commands.connect.connect_command": "test_cli_connect.py::test_connect",
    "commands.create._complete": "test_cli_write.py::test_create_refused",
    "commands.create._lifted": "test_cli_write.py::test_create_from_what_is_no_workload",
    "commands.create.create_command": "test_cli_write.py::test_create_from_what_is_no_workload",
    "commands.delete._await_end": "test_cli_write.py::test_wait_ends",
    "commands.delete._delete": "test_cli_write.py::test_delete_of_what_is_used",
    "commands.import_runai._read": "test_runai.py::test_files_that_are_nested_deep",
    "commands.import_runai.import_command": "test_runai.py::test_files_that_are_nested_deep",
    "refreshing.refresh": "test_cli_refresh.py::test_refresh_refused",
    "renaming.__init__": "test_cli_rename.py::test_names_that_are_taken",
    "renaming._await_users": "test_cli_rename.py::test_who_is_refused_stays",
    "renaming._check_removal": "test_cli_rename.py::test_a_dry_run_lacks_the_same_rights",
    "renaming._stays": "test_cli_rename.py::test_users_follow",
    "renaming.carry_out": "test_cli_rename.py::test_names_that_are_taken",
    "rendering.usable": "test_cli_render.py::test_render_says_why_not",
    "commands.render.render_command": "test_cli_render.py::test_render_says_why_not",
    "commands.run._choose": "test_cli_run.py::test_what_is_missing_is_asked_for",
    "commands.run._wait": "test_cli_run.py::test_wait",
    "commands.run._wish": "test_cli_run.py::test_what_is_missing_is_asked_for",
    "commands.uninstall_prepare.uninstall_prepare_command": "test_cli_uninstall.py::test_who_may_not_publish",
    "output.console.confirm": "test_cli_rename.py::test_asks_before_pods_start_anew",
    "editor._draft": "test_cli_write.py::test_edit_given_up",
    "editor._given_up": "test_cli_write.py::test_edit_given_up",
    "editor._opened": "test_cli_write.py::test_edit_given_up",
    "editor._read": "test_cli_write.py::test_edit_given_up",
    "port_forward.forward": "test_cli_connect.py::test_connect",
    "client.kubeconfig._configure": "test_cli_flags.py::test_contexts_that_kubectl_finds",
    "from_workload._first_admitted": "test_from_workload.py::test_nothing_to_lift",
    "lookup.environment": "test_cli_read.py::test_nothing_of_this_name",
    "lookup.kinds": "test_further_kinds.py::test_kind_of_somebodys_own",
    "lookup.workload": "test_cli_refresh.py::test_refresh_refused",
    "file_set.require_admitted": "test_cli_render.py::test_diff",
    "apply._files": "test_cli_render.py::test_what_is_printed_can_be_read",
    "apply.change": "test_cli_write.py::test_edit_of_what_changed_meanwhile",
    "apply.validated": "test_cli_render.py::test_diff_of_what_is_new_or_wrong",
}
