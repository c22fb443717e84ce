"""Every page for every reader: axe, without the script, by the keyboard alone, from 360 px on, light and dark.

The pictures are written for people to look at.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from builders import manifest, workload
from cluster import Cluster
from cluster.rest import Rest
from environment_operator import console
from kube import Kube, Operator
from people import unique
from web import Site, screenshots

Scheme = Literal["light", "dark"]
USUAL = "columns=environment,state,description,scope,image,workloadtypes,tools,workloads"
WIDTHS, SCHEMES = (360, 980, 1360, 3840), ("light", "dark")
LONG = "a-name-that-is-as-long-as-it-may-be-with-sixty-three-letters"
LOREM = "JupyterLab with the usual scientific packages, for interactive work without a GPU."
JUPYTER, OURS = "notebook-scipy", "registry.example/research"
SHOWN: dict[str, dict[str, Any]] = {
    JUPYTER: {
        "displayName": "Jupyter",
        "description": LOREM,
        "image": f"{OURS}/scipy-notebook:2026-01",
        "tools": [{"name": "lab", "type": "JupyterNotebook"}, {"name": "board", "type": "TensorBoard"}],
        "workingDir": "/home/jovyan/work",
    },
    "pytorch-ddp": {
        "description": "Data-parallel training with torchrun",
        "image": f"{OURS}/pytorch:2.9",
        "scope": {"projects": ["vision", "speech"]},
        "deprecated": {"message": "Use pytorch-ddp-2.", "replacedBy": "pytorch-ddp-2"},
        "workloadTypes": ["Training"],
    },
    "pytorch-ddp-2": {
        "description": "Data-parallel training with torchrun",
        "image": f"{OURS}/pytorch:2.10",
        "scope": {"departments": ["imaging"]},
        "workloadTypes": ["Training"],
    },
    "vllm-chat": {
        "description": "A language model behind an API",
        "image": f"{OURS}/vllm:0.12",
        "workloadTypes": ["Inference"],
        "endpoint": {"port": 8000, "protocol": "HTTP"},
    },
    LONG: {
        "description": f"{LOREM} " * 2,
        "tools": [{"name": f"tool-{number}", "type": "Custom", "containerPort": 9000 + number} for number in range(40)],
        "image": f"registry.example:5000/a/very/long/path/of/an/image@sha256:{'0' * 64}",
        "scope": {"departments": ["imaging"], "projects": [f"project-{number}" for number in range(24)]},
    },
}


@pytest.fixture(scope="module")
def world(cluster: Cluster, rest: Rest, operator: Operator) -> Iterator[str]:  # noqa: ARG001 - it runs
    """Return an Environment among others that are hard to show: long names, forty tools, nothing at all."""
    kube, vision = Kube(cluster, rest), unique("vision")
    rest.create("/api/v1/namespaces", {"metadata": {"name": vision}})
    made = [manifest(name, **fields) for name, fields in SHOWN.items()]
    user = workload("Deployment", "notebook", vision, JUPYTER)
    del user["spec"]["template"]["spec"]["containers"][0]["image"]
    kube.apply(*made, user)
    kube.until_used(JUPYTER, 1)
    kube.kubectl("patch", "env", JUPYTER, "--type=merge", "-p", '{"spec": {"workingDir": "/home/jovyan"}}')
    kube.until("it to be outdated", lambda: kube.status(JUPYTER)["usage"]["outdated"] == 1)
    for name in SHOWN:
        kube.until_ready(name)
    yield JUPYTER
    kube.kubectl("delete", "deployment", "notebook", "-n", vision)
    rest.delete(f"/api/v1/namespaces/{vision}")
    kube.until_used(JUPYTER, 0)
    for name in SHOWN:
        kube.kubectl("delete", "env", name)


def pages(name: str) -> dict[str, str]:
    """Return every page that there is to look at, by what its picture is called."""
    return {
        "table": "/environments",
        "table-empty": "/environments?search=there-is-none",
        "table-few-columns": "/environments?columns=environment,state",
        "details": f"/environments/{name}",
        "details-users": f"/environments/{name}?tab=users",
        "details-yaml": f"/environments/{name}?tab=yaml",
        "details-events": f"/environments/{name}?tab=events",
        "details-long": f"/environments/{LONG}",
        "details-none": "/environments/nowhere",
    }


def settled(page: Page) -> None:
    """Return when the data are there."""
    expect(page.locator("main h1")).to_be_visible()


def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("shown", pages(""))
def test_axe_widths_and_pictures(browse: Any, world: str, shown: str, scheme: Scheme) -> None:
    """Axe finds nothing on any page in either scheme, and no page scrolls sideways however narrow or wide it is."""
    page = browse(pages(world)[shown], color_scheme=scheme)
    settled(page)
    found = Axe().run(page)
    wide = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wide[width] = overflow(page)
        if width in (360, 1360):
            page.screenshot(path=screenshots() / f"{shown}-{width}-{scheme}.png")

    assert 0 == found.violations_count, found.generate_report()
    assert dict.fromkeys(WIDTHS, 0) == wide


def test_picture_of_the_readme(browse: Any, world: str) -> None:
    """The picture of the README is made of real data; it is small enough for those who read on the way."""
    page = browse(f"/environments?filter=image={OURS}/*&{USUAL}", viewport={"width": 1500, "height": 520})
    expect(page.get_by_role("link", name=world, exact=True)).to_be_visible()
    page.screenshot(path=screenshots() / "readme.png")

    assert (screenshots() / "readme.png").stat().st_size <= 200_000


def test_without_the_script(browse: Any, world: str) -> None:
    """With scripts turned off one searches, filters, sorts, chooses columns, looks at details and refreshes a user."""
    page = browse(java_script_enabled=False)
    page.get_by_label("Search").fill(world)
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("summary", has_text="Add a filter").click()
    page.get_by_label("Value").fill("*")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("link", name="Remove the filter")).to_be_visible()
    page.get_by_role("columnheader", name="Image").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Image")).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("link", name=world, exact=True).click()
    page.get_by_role("link", name="Used by").click()
    page.get_by_role("button", name="Refresh Deployment notebook").click()

    expect(page.get_by_text("is refreshed")).to_be_visible()


def test_keyboard(browse: Any, world: str) -> None:
    """The keyboard alone gets one into the content, to the search, and into an Environment; the focus can be seen."""
    page = browse(f"/environments?search={world}&columns=environment")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == world:
            break
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_contain_text("Jupyter")


def test_times_of_the_reader(browse: Any, world: str) -> None:
    """A time is said in words, with the exact one in the reader's zone on hover."""
    page = browse(f"/environments?search={world}")
    time = page.locator("tbody time").first

    expect(time).to_have_attribute("title", re.compile(r"GMT\+9|Japan"))


def test_copy(browse: Any, world: str) -> None:
    """The label is copied by a button."""
    page = browse(f"/environments/{world}", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()

    assert f"environments.dev/environment: {world}" == page.evaluate("navigator.clipboard.readText()")


def test_size(browse: Any, running: Site, world: str) -> None:
    """What the browser loads for the table, and for an Environment, is small, and all of it comes from the page."""
    page = browse()
    loaded: list[tuple[str, int]] = []
    page.on("requestfinished", lambda sent: loaded.append((sent.url, sent.sizes()["responseBodySize"])))
    for path in ("/environments", f"/environments/{world}"):
        loaded.clear()
        page.goto(f"http://{running.host}{running.prefix}{path}", wait_until="networkidle")
        assert {f"http://{running.host}"} == {url[: len(running.host) + 7] for url, _ in loaded}
        assert sum(size for _, size in loaded) < 150_000


def test_lines_of_script() -> None:
    """The page has at most 200 lines of script."""
    scripts = [path.read_text() for path in Path(console.__path__[0]).rglob("*.js")]

    assert sum(len(text.splitlines()) for text in scripts) <= 200
