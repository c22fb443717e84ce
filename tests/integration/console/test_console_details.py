"""The page of one Environment in a real browser, on a real API server."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from playwright.sync_api import Page, expect

from builders import manifest, workload
from environment_operator.api import names
from kube import Kube
from people import VIEWER, Person, bind, create, role, unique
from plugin import Plugin
from web import serving


@pytest.fixture
def outdated(kube: Kube, project: str) -> Iterator[str]:
    """Return an Environment with a Deployment and a Job that have an earlier version."""
    name = kube.unique("details")
    kube.apply(
        manifest(
            name,
            displayName="For the test",
            description="What it is for",
            scope={"projects": [project]},
            workingDir="/work",
            user={"source": "Custom", "uid": 1000, "gid": 100},
            tools=[{"name": "lab", "type": "JupyterNotebook"}],
            env=[{"name": "TOKEN", "required": True, "description": "A token"}],
        )
    )
    kube.until_ready(name)
    for kind in ("Deployment", "Job"):
        made = workload(kind, "train", project, name)
        made["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "TOKEN", "value": "a"}]
        kube.apply(made)
    kube.until_used(name, 2)
    kube.kubectl("patch", "env", name, "--type=merge", "-p", '{"spec": {"workingDir": "/other"}}')
    kube.until("it to be outdated", lambda: kube.status(name)["usage"]["outdated"] == 1)
    yield name
    for kind in ("deployment", "job"):
        kube.kubectl("delete", kind, "train", "-n", project)
    kube.until_used(name, 0)
    kube.kubectl("delete", "env", name)


def tab(page: Page, name: str) -> None:
    """Open one section of the page."""
    page.get_by_role("navigation", name="Sections").get_by_role("link", name=name).click()
    expect(page.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")


def test_what_it_is(browse: Any, outdated: str, project: str) -> None:
    """The overview says in words what it gives, who may use it, its tools and variables, and that users are behind."""
    page = browse(f"/environments/{outdated}")
    facts = page.locator("dl.facts").first

    expect(page.get_by_role("heading", level=1)).to_contain_text("For the test")
    for text in ("registry.example/team/jupyter:4.2", "/other", "user 1000, group 100"):
        expect(facts).to_contain_text(text)
    expect(page.locator("ul.tree")).to_have_text(f"project {project}")
    expect(page.get_by_role("row", name="lab")).to_contain_text("8888")
    expect(page.get_by_role("row", name="TOKEN")).to_contain_text("A token")
    expect(page.get_by_text("Workloads that run an earlier version: 1.")).to_be_visible()


def test_use_it(kube: Kube, browse: Any, outdated: str, project: str) -> None:
    """For each kind that can use it there is a manifest that the API server takes as it stands."""
    page = browse(f"/environments/{outdated}?project={project}")
    kinds = page.get_by_label("Kind").locator("option").all_inner_texts()
    assert {"StatefulSet", "Deployment", "Pod", "Job"} <= set(kinds)
    for kind in kinds:
        page.get_by_label("Kind").select_option(label=kind)
        expect(page.locator("#use")).to_contain_text(f"kind: {kind}\n")
        text = page.locator("#use pre").first.inner_text()
        assert outdated == yaml.safe_load(text)["metadata"]["labels"][names.REFERENCE]
        kube.kubectl("apply", "--dry-run=server", "-f", "-", stdin=text)


def test_refresh(kube: Kube, browse: Any, outdated: str) -> None:
    """All users are there; one with an earlier version is refreshed by a button, one that cannot change says so."""
    page = browse(f"/environments/{outdated}")
    tab(page, "Used by")
    expect(page.get_by_role("row", name="Job train")).to_contain_text("A Job cannot change.")
    page.get_by_role("button", name="Refresh Deployment train").click()

    expect(page.get_by_text("is refreshed")).to_be_visible()
    expect(page.get_by_role("row", name="Deployment train")).to_contain_text("up to date")
    kube.until("none to be outdated", lambda: kube.status(outdated)["usage"]["outdated"] == 0)


def test_yaml_and_events(browse: Any, outdated: str) -> None:
    """The YAML is what one would apply, without what only the API server needs."""
    page = browse(f"/environments/{outdated}")
    tab(page, "YAML")
    found = yaml.safe_load(page.locator("#live pre").inner_text())
    tab(page, "Events")

    assert (outdated, "/other") == (found["metadata"]["name"], found["spec"]["workingDir"])
    assert "managedFields" not in found["metadata"]
    assert "annotations" not in found["metadata"] or "last-applied" not in str(found["metadata"]["annotations"])


def test_there_is_none(browse: Any) -> None:
    """An Environment that there is not is said in the words of the plugin."""
    page = browse("/environments/nowhere")

    expect(page.locator("main")).to_contain_text('There is no Environment "nowhere".')


def test_rights(kube: Kube, plugin: Plugin, browse: Any, outdated: str, project: str) -> None:
    """Who may look but not change workloads sees the button disabled, with the right that is missing."""
    person, reads = Person(kube.cluster, unique("reader")), unique("reads")
    create(
        kube.rest, role(reads, ("apps", "deployments", ["get", "list"], [])), bind(person, VIEWER), bind(person, reads)
    )
    person.await_right("list", "deployments.apps")
    with serving(plugin, f"--as={person.name}") as site:
        site.enter()
        page = browse(f"/environments/{outdated}?tab=users", site=site)
        row = page.get_by_role("row", name="Deployment train")

        expect(row.get_by_role("button", name="Refresh")).to_be_disabled()
        expect(row).to_contain_text(f'You lack the right to patch deployments.apps in project "{project}".')


def test_hostile_texts(kube: Kube, browse: Any) -> None:
    """What an author writes is shown as it stands: no text of theirs becomes part of the page."""
    name, hostile = kube.unique("hostile"), "<img src=x onerror=alert(1)><script>alert(1)</script>\"'"
    kube.apply(manifest(name, displayName="<b>bold</b>", description=hostile, env=[{"name": "A", "value": hostile}]))
    for path in (f"/environments/{name}", f"/environments/{name}?tab=yaml", f"/environments?search={name}"):
        page = browse(path)
        expect(page.locator("main")).to_contain_text(hostile)
        assert 0 == page.locator("main img, main script, main b").count()
    kube.kubectl("delete", "env", name)
