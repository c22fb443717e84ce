"""New, copied and changed Environments in a real browser, on a real API server."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from builders import manifest, workload
from environment_operator.api import names
from environment_operator.console import texts
from kube import Kube
from people import PLURAL, VIEWER, Person, author, bind, create
from plugin import Plugin
from web import Site, picture, serving

Browse = Callable[..., Page]


@contextmanager
def opened(chromium: Browser, site: Site, **options: Any) -> Iterator[Page]:
    """Have the page in a browser of its own."""
    context = chromium.new_context(**options)
    made = context.new_page()
    made.goto(site.address)
    made.wait_for_url("**/environments")
    yield made
    context.close()


EVERYTHING = {
    **manifest("x", displayName="Everything that a form can show", description="One of each.", framework=None)["spec"],
    "imagePullSecrets": ["hub"],
    "tools": [{"name": f"tool-{number}", "type": "Custom", "containerPort": 9000 + number} for number in range(12)],
    "command": ["sh", "-c"],
    "args": ["one\ntwo"],
    "env": [{"name": "A", "value": ""}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
    "user": {"source": "Custom", "uid": 1000, "supplementalGroups": [5, 6]},
    "security": {"capabilities": ["CHOWN"], "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "readinessProbe": {"httpGet": {"port": 8888, "path": "/ready"}, "periodSeconds": 5},
}


def at(page: Page, path: str) -> Any:
    """Return the control of a field."""
    return page.locator(f'[id="{path}"]')


def notes(page: Page, path: str) -> Any:
    """Return what is said of a field."""
    return page.locator(f'[id="{path}.notes"] .error')


def goto(page: Page, site: Site, path: str) -> None:
    """Go to a page by its path below the prefix."""
    page.goto(f"http://{site.host}{site.prefix}{path}")


def press(page: Page, name: str) -> None:
    """Press a button."""
    page.get_by_role("button", name=name, exact=True).click()


def fill_in(page: Page, name: str, image: str = "registry.example/lab:1") -> None:
    """Fill in what every Environment needs."""
    at(page, "metadata.name").fill(name)
    at(page, "spec.scope.cluster").select_option("true")
    at(page, "spec.image").fill(image)
    page.get_by_label("Workspace").check()


@pytest.fixture
def plain(browse: Browse) -> Page:
    """Return the page in a browser whose scripts are turned off."""
    return browse(java_script_enabled=False)


@pytest.mark.parametrize("scripts", ["page", "plain"])
def test_create(scripts: str, kube: Kube, running: Site, request: pytest.FixtureRequest) -> None:
    """A new Environment is filled in, with lists that grow and shrink, with and without scripts."""
    page: Page = request.getfixturevalue(scripts)
    name = kube.unique("form")
    goto(page, running, "/new")
    fill_in(page, name)
    press(page, "Add: Tools")
    at(page, "spec.tools[0].name").fill("lab")
    at(page, "spec.tools[0].type").select_option("JupyterNotebook")
    for _ in range(4):
        press(page, "Add: Arguments")
    for number, text in enumerate(("gone", "second", "one\ntwo", "third")):
        at(page, f"spec.args[{number}]").fill(text)
    press(page, "Remove: Arguments 1")
    press(page, "Move up: Arguments 2")
    press(page, "Move down: Arguments 2")
    press(page, "Create")
    page.wait_for_url("**/environments**")
    kube.until_ready(name)

    assert {
        **manifest(name, image="registry.example/lab:1", workloadTypes=["Workspace"])["spec"],
        "tools": [{"name": "lab", "type": "JupyterNotebook"}],
        "args": ["one\ntwo", "third", "second"],
        "overridable": ["Command", "Args", "Env"],
    } == kube.environment(name)["spec"]


@pytest.mark.parametrize("scripts", ["page", "plain"])
def test_what_is_wrong_stands_at_its_field(
    scripts: str, kube: Kube, running: Site, request: pytest.FixtureRequest
) -> None:
    """Our rules and the API server's refusal are shown at the field, and what was written is kept."""
    page: Page = request.getfixturevalue(scripts)
    taken = kube.unique("form")
    kube.apply(manifest(taken))
    goto(page, running, "/new")
    fill_in(page, taken, image="Registry.example/Upper")
    press(page, "Check")
    expect(notes(page, "spec.image")).to_contain_text("small letters")
    expect(at(page, "spec.image")).to_have_value("Registry.example/Upper")
    at(page, "spec.image").fill("registry.example/lab:1")
    press(page, "Check")

    expect(notes(page, "metadata.name")).to_contain_text("already exists")
    expect(notes(page, "spec.image")).to_have_count(0)


def test_form_and_yaml_in_step(running: Site, page: Page) -> None:
    """While one types in one of them the other follows; what is wrong is said at its field, what is missing is not."""
    goto(page, running, "/new")
    at(page, "spec.image").press_sequentially("registry.example/Lab")
    expect(at(page, "yaml")).to_have_value(re.compile("image: registry.example/Lab"))
    expect(notes(page, "spec.image")).to_contain_text("small letters")
    expect(notes(page, "metadata.name")).to_have_count(0)
    at(page, "yaml").fill(yaml.safe_dump(manifest("other", description="By hand", shmSize="1Gi")))
    expect(at(page, "spec.description")).to_have_value("By hand")
    expect(at(page, "metadata.name")).to_have_value("other")
    at(page, "spec.description").fill("In the form")

    expect(at(page, "yaml")).to_have_value(re.compile("description: In the form(.|\n)*shmSize: 1Gi"))


def test_edit(kube: Kube, project: str, running: Site, page: Page) -> None:
    """Before an edit is saved one sees the difference and who would be outdated; what the form does not know stays."""
    name = kube.unique("form")
    kube.apply({**manifest(name), "metadata": {"name": name, "annotations": {"example.com/owner": "vision"}}})
    kube.until_ready(name)
    kube.apply(workload("Deployment", "user", project, name))
    goto(page, running, f"/environments/{name}/edit")
    at(page, "spec.workingDir").fill("/work")
    press(page, "Review changes")
    expect(page.locator("pre.diff")).to_contain_text("+  workingDir: /work")
    expect(page.get_by_text(f"1 of its users would be outdated: Deployment {project}/user")).to_be_visible()
    picture(page, "form-edit-review")
    press(page, "Save")
    page.wait_for_url("**/environments**")
    stored = kube.environment(name)

    assert "/work" == stored["spec"]["workingDir"]
    assert "vision" == stored["metadata"]["annotations"]["example.com/owner"]


def test_conflict(kube: Kube, running: Site, page: Page) -> None:
    """Who saved later sees both versions, and nothing of somebody else is lost without a look at it."""
    name = kube.unique("form")
    kube.apply(manifest(name))
    kube.until_ready(name)
    goto(page, running, f"/environments/{name}/edit")
    kube.apply(manifest(name, description="Theirs"))
    at(page, "spec.workingDir").fill("/work")
    press(page, "Review changes")
    expect(page.get_by_text(texts.text("form.conflict"))).to_be_visible()
    expect(page.locator("pre.diff")).to_contain_text("-  description: Theirs")
    expect(page.locator("pre.diff")).to_contain_text("+  workingDir: /work")
    picture(page, "form-conflict")
    assert "workingDir" not in kube.environment(name)["spec"]
    press(page, "Review changes")
    press(page, "Save")
    page.wait_for_url("**/environments**")

    assert "/work" == kube.environment(name)["spec"]["workingDir"]


def test_copy(kube: Kube, running: Site, page: Page) -> None:
    """A copy begins with everything of the original but its name."""
    name, new = kube.unique("form"), kube.unique("copy")
    kube.apply(manifest(name, env=[{"name": "EMPTY", "value": ""}, {"name": "ASKED", "required": True}]))
    goto(page, running, f"/environments/{name}/copy")
    at(page, "metadata.name").fill(new)
    press(page, "Create")
    page.wait_for_url("**/environments**")

    assert kube.environment(name)["spec"] == kube.environment(new)["spec"]


def test_yaml_instead_of_saving(kube: Kube, running: Site, page: Page, tmp_path: Path) -> None:
    """For GitOps the draft comes as a file; what Argo CD or Flux applies is said to be undone."""
    name = kube.unique("form")
    kube.apply(manifest(name))
    kube.kubectl("label", "environment", name, "kustomize.toolkit.fluxcd.io/name=environments")
    goto(page, running, f"/environments/{name}/edit")
    expect(page.get_by_text(texts.text("form.managed", manager="Flux"))).to_be_visible()
    at(page, "spec.workingDir").fill("/work")
    with page.expect_download() as loading:
        press(page, "Download YAML")
    loading.value.save_as(tmp_path / "environment.yaml")
    written = yaml.safe_load((tmp_path / "environment.yaml").read_text())

    assert f"{name}.yaml" == loading.value.suggested_filename
    assert {**kube.environment(name)["spec"], "workingDir": "/work"} == written["spec"]
    assert "workingDir" not in kube.environment(name)["spec"]


def test_who_may_not(kube: Kube, project: str, plugin: Plugin, chromium: Browser) -> None:
    """What a person may not do is disabled and names the right; what the policies refuse stands at the scope."""
    viewer = Person(kube.cluster, kube.unique("viewer"))
    create(kube.rest, bind(viewer, VIEWER))
    viewer.await_right("list", PLURAL)
    writer = author(kube.cluster, kube.rest, "author", [project])
    with serving(plugin, "--as", viewer.name) as site, opened(chromium, site) as page:
        goto(page, site, "/new")
        expect(page.get_by_role("button", name="Create", exact=True)).to_be_disabled()
        expect(page.locator("#save")).to_contain_text("You lack the verb create")
    with serving(plugin, "--as", writer.name) as site, opened(chromium, site) as page:
        goto(page, site, "/new")
        fill_in(page, kube.unique("form"))
        press(page, "Check")
        expect(notes(page, "spec.scope").first).to_contain_text("publish")
        picture(page, "form-refused")


def test_several_clusters(kube: Kube, project: str, plugin: Plugin, config: Any, browse: Browse) -> None:
    """With several contexts a form says of which cluster it is, and writes to that one, as the user of its context."""
    writer, name = author(kube.cluster, kube.rest, "author", [project]), kube.unique("form")

    def edit(content: dict[str, Any]) -> None:
        (context,), (user,) = content["contexts"], content["users"]
        content["users"].append({"name": "writer", "user": {**user["user"], "as": writer.name}})
        for each, who in (("east", user["name"]), ("west", "writer")):
            content["contexts"].append({"name": each, "context": {**context["context"], "user": who}})

    with serving(plugin, "--kubeconfig", config(edit), "--context=east", "--context=west") as site:
        site.enter()
        page = browse("/new", site=site)
        where = page.get_by_role("navigation", name="Cluster")
        expect(where.locator("[aria-current]")).to_have_text("east")
        where.get_by_role("link", name="west").click()
        expect(where.locator("[aria-current]")).to_have_text("west")
        expect(page.get_by_role("banner")).to_contain_text(writer.name)
        at(page, "metadata.name").fill(name)
        at(page, "spec.scope.projects").fill(project)
        at(page, "spec.image").fill("registry.example/lab:1")
        page.get_by_label("Workspace").check()
        press(page, "Check")
        expect(page.get_by_text(texts.text("form.accepted"))).to_be_visible()
        expect(where.locator("[aria-current]")).to_have_text("west")
        press(page, "Create")
        page.wait_for_url(f"**/environments/{name}?context=west")
        expect(where.locator("[aria-current]")).to_have_text("west")
        picture(page, "details-west")

    assert writer.name == kube.environment(name)["metadata"]["annotations"][names.CREATED_BY]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1360), ("dark", 360)])
def test_nothing_stands_in_the_way(
    kube: Kube, running: Site, browse: Browse, scheme: Literal["light", "dark"], width: int
) -> None:
    """Axe finds nothing on any page with a form, in light and dark, and nothing is cut off on a small screen."""
    name = kube.unique("form")
    kube.apply({**manifest(name), "spec": EVERYTHING})
    page = browse("/new", color_scheme=scheme, viewport={"width": width, "height": 900})
    for path in ("/new", f"/environments/{name}/edit", f"/environments/{name}/rename", "/import", "/check"):
        goto(page, running, path)
        picture(page, f"{path.strip('/').replace(name, 'x').replace('/', '-')}-{scheme}-{width}")
        assert [] == Axe().run(page).response["violations"], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_keyboard(running: Site, page: Page) -> None:
    """The keyboard alone reaches the buttons, and Enter in a field checks and removes nothing."""
    goto(page, running, "/new")
    press(page, "Add: Arguments")
    at(page, "spec.image").focus()
    page.keyboard.type("registry.example/lab:1")
    page.keyboard.press("Enter")
    expect(notes(page, "metadata.name")).not_to_have_count(0)
    expect(at(page, "spec.args[0]")).to_be_visible()
    at(page, "spec.args[0]").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(at(page, "spec.args[0]")).to_have_count(0)
