"""A workload as it would be admitted, without creating it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from environment_operator.cli import apply, rendering
from environment_operator.cli.client.connection import Connection
from environment_operator.cli.exit_codes import Problem
from environment_operator.console import texts, words
from environment_operator.console.addresses import cluster, texts_of
from environment_operator.console.rendering import page
from environment_operator.kube.errors import ApiError

Object = dict[str, Any]
NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Result:
    """What would become of a workload.

    Args:
        name: its kind and name.
        yaml: it as it would be stored, each value with its source; empty when it is refused.
        refusal: why it is refused, empty when it is not.
        warnings: what its submitter should know.
    """

    name: str
    yaml: str = ""
    refusal: str = ""
    warnings: Sequence[str] = ()


def add_routes(router: web.UrlDispatcher, prefix: str) -> None:
    """Add the page to the addresses that begin with a prefix."""
    router.add_get(f"{prefix}/check", _shown, name="check")
    router.add_post(f"{prefix}/check", _checked)


async def _shown(
    request: web.Request,
    manifest: str = "",
    given: Mapping[str, str] = NOTHING,
    *,
    problem: str = "",
    results: Sequence[Result] = (),
) -> web.StreamResponse:
    """Show the form, and what would become of workloads."""
    return page(
        request,
        "check.html",
        manifest=manifest,
        environment=given.get("environment") or request.query.get("environment", ""),
        project=given.get("project") or "",
        problem=problem,
        results=results,
    )


async def _checked(request: web.Request) -> web.StreamResponse:
    """Show what would become of the workloads of a manifest."""
    sent = await texts_of(request)
    manifest = sent.get("manifest", "")
    given = {key: sent.get(key, "").strip() for key in ("environment", "project")}
    try:
        workloads = apply.parsed(manifest, texts.text("check.manifest"))
        results = [await _result(request, each, given["environment"], given["project"]) for each in workloads]
    except Problem as error:
        return await _shown(request, manifest, given, problem=str(error))
    return await _shown(request, manifest, given, results=results)


async def _result(request: web.Request, workload: Object, environment: str, project: str) -> Result:
    """Return what would become of one workload."""
    name = f"{workload.get('kind')} {workload['metadata'].get('name', '')}"

    def check(connection: Connection) -> Result:
        find = rendering.in_cluster(connection)
        found = rendering.render(connection, find, workload, environment, project)
        return Result(name, found.yaml(), found.outcome.refusal, found.outcome.warnings)

    try:
        result, warnings = await cluster(request).ask(check)
    except (Problem, ApiError) as error:
        if isinstance(error, ApiError) and not error.status:
            raise
        return Result(name, refusal=words.failure(error))
    refusal = words.sentence(result.refusal) if result.refusal else ""
    return Result(result.name, result.yaml, refusal, [*warnings, *result.warnings])
