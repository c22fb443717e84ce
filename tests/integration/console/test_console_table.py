"""The table in a real browser, on a real API server."""

import csv
import io
import re
from collections.abc import Iterator
from multiprocessing.pool import ThreadPool
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from builders import manifest, workload
from cluster import Cluster
from cluster.faults import Answer, Hold, Match, Rule
from cluster.manifests import await_admission
from cluster.proxy import FaultProxy
from cluster.rest import Rest
from environment_operator.api.names import API_VERSION, PLURAL, SYSTEM_NAMESPACE
from environment_operator.api.names import KINDS as KINDS_NAME
from environment_operator.cli.client.responses import NO_SUCH_KIND
from kube import Kube, Operator
from people import Person, unique
from plugin import Plugin
from web import serving

Names = dict[str, str]
PATH = f"/apis/{API_VERSION}/{PLURAL}"
KINDS = f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/configmaps/{KINDS_NAME}"
ENVIRONMENTS = Match(path="/environments$", watch=False)


@pytest.fixture(scope="module")
def some(cluster: Cluster, rest: Rest, operator: Operator) -> Iterator[Names]:  # noqa: ARG001 - it runs
    """Return Environments by what is special about them: each begins with the same word, by which it is found."""
    kube, word = Kube(cluster, rest), unique("page")
    project = kube.unique("project")
    rest.create("/api/v1/namespaces", {"metadata": {"name": project}})
    made = {key: f"{word}-{key}" for key in ("used", "idle", "old", "here")}
    kube.apply(
        manifest(made["used"], description="For interactive work"),
        manifest(made["idle"], workloadTypes=["Training"]),
        manifest(made["old"], deprecated={"message": "Use the new one.", "replacedBy": made["used"]}),
        manifest(made["here"], scope={"projects": ["some-other-project"]}),
        workload("Deployment", "notebook", project, made["used"]),
    )
    for name in made.values():
        kube.until_ready(name)
    kube.until_used(made["used"], 1)
    yield {**made, "word": word, "project": project}
    rest.delete(f"/api/v1/namespaces/{project}")
    kube.until_used(made["used"], 0)
    for name in made.values():
        kube.kubectl("delete", "env", name)


def names(page: Page) -> list[str]:
    """Return the Environments that the table shows."""
    return [text.split("\n")[0] for text in page.locator("tbody th a").all_inner_texts()]


def row(page: Page, name: str) -> Locator:
    """Return the row of an Environment: others may name it, too."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def test_first_look(chromium: Browser, plugin: Plugin, some: Names) -> None:
    """The opened address leads to the table, which has each Environment with its image, state and description."""
    with serving(plugin) as site:
        page = chromium.new_page()
        page.goto(site.address)
        expect(page.get_by_role("table")).to_be_visible()
        assert "token" not in page.url
        page.goto(f"{page.url}?search={some['word']}")
        shown = row(page, some["used"])

        expect(page.get_by_role("banner")).to_contain_text("Signed in as: kubernetes-admin")
        expect(shown.get_by_role("rowheader")).to_contain_text("For interactive work")
        expect(shown).to_contain_text("registry.example/team/jupyter:4.2")
        page.close()


def test_states(browse: Any, some: Names) -> None:
    """Ready, unused and deprecated ones differ by words and by colour."""
    page = browse(f"/environments?search={some['word']}")
    states = {name: row(page, some[name]).locator(".state") for name in ("used", "idle", "old")}
    colours = {key: each.evaluate("e => getComputedStyle(e).color") for key, each in states.items()}

    expect(states["used"]).to_have_text("Ready")
    expect(states["idle"]).to_have_text("Unused")
    expect(states["old"]).to_have_text(f"Deprecated → {some['used']}")
    assert 3 == len(set(colours.values()))


def test_filter_sort_and_columns(browse: Any, some: Names) -> None:
    """Filters, order and columns are set on the page and stand in its address, which shows the same to others."""
    page = browse(f"/environments?search={some['word']}")
    page.locator("summary", has_text="Add a filter").click()
    page.get_by_role("combobox", name="Column").select_option("Workload types")
    page.get_by_label("Value").fill("Training")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("link", name="Remove the filter Workload types: Training")).to_be_visible()
    page.get_by_role("columnheader", name="Environment").get_by_role("link").click()
    page.get_by_role("columnheader", name="Environment").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Environment")).to_have_attribute("aria-sort", "descending")
    page.locator("summary", has_text="Columns").click()
    page.get_by_role("checkbox", name="Tools").uncheck()
    page.get_by_role("button", name="Show these columns").click()
    expect(page.get_by_role("columnheader", name="Tools")).to_have_count(0)
    there = browse(page.url.partition("/environments")[2].join(("/environments", "")))

    assert sorted((some[key] for key in ("used", "idle", "old", "here")), reverse=True) == names(page) == names(there)


def test_columns_are_remembered(browse: Any, some: Names) -> None:
    """Who chose columns sees them again without saying so; the usual ones are one click away."""
    page = browse(f"/environments?search={some['word']}&columns=environment,image")
    page.goto(page.url.partition("?")[0])
    expect(page.get_by_role("columnheader")).to_have_text(["Environment", "Image"])
    page.locator("summary", has_text="Columns").click()
    page.get_by_role("link", name="The usual columns").click()

    expect(page.get_by_role("columnheader", name="Scope")).to_be_visible()


def test_search_while_typing(browse: Any, some: Names) -> None:
    """The table follows what is typed, and so does the address; the field keeps the focus."""
    page = browse()
    page.get_by_label("Search").fill(some["idle"])
    expect(page.locator("tbody tr")).to_have_count(1)

    expect(page.get_by_label("Search")).to_be_focused()
    assert [some["idle"]] == names(page)
    expect(page).to_have_url(re.compile(some["idle"]))
    expect(page.get_by_role("link", name="CSV")).to_have_attribute("href", re.compile(some["idle"]))


def test_project(browse: Any, some: Names) -> None:
    """For a project there is what it may use."""
    page = browse(f"/environments?search={some['word']}")
    page.get_by_label("Project").select_option(some["project"])
    page.get_by_role("button", name="Show", exact=True).click()
    expect(row(page, some["here"])).to_have_count(0)

    assert {some[key] for key in ("used", "idle", "old")} == set(names(page))


def test_csv(browse: Any, some: Names) -> None:
    """CSV has exactly what is shown: columns, rows and order."""
    page = browse(f"/environments?search={some['word']}&columns=environment,image&sort=environment:desc")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    rows = list(csv.reader(io.StringIO(download.value.path().read_text())))

    assert ["Environment", "Image"] == rows[0]
    assert names(page) == [row[0] for row in rows[1:]]


def test_refreshes_without_losing_the_place(kube: Kube, browse: Any, some: Names) -> None:
    """What others create appears by itself; where one scrolled to and what is open stay."""
    page = browse(f"/environments?search={some['word']}", viewport={"width": 700, "height": 500})
    page.locator(".scroll").evaluate("e => e.scrollTo(200, 0)")
    name = f"{some['word']}-new"
    kube.apply(manifest(name))
    expect(row(page, name)).to_be_visible()
    kube.kubectl("delete", "env", name)

    assert 200 == page.locator(".scroll").evaluate("e => e.scrollLeft")


def test_nothing_matches(browse: Any) -> None:
    """A table without rows says why, and leads on."""
    page = browse("/environments?search=there-is-none-of-this-name")

    expect(page.locator("main")).to_contain_text("No Environment matches.")
    expect(page.get_by_role("link", name="Show all")).to_be_visible()


def test_wrong_address(browse: Any) -> None:
    """An address with a column that there is not says which there are."""
    page = browse("/environments?columns=nothing")

    expect(page.locator("main")).to_contain_text('There is no column "nothing". Choose one of Environment')


def test_no_rights(cluster: Cluster, browse: Any, plugin: Plugin) -> None:
    """Who may not list Environments reads the command by which an administrator gives them the right."""
    person = Person(cluster, unique("nobody"))
    with serving(plugin, f"--as={person.name}") as site:
        site.enter()
        page = browse(site=site)

        expect(page.get_by_role("heading", level=1)).to_have_text("You may not do this")
        expect(page.locator("main")).to_contain_text(f"--clusterrole=environment-viewer --user={person.name}")


@pytest.mark.parametrize(
    ("change", "title"),
    [
        ({"server": "https://127.0.0.1:1"}, "The API server cannot be reached"),
        ({}, "The API server cannot be reached"),
        (None, "This cluster has no Environments"),
    ],
)
def test_no_cluster_and_no_definition(
    plugin: Plugin, config: Any, browse: Any, through: str, faults: FaultProxy, change: Any, title: str
) -> None:
    """Without a cluster, without a kubeconfig that can be used, and without the definition the page says so."""
    faults.add(Rule(ENVIRONMENTS, Answer(404, "NotFound", NO_SUCH_KIND)))
    file = through if change is None else config(lambda content: content["clusters"][0].update(cluster=change), "other")
    with serving(plugin, "--kubeconfig", file) as site:
        site.enter()
        page = browse(site=site)
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        expect(page.get_by_role("link", name="Try again")).to_be_visible()


def test_slow_and_failing(plugin: Plugin, browse: Any, through: str, faults: FaultProxy, some: Names) -> None:
    """A slow API server: a sketch, then the data. One that fails: what was there stays, and since when is said."""
    held = Hold()
    rule = faults.add(Rule(ENVIRONMENTS, held))
    with serving(plugin, "--kubeconfig", through) as site:
        site.enter()
        page = browse("/nothing", site=site)
        page.goto(f"http://{site.host}{site.prefix}/environments?search={some['word']}", wait_until="commit")
        expect(page.get_by_text("Reading Environments")).to_be_visible()
        held.release.set()
        expect(row(page, some["used"])).to_be_visible()
        expect(page.get_by_text("Reading Environments")).to_be_hidden()
        rule.remove()
        faults.add(Rule(ENVIRONMENTS, Answer(503, "ServiceUnavailable", "not today")))
        expect(page.get_by_text("cannot be read: Not today.")).to_be_visible()
        assert some["used"] in names(page)
    expect(page.get_by_text("The page could not be refreshed")).to_be_visible()
    assert some["used"] in names(page)


def test_second_load(plugin: Plugin, through: str, faults: FaultProxy, some: Names) -> None:
    """What is the same for everybody, and what was read a moment ago, is not asked for again."""
    with serving(plugin, "--kubeconfig", through) as site:
        site.enter()
        assert 200 == site.get(f"/environments/{some['used']}?tab=users").status
        assert 200 == site.get("/environments").status
        first = asked(faults)
        assert {"/api", "/apis", KINDS, PATH} <= set(first)
        faults.traffic.clear()
        assert 200 == site.get("/environments").status
        assert ["/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"] == asked(faults)
        assert 200 == site.get(f"/environments/{some['used']}?tab=users").status
        assert {"/api", "/apis", KINDS, PATH}.isdisjoint(asked(faults))


def asked(faults: FaultProxy) -> list[str]:
    """Return the paths of all requests so far."""
    return [each.path for each in faults.traffic.exchanges()]


@pytest.fixture
def many(kube: Kube) -> Iterator[list[str]]:
    """Return more Environments than a list has in one answer, that no operator has seen: it would be long busy."""
    word = unique("many")
    every = [f"{word}-{number:03}" for number in range(520)]
    label = {"labels": {"example.com/of": word}}
    kube.cluster.stop_operator()
    with ThreadPool(8) as pool:
        made = pool.map(
            lambda name: kube.rest.create(PATH, manifest(name) | {"metadata": {"name": name} | label}), every
        )
    assert all(each.ok for each in made)
    yield every
    kube.rest.delete(f"{PATH}?labelSelector=example.com/of={word}")
    kube.cluster.start_operator()
    await_admission(kube.cluster.layout)


def test_many(plugin: Plugin, many: list[str], browse: Any, through: str, faults: FaultProxy) -> None:
    """Of more than a list has in one answer the first table is there before the rest is read, and it is small."""
    held = Hold()
    faults.add(Rule(Match(path="/environments$", query="continue=", watch=False), held))
    with serving(plugin, "--kubeconfig", through) as site:
        site.enter()
        page = browse("/nothing", site=site)
        loaded: list[int] = []
        page.on("requestfinished", lambda sent: loaded.append(sent.sizes()["responseBodySize"]))
        page.goto(f"http://{site.host}{site.prefix}/environments", wait_until="networkidle")
        expect(page.locator("tbody tr")).to_have_count(100)
        total = int(page.locator(".foot").inner_text().split()[0])
        expect(page.locator(".foot")).to_contain_text(f"page 1 of {-(-total // 100)}")
        assert total >= len(many)
        assert sum(loaded) < 150_000
        held.release.set()
        page.goto(f"http://{site.host}{site.prefix}/environments?search={many[-1][:-1]}&sort=environment:desc")
        expect(page.locator(".foot")).to_contain_text(f"10 of {total}")
        assert many[:-11:-1] == names(page)


def test_several_clusters(plugin: Plugin, config: Any, browse: Any, some: Names) -> None:
    """Several contexts are one table with the column Cluster; one that cannot be read is left out, and that is said."""

    def edit(content: dict[str, Any]) -> None:
        (context,) = content["contexts"]
        content["clusters"].append({"name": "gone", "cluster": {"server": "https://127.0.0.1:1"}})
        for name, cluster in (("east", context["context"]["cluster"]), ("west", "gone")):
            content["contexts"].append({"name": name, "context": {**context["context"], "cluster": cluster}})
        content["contexts"].append({"name": "north", "context": context["context"]})

    with serving(
        plugin, "--kubeconfig", config(edit), *(f"--context={each}" for each in ("east", "west", "north"))
    ) as site:
        site.enter()
        page = browse(f"/environments?search={some['used']}", site=site)
        rows = row(page, some["used"])
        expect(rows).to_have_count(2)
        expect(page.get_by_text("west is left out")).to_be_visible()
        expect(page.get_by_role("columnheader", name="Cluster")).to_be_visible()
        expect(page.get_by_label("Search")).to_have_value(some["used"])
        rows.last.get_by_role("link").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(some["used"])
        assert "context=north" in page.url
