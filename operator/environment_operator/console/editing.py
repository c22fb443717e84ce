"""New, copied and changed Environments: a form with its YAML."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from environment_operator.cli import apply, difference, lookup, options
from environment_operator.cli.output import yaml_text
from environment_operator.console import texts
from environment_operator.console.addresses import cluster, details, named
from environment_operator.console.errors import Refused
from environment_operator.console.forms import checks, draft, fields, managed, saving, steps, values
from environment_operator.console.forms.draft import Draft
from environment_operator.console.forms.saving import Review
from environment_operator.console.rendering import page

Object = dict[str, Any]
Sent = Mapping[str, Sequence[str]]
_FORM = fields.form()
# What a page carries besides the draft: the Environment that it changes, the draft whose diff was shown, and whether
# the person wants to know what is wrong.
_BEFORE, _REVIEWED, _CHECKED = "before", "reviewed", "checked"
_CHECK, _SAVE, _DOWNLOAD = "check", "save", "download"
_FIXED = ("metadata.name",)
_TITLES = {
    "create": ("form.create", "form.crumb.create"),
    "copy": ("form.copy", "form.crumb.copy"),
    "edit": ("form.edit", "form.crumb.edit"),
}


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a form is for.

    Args:
        kind: ``create``, ``copy`` or ``edit``.
        verb: the right that it needs.
        source: name of the Environment that it begins with, empty for none.
    """

    kind: str
    verb: str
    source: str = ""


def add_routes(router: web.UrlDispatcher, prefix: str) -> None:
    """Add the pages with forms to the addresses that begin with a prefix."""
    for name, path in (("create", "new"), ("copy", "environments/{name}/copy"), ("edit", "environments/{name}/edit")):
        router.add_get(f"{prefix}/{path}", _begin, name=name)
        router.add_post(f"{prefix}/{path}", _go_on)


def _purpose(request: web.Request) -> Purpose:
    """Return what a form is for, by its address."""
    source = named(request) if "name" in request.match_info else ""
    kind = request.path.rpartition("/")[2] if source else "create"
    return Purpose(kind, "patch" if kind == "edit" else "create", source)


async def _begin(request: web.Request) -> web.StreamResponse:
    """Show a form that nobody has touched."""
    purpose = _purpose(request)
    if not purpose.source:
        return await _shown(request, purpose, draft.of(draft.blank()), None)
    found, _ = await cluster(request).ask(lambda connection: lookup.environment(connection, purpose.source))
    item = apply.authored(found)
    if purpose.kind == "copy":
        return await _shown(request, purpose, draft.of(apply.manifest("", item["spec"])), None)
    return await _shown(request, purpose, draft.of(item), found)


async def _go_on(request: web.Request) -> web.StreamResponse:
    """Do what a button of the form says."""
    purpose = _purpose(request)
    post = await request.post()
    sent = {key: [each for each in post.getall(key) if isinstance(each, str)] for key in post}
    try:
        found = draft.received(_FORM, sent)
        before = draft.read(_first(sent, _BEFORE)) if purpose.kind == "edit" else None
    except (ValueError, RecursionError) as error:
        raise Refused(400, "form") from error
    if before is not None and _name(before) != purpose.source:
        raise Refused(400, "form")
    action = _first(sent, draft.ACTION)
    if action == _DOWNLOAD:
        return _download(found.item)
    causes = checks.own(found.item) if not found.problem else []
    done, warnings = Review(causes), list[str]()
    if action in (_CHECK, _SAVE) and not found.problem and not causes:
        store = action == _SAVE and (before is None or _first(sent, _REVIEWED) == _mark(found.item))
        done, warnings = await cluster(request).ask(
            lambda connection: saving.review(connection, found.item, before, store=store)
        )
        if done.stored:
            cluster(request).forget()
            raise web.HTTPSeeOther(details(request, found.item["metadata"]["name"]))
    checked = action in (_CHECK, _SAVE) or bool(_first(sent, _CHECKED))
    return await _shown(request, purpose, found, done.theirs or before, done=done, warnings=warnings, checked=checked)


async def _shown(
    request: web.Request,
    purpose: Purpose,
    found: Draft,
    before: Object | None,
    *,
    done: Review | None = None,
    warnings: Sequence[str] = (),
    checked: bool = False,
) -> web.StreamResponse:
    """Return the page with a form.

    Args:
        request: what it answers.
        purpose: what the form is for.
        found: what the person has written.
        before: the Environment that it changes, None for a new one.
        done: its result, None where nothing was asked.
        warnings: what the API server warned of.
        checked: whether what is missing is said, too, and not only what is wrong.
    """
    allowed, _ = await cluster(request).ask(lambda connection: lookup.may(connection, purpose.verb, _name(before)))
    title, step = _TITLES[purpose.kind]
    name = _name(before) or purpose.source
    return page(
        request,
        "form.html",
        purpose=purpose,
        title=texts.text(title, name=name),
        step=texts.text(step),
        back=details(request, purpose.source) if purpose.source else "",
        fixed=_FIXED if purpose.kind == "edit" else (),
        warnings=warnings,
        manager=managed.manager(before) if before else "",
        missing="" if allowed else texts.text("form.right", verb=purpose.verb),
        **_content(found, before, done or Review(), checked=checked),
    )


def _content(found: Draft, before: Object | None, review: Review, *, checked: bool) -> dict[str, Any]:
    """Return what a page shows of a draft; arguments as for `_shown`."""
    form, rest = values.placed(values.control(_FORM, found.item), review.causes)
    form = form if checked else values.without_blanks(form)
    theirs = review.theirs
    return {
        "steps": list(steps.steps(form)),
        "problems": [*([found.problem] if found.problem else []), *(rest if checked else ())],
        "wrong": sum(bool(each.problems) for each in values.every(form)),
        "yaml": found.yaml,
        "carried": {
            draft.BASE: json.dumps(found.item),
            _BEFORE: saving.carried(before),
            _REVIEWED: _mark(found.item) if review.is_accepted else "",
            _CHECKED: "yes" if checked else "",
        },
        "review": review,
        "outdated": f"{review.outdated[:1].upper()}{review.outdated[1:]}." if review.outdated else "",
        "theirs": difference.lines(theirs, found.item, "theirs", "yours") if theirs else (),
    }


def _download(item: Object) -> web.Response:
    """Return an Environment as a file."""
    name = str(item["metadata"].get("name") or "environment")
    safe = name if options.is_name(name) else "environment"
    headers = {"Content-Disposition": f'attachment; filename="{safe}.yaml"'}
    return web.Response(text=yaml_text.write(item), content_type="application/yaml", charset="utf-8", headers=headers)


def _name(of: Object | None) -> str:
    """Return the name of an Environment, empty for none."""
    return str(of["metadata"].get("name") or "") if of else ""


def _mark(item: Object) -> str:
    """Return what stands for a draft of which the diff was shown."""
    return hashlib.sha256(json.dumps(item).encode()).hexdigest()


def _first(sent: Sent, name: str) -> str:
    """Return the first value of a name, empty for none."""
    return next(iter(sent.get(name) or ()), "")
