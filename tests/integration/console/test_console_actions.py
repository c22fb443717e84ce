"""Rename, delete, import and the check of workloads in a real browser, on a real API server."""

import json
from pathlib import Path

from playwright.sync_api import Page, expect

from builders import manifest, workload
from environment_operator.api import names
from kube import Kube
from people import exists
from web import Site, picture

ASSET = {
    "meta": {
        "name": "Lab",
        "scope": "cluster",
        "workloadSupportedTypes": {"workspace": True, "training": True, "inference": False},
    },
    "spec": {"image": "registry.example/lab:1", "command": "python -m lab", "autoscaling": {"replicas": 2}},
}


def goto(page: Page, site: Site, path: str) -> None:
    """Go to a page by its path below the prefix."""
    page.goto(f"http://{site.host}{site.prefix}{path}")


def press(page: Page, name: str) -> None:
    """Press a button."""
    page.get_by_role("button", name=name, exact=True).click()


def test_delete(kube: Kube, project: str, running: Site, page: Page) -> None:
    """In use it cannot be deleted, with the users; otherwise whoever types its name deletes it."""
    name = kube.unique("gone")
    kube.apply(manifest(name))
    kube.until_ready(name)
    kube.apply(workload("Deployment", "user", project, name))
    goto(page, running, f"/environments/{name}/delete")
    expect(page.get_by_role("button", name="Delete", exact=True)).to_be_disabled()
    expect(page.get_by_role("main")).to_contain_text(f"Deployment {project}/user")
    picture(page, "delete-used")
    kube.kubectl("delete", "deployment", "user", "-n", project)
    kube.until("nobody uses it", lambda: not kube.environment(name)["status"]["usage"]["total"])
    page.reload()
    page.get_by_label("Type its name").fill("other")
    press(page, "Delete")
    expect(page.get_by_role("alert")).to_contain_text("does not match")
    page.get_by_label("Type its name").fill(name)
    press(page, "Delete")
    page.wait_for_url("**/environments")

    kube.until("it is gone", lambda: not exists(kube.rest, name))


def test_rename(kube: Kube, project: str, running: Site, page: Page) -> None:
    """Words change at once; a new name is tried first, and the users follow."""
    name, new = kube.unique("old"), kube.unique("new")
    kube.apply(manifest(name))
    kube.until_ready(name)
    kube.apply(workload("Deployment", "user", project, name))
    goto(page, running, f"/environments/{name}/rename")
    page.get_by_label("Display name").fill("Other words")
    press(page, "Save")
    page.wait_for_url("**/environments**")
    assert "Other words" == kube.environment(name)["spec"]["displayName"]
    goto(page, running, f"/environments/{name}/rename")
    page.get_by_label("New name").fill("No Name")
    press(page, "Show what would happen")
    expect(page.get_by_role("alert")).to_contain_text('"No Name" is no name')
    page.get_by_label("New name").fill(new)
    press(page, "Show what would happen")
    expect(page.get_by_text(f"Deployment {project}/user moved (server dry run)")).to_be_visible()
    picture(page, "rename-would")
    assert not exists(kube.rest, new)
    press(page, "Rename")
    page.wait_for_url(lambda url: "rename" not in url)

    assert "Other words" == kube.environment(new)["spec"]["displayName"]
    kube.until("the old one is gone", lambda: not exists(kube.rest, name))


def test_import(kube: Kube, running: Site, page: Page, tmp_path: Path) -> None:
    """A file of Run:ai shows what is carried over and what not; what is chosen is created, and nothing else."""
    good, bad = kube.unique("good"), kube.unique("bad")
    file = tmp_path / "assets.json"
    assets = [{**ASSET, "meta": {**ASSET["meta"], "name": name}} for name in (good, bad)]
    file.write_text(json.dumps({"entries": assets}))
    goto(page, running, "/import")
    page.get_by_label("File").set_input_files(file)
    press(page, "Show what becomes of them")
    expect(page.get_by_role("article").filter(has_text=good)).to_contain_text("autoscaling")
    picture(page, "import-found")
    page.get_by_label(bad).uncheck()
    press(page, "Create the chosen ones")
    expect(page.get_by_role("article").filter(has_text=good)).to_contain_text("created")

    assert exists(kube.rest, good)
    assert not exists(kube.rest, bad)
    page.get_by_label("Or JSON").fill("{")
    press(page, "Show what becomes of them")
    expect(page.get_by_role("alert")).to_contain_text("cannot be read")


def test_a_file_is_dropped(running: Site, page: Page) -> None:
    """A file that is dropped on the page is the one that is read."""
    goto(page, running, "/import")
    drop(page, "form", "assets.json", json.dumps(ASSET))
    expect(page.get_by_label("File")).to_have_value("C:\\fakepath\\assets.json")
    press(page, "Show what becomes of them")

    expect(page.get_by_role("article")).to_contain_text("lab")


def drop(page: Page, onto: str, name: str, content: str) -> None:
    """Drop a file somewhere, as from a folder of the desktop; it is dropped only where that is allowed."""
    page.locator(onto).evaluate(
        """(onto, [name, content]) => {
            const dataTransfer = new DataTransfer(), given = { dataTransfer, bubbles: true, cancelable: true };
            dataTransfer.items.add(new File([content], name, { type: "application/json" }));
            if (onto.dispatchEvent(new DragEvent("dragover", given))) throw new Error("not allowed here");
            onto.dispatchEvent(new DragEvent("drop", given));
        }""",
        [name, content],
    )


def test_check(kube: Kube, project: str, running: Site, page: Page) -> None:
    """A manifest is shown as it would be admitted, each value with its source, or why it is refused."""
    name = kube.unique("env")
    kube.apply(manifest(name, workingDir="/work"))
    kube.until_ready(name)
    item = workload("Deployment", "user", project, name)
    other = workload("Job", "other", project, "missing")
    goto(page, running, "/check")
    page.get_by_label("Manifest").fill(json.dumps({"kind": "List", "apiVersion": "v1", "items": [item, other]}))
    press(page, "Check")
    expect(page.get_by_role("region", name="Deployment user")).to_contain_text(f"# Environment {name}")
    expect(page.get_by_text('There is no Environment "missing"')).to_be_visible()
    picture(page, "check-results")
    page.get_by_label("Manifest").fill(f"kind: Deployment\nmetadata: {{labels: {{{names.REFERENCE}: x}}}}\n- a")
    press(page, "Check")

    expect(page.get_by_role("alert")).to_contain_text("cannot be read")
