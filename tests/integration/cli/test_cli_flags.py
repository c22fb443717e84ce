"""What all commands of the plugin share: how they reach the API server, what they say meanwhile, and how they end."""

import csv
import io
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyte
import pytest
import yaml

from builders import manifest, workload
from cluster.faults import Answer, Delay, Drop, Hold, Match, Rule
from cluster.proxy import FaultProxy
from cluster.waiting import PATIENCE_SECONDS
from environment_operator.api import names
from environment_operator.cli import fetch
from kube import ENVIRONMENTS, Kube
from plugin import Plugin

Edit = Callable[[dict[str, Any]], object]
EXEC = {
    "apiVersion": "client.authentication.k8s.io/v1",
    "interactiveMode": "Never",
    "installHint": "brew install it",
}


def renamed(context: str) -> Edit:
    """Return the change that gives the context another name."""

    def edit(content: dict[str, Any]) -> None:
        content["contexts"][0]["name"] = content["current-context"] = context

    return edit


def test_contexts(kube: Kube, plugin: Plugin, config: Any) -> None:
    """``--kubeconfig``, ``--context`` and KUBECONFIG choose the API server, of several files the first as in kubectl;
    the context's name is shown where the cluster has none.
    """
    name = kube.unique("env")
    kube.apply(manifest(name))
    one, two = config(renamed("one"), "one"), config(renamed("two"), "two")
    asked = ("list", "--filter", f"environment={name}", "--columns", "cluster", "--no-headers")

    assert "one\n" == plugin(*asked, "--kubeconfig", one)
    assert "two\n" == plugin(*asked, KUBECONFIG=two)
    assert "two\n" == plugin(*asked, "--context", "two", KUBECONFIG=f"{one}:{two}")
    assert "one\n" == plugin(*asked, KUBECONFIG=f"{one}:{two}")


def test_contexts_that_kubectl_finds(plugin: Plugin, config: Any, tmp_path: Path) -> None:
    """A context that is asked for needs no current one, and a variable that is empty is as none."""

    def edit(content: dict[str, Any]) -> None:
        content["current-context"] = "gone"

    lost, home = config(edit), tmp_path / "home"
    (home / ".kube").mkdir(parents=True)
    (home / ".kube" / "config").write_text(plugin.cluster.kubeconfig.read_text())
    context = yaml.safe_load(plugin.cluster.kubeconfig.read_text())["current-context"]

    assert "Expected object with name gone" in plugin.fails("list", code=5, KUBECONFIG=lost)
    plugin("list", "--context", context, KUBECONFIG=lost)
    plugin("list", KUBECONFIG="", HOME=str(home))


def test_the_contexts_namespace(kube: Kube, plugin: Plugin, project: str, config: Any) -> None:
    """Where a project is needed and none is given, it is that of the context."""
    name = kube.unique("env")
    kube.apply(manifest(name, scope={"projects": [project]}))
    inside = config(lambda content: content["contexts"][0]["context"].update(namespace=project))

    assert f"yes: {name} may be used in {project}\n" == plugin("check", name, KUBECONFIG=inside)
    assert 'project "default" is not among' in plugin("check", name, code=1)


def test_impersonation(plugin: Plugin) -> None:
    """``--as`` and ``--as-group`` are whom the API server sees."""
    assert 'User "nobody" cannot list' in plugin.fails("list", "--as", "nobody", code=3)
    assert 'User "김" cannot list' in plugin.fails("list", "--as", "김", code=3)
    assert "Give --as." in plugin.fails("list", "--as-group", "some", code=2)
    plugin("list", "--as", "nobody", "--as-group", "some", "--as-group", "system:masters")


def test_impersonation_in_the_kubeconfig(plugin: Plugin, config: Any) -> None:
    """Whom the kubeconfig impersonates is whom the API server sees, unless somebody else is asked for."""

    def edit(content: dict[str, Any]) -> None:
        content["users"][0]["user"] |= {
            "as": "ann",
            "as-uid": "7",
            "as-groups": ["some"],
            "as-user-extra": {"a b": ["c"]},
        }

    acting = config(edit)

    assert 'User "ann" cannot list' in plugin.fails("list", code=3, KUBECONFIG=acting)
    assert 'User "bob" cannot list' in plugin.fails("list", "--as", "bob", code=3, KUBECONFIG=acting)
    plugin("list", "--as-group", "system:masters", KUBECONFIG=acting)


def test_a_proxy_is_not_for_our_own_machine(plugin: Plugin, config: Any) -> None:
    """What the environment says of proxies is for other machines, as in Go; what the kubeconfig says is for all."""
    nowhere = "http://127.0.0.1:9"
    through = config(lambda content: content["clusters"][0]["cluster"].update({"proxy-url": nowhere}))

    plugin("list", HTTPS_PROXY=nowhere)
    assert "Unable to connect to proxy" in plugin.fails("list", code=5, KUBECONFIG=through)


@pytest.mark.parametrize(
    ("kind", "entry", "words"),
    [
        ("cluster", {"certificate-authority": "none"}, "has no server"),
        ("user", {"token": "secret\nsecret"}, "the header Authorization cannot be sent"),
        ("user", {"token": "€"}, "log in again"),
        ("user", {"exec": EXEC | {"command": "not-installed"}}, "'not-installed'\nbrew install it"),
        ("user", {"exec": EXEC | {"command": "false"}}, "exec: process returned 1"),
    ],
)
def test_credentials_that_are_of_no_use(
    plugin: Plugin, config: Any, kind: str, entry: dict[str, Any], words: str
) -> None:
    """Without an API server or credentials nothing is asked; the message has no secret in it."""
    said = plugin.fails("list", code=5, KUBECONFIG=config(lambda content: content[f"{kind}s"][0].update({kind: entry})))

    assert words in said
    assert said.startswith("error: ")
    assert "secret" not in said


def test_no_warnings_of_libraries(plugin: Plugin, config: Any) -> None:
    """Who wants no check of the API server's certificate is not warned at every request."""

    def edit(content: dict[str, Any]) -> None:
        cluster = content["clusters"][0]["cluster"]
        content["clusters"][0]["cluster"] = {"server": cluster["server"], "insecure-skip-tls-verify": True}

    ran = plugin.run("list", "-o", "name", KUBECONFIG=config(edit))

    assert (0, False) == (ran.code, "Warning" in ran.err)


def test_a_project_that_may_not_be_read(kube: Kube, plugin: Plugin, project: str) -> None:
    """Who may see Environments, but not the project, is answered as far as can be, with what is not known."""
    name, viewer = kube.unique("env"), kube.unique("viewer")
    kube.apply(manifest(name, scope={"projects": [project]}))
    kube.kubectl("create", "clusterrolebinding", viewer, "--clusterrole=environment-viewer", f"--user={viewer}")
    kube.until("the right to read", lambda: plugin.run("list", "--as", viewer).code == 0)
    listed = plugin.run("list", "-n", project, "-o", "name", "--as", viewer)
    checked = plugin.run("check", name, "-n", project, "--as", viewer)

    assert (0, True) == (listed.code, f"/{name}\n" in listed.out)
    assert (0, f"yes: {name} may be used in {project}\n") == (checked.code, checked.out)
    for ran in (listed, checked):
        assert f"Warning: the department and the labels of {project} are not known: " in ran.err


def test_request_timeout(plugin: Plugin, through: str, faults: FaultProxy) -> None:
    """A request that takes longer than it may is ended, and said to be."""
    faults.add(Rule(Match(path=f"{ENVIRONMENTS}$"), Delay(30)))

    said = plugin.fails("list", "--request-timeout", "500ms", code=5, KUBECONFIG=through)
    assert "cannot be reached" in said
    assert "timed out" in said


def test_request_timeout_of_watches(kube: Kube, plugin: Plugin) -> None:
    """A watch ends with its request, as in kubectl; who waits for something asks again."""
    name = kube.unique("held")
    held = manifest(name)
    held["metadata"]["finalizers"] = ["example.org/held"]
    kube.apply(held)
    watched = plugin("list", "-w", "-o", "name", "--filter", f"environment={name}", "--request-timeout", "1s")
    waited = plugin.fails("delete", name, "--wait", "--timeout", "3s", "--request-timeout", "1s", code=3)
    kube.kubectl("patch", "env", name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')

    assert f"environment.environments.dev/{name}\n" == watched
    assert "example.org/held" in waited


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (Answer(401, "Unauthorized", "Unauthorized"), 5, "log in again"),
        (Answer(404, "NotFound", "the server could not find the requested resource"), 4, "Install the operator"),
        (Answer(500, "InternalError", "etcd is on fire"), 3, "etcd is on fire"),
        (Answer(429, "TooManyRequests", "come later"), 3, "come later"),
        (Drop(), 5, "cannot be reached"),
    ],
)
def test_faults(plugin: Plugin, through: str, faults: FaultProxy, fault: Any, code: int, words: str) -> None:
    """Each answer of the API server has its message, with an exit code of its own."""
    faults.add(Rule(Match(path=ENVIRONMENTS), fault))

    for command in (("list",), ("list", "-o", "json"), ("list", "--watch"), ("describe", "x"), ("delete", "x")):
        assert words in plugin.fails(*command, code=code, KUBECONFIG=through)


def test_credentials_that_are_not_accepted(plugin: Plugin, config: Any) -> None:
    """A token that the API server does not know is distinguished from a right that is missing."""
    wrong = config(lambda content: content["users"][0].update(user={"token": "wrong"}))

    assert "Choose another --context, or log in again." in plugin.fails("list", code=5, KUBECONFIG=wrong)


def test_progress(kube: Kube, plugin: Plugin, through: str, faults: FaultProxy) -> None:
    """What takes longer than a second says what it is about, at a terminal only, and leaves nothing of it behind."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    faults.add(Rule(Match(path="/(pods|podtemplates|replicationcontrollers)$"), Delay(0.6)))
    shown = plugin.at_terminal("workloads", name, "-A", KUBECONFIG=through)

    assert f"looking for users of {name}: deployments.apps" in shown.out
    assert shown.out.rstrip().splitlines()[-1].endswith(f"no workloads use {name}")
    assert f"no workloads use {name}\n" == plugin.run("workloads", name, "-A", KUBECONFIG=through).err


def test_one_slow_request(kube: Kube, plugin: Plugin, through: str, faults: FaultProxy) -> None:
    """One request that takes longer than a second is waited for visibly, by each command."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    faults.add(Rule(Match(path=ENVIRONMENTS), Delay(1.3)))

    commands = {"reading Environments": ("list", "-o", "name"), "waiting for the API server": ("render", name)}
    for words, command in commands.items():
        out = plugin.at_terminal(*command, KUBECONFIG=through).out
        assert words in out
        assert words not in "".join(displayed(out))


def test_progress_makes_way(kube: Kube, plugin: Plugin, project: str, through: str, faults: FaultProxy) -> None:
    """What is printed meanwhile has a line of its own."""
    old, users = kube.unique("old"), [workload("PodTemplate", f"base-{number}", project) for number in range(3)]
    for user in users:
        user["metadata"]["labels"] = {names.REFERENCE: old}
        del user["template"]["spec"]["containers"][0]["image"]
    kube.apply(manifest(old), *users)
    kube.until_used(old, 3)
    faults.add(Rule(Match(methods=frozenset({"PATCH"}), path="/podtemplates/"), Delay(0.7)))
    out = plugin.at_terminal("rename", old, "--to", kube.unique("new"), KUBECONFIG=through).out
    left = displayed(out)

    assert "2 of 3" in out
    assert 3 == sum(line.startswith(f"PodTemplate {project}/base-") for line in left)
    assert [] == [line for line in left if "moving users" in line]


def displayed(out: str) -> list[str]:
    """Return the lines that a terminal shows in the end."""
    screen = pyte.Screen(200, 100)
    pyte.Stream(screen).feed(out)
    return list(screen.display)


def test_a_reader_that_leaves(kube: Kube, plugin: Plugin) -> None:
    """``| head`` ends the plugin quietly."""
    kube.apply(*(manifest(kube.unique("env")) for _ in range(3)))
    line = "set -o pipefail; kubectl environment list -o json | head -1"
    done = subprocess.run(
        ["bash", "-c", line],
        env=plugin.variables(),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_SECONDS,
    )

    assert ("{\n", "") == (done.stdout, done.stderr)


def test_interruption(plugin: Plugin, through: str, faults: FaultProxy) -> None:
    """Who stops it reads no more than that, with the exit code of an interruption."""
    held = faults.add(Rule(Match(path=ENVIRONMENTS), Hold()))
    ran = plugin.interrupted(held, "list", KUBECONFIG=through)

    assert (130, "error: interrupted\n") == (ran.code, ran.err.lstrip("\n"))


def test_interruption_of_several(plugin: Plugin, through: str, config: Any, faults: FaultProxy) -> None:
    """It ends at once, too, when one cluster has answered and another one does not."""
    held = faults.add(Rule(Match(path=ENVIRONMENTS), Hold()))
    files = f"{through}:{config(renamed('other'), 'other')}"
    context = yaml.safe_load(Path(through).read_text())["current-context"]
    ran = plugin.interrupted(held, "list", "--context", context, "--context", "other", KUBECONFIG=files)

    assert (130, "error: interrupted\n") == (ran.code, ran.err.lstrip("\n"))


NOTHING_MORE = ("--columns", "environment,image,workloads,ready")


@pytest.mark.parametrize(
    ("more", "included"),
    [
        (NOTHING_MORE, "None"),
        ((*NOTHING_MORE, "--filter", "types=training"), "None"),
        ((*NOTHING_MORE, "--sort", "templates"), "None"),
        ((*NOTHING_MORE, "--search", "x"), "None"),
        (("--columns", "environment,last updated,created by"), "Metadata"),
    ],
)
def test_csv_reads_the_table_alone(
    kube: Kube, plugin: Plugin, through: str, faults: FaultProxy, more: tuple[str, ...], included: str
) -> None:
    """For CSV no Environment is fetched whole where the API server's own table has the columns; one list brings the
    metadata, too, where a column is in them.
    """
    kube.apply(manifest(kube.unique("env"), description="Not for this"))
    plugin("list", "-o", "csv", *more, KUBECONFIG=through)

    assert {(f"includeObject={included}&limit=500", True)} == asked(faults)


def test_the_original_columns_in_one_list(kube: Kube, plugin: Plugin, through: str, faults: FaultProxy) -> None:
    """The twelve columns take one list of the table with the metadata, and one Environment that names the cluster;
    a few with a description are read whole, each alone, and many in one list.
    """
    described, plain = (kube.unique(word) for word in ("described", "plain"))
    kube.apply(manifest(described, description="For this"), manifest(plain))
    kube.until_ready(plain)
    lacking = sum(map(lacks, kube.rest.get(ENVIRONMENTS).body["items"]))
    few = lacking <= fetch.MOST_ALONE
    out = plugin("list", "-o", "csv", KUBECONFIG=through)

    found = {each["Environment"]: each["Description"] for each in csv.DictReader(io.StringIO(out, newline=""))}
    assert ("For this", "") == (found[described], found[plain])
    table, whole, first = ("includeObject=Metadata&limit=500", True), ("limit=500", False), ("limit=1", False)
    assert ({table, first} if few else {table, whole}) == asked(faults)
    alone = [path for each in faults.traffic.exchanges() if (path := each.request.path).startswith(f"{ENVIRONMENTS}/")]
    assert (lacking if few else 0) == len(alone)


def lacks(of: dict[str, Any]) -> bool:
    """Return whether the table lacks something of an Environment: what it shortens, or a description."""
    status = of.get("status") or {}
    shown = [status.get(key, "") for key in ("scope", "tools")]
    return "description" in of["spec"] or not shown[0] or any(",+" in text for text in shown)


def asked(faults: FaultProxy) -> set[tuple[str, bool]]:
    """Return what lists of Environments were asked for: the query without where it goes on, and whether as a table."""
    found = [each.request for each in faults.traffic.exchanges(lambda request: request.path == ENVIRONMENTS)]
    return {(each.query.partition("&continue=")[0], "as=Table" in each.accept) for each in found}


def test_a_watch_that_is_too_old(kube: Kube, plugin: Plugin, through: str, faults: FaultProxy) -> None:
    """A watch whose version is not known any more begins again with what is there."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    gone = Answer(410, "Expired", "too old resource version")
    rule = faults.add(Rule(Match(path=ENVIRONMENTS, watch=True), gone))
    command = [str(plugin.cluster.layout.kubectl), "environment", "list", "-w", "--filter", f"environment={name}"]
    variables = plugin.variables(KUBECONFIG=through, PYTHONUNBUFFERED="1")
    with subprocess.Popen(
        [*command, "-o", "name"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=variables, text=True
    ) as watching:
        assert watching.stdout is not None
        first, again = watching.stdout.readline(), watching.stdout.readline()
        rule.remove()
        watching.terminate()
        watching.communicate()

    assert first == again == f"environment.environments.dev/{name}\n"


def test_render_for_a_person(kube: Kube, plugin: Plugin, project: str, tmp_path: Path) -> None:
    """The ids that are given stand for those of the person who would submit; the sources can be left out."""
    name = kube.unique("env")
    kube.apply(manifest(name, user={"source": "IdPToken"}))
    file = tmp_path / "w.yaml"
    file.write_text(yaml.safe_dump(workload("Deployment", "lab", project, name)))
    ids = ("--uid", "7", "--gid", "8", "--supplemental-group", "9", "--supplemental-group", "10")
    shown = plugin("render", name, "-f", str(file), *ids)
    plain = plugin("render", name, "-f", str(file), *ids, "--no-sources")
    context = yaml.safe_load(plain)["spec"]["template"]["spec"]["securityContext"]

    assert (7, 8, [9, 10]) == tuple(context[key] for key in ("runAsUser", "runAsGroup", "supplementalGroups"))
    assert "# identity" in shown
    assert "#" not in plain
    assert "source Custom" in plugin.fails("render", name, "-f", str(file), code=3)


def test_copies_for_gitops(kube: Kube, plugin: Plugin) -> None:
    """``copy`` prints what can be applied, and creates nothing in a rehearsal."""
    old, new = kube.unique("old"), kube.unique("new")
    kube.apply(manifest(old, description="d"))
    printed = plugin("copy", old, new, "--no-edit", "--dry-run=client", "-o", "yaml")

    assert manifest(new)["metadata"] == yaml.safe_load(printed)["metadata"]
    assert kube.environment(old)["spec"] == yaml.safe_load(printed)["spec"]
    assert f"{new}\n" == plugin("copy", old, new, "--no-edit", "--dry-run=server", "-o", "name").rpartition("/")[2]
    assert kube.find(new) is None


def test_formulas(kube: Kube, plugin: Plugin, project: str) -> None:
    """What people can write begins no formula in CSV: descriptions, versions of images, names of clusters."""
    name = kube.unique("env")
    kube.apply(manifest(name, description='=HYPERLINK("http://evil","x")'))
    chosen = ("--filter", f"environment={name}", "--columns", "description", "--no-headers", "-o", "csv")
    evil = "@SUM(1)"
    kube.kubectl("label", "namespace", project, f"{names.DEPARTMENT}=x")

    assert '"\'=HYPERLINK(""http://evil"",""x"")"\r\n' == plugin("list", *chosen)
    kube.apply(manifest(name, description=evil))
    assert f"'{evil}\r\n" == plugin("list", *chosen)
