"""``create``, ``copy``, ``edit``, ``rename`` and ``delete`` through the real kubectl."""

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from builders import manifest, workload
from cluster.faults import Hold, Match, Rule
from cluster.proxy import FaultProxy
from environment_operator.api import names
from environment_operator.cli.output import yaml_text
from kube import Kube
from plugin import Plugin

Editor = Callable[..., str]
# What YAML 1.1, YAML 1.2 and kubectl do not agree about.
AMBIGUOUS = (
    "2024-01-01 2001-12-14t21:59:43.10-05:00 1:30 1:30:20.5 = yes y Y n N no on off True tRUE ~ null a#b "
    "09 0777 0o17 1e3 1.5e3 1E3 1_e3 4e-2 1_000 0x1F 0x_1 -0x1f 0b11 0b2 1. .5 +5 -0 1.0 +.5 _1 1__0 1e e1 1_0.5"
)


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    """Return a function that makes an editor of shell commands, one for each time that it is opened; each runs on the
    file in ``$1``, and what it was shown is kept.
    """

    def make(*commands: str) -> str:
        program = tmp_path / "editor"
        cases = "\n".join(f"{number}) {command} ;;" for number, command in enumerate(commands, 1))
        count = f"echo x >> {tmp_path}/count; turn=$(wc -l < {tmp_path}/count)"
        program.write_text(f'#!/bin/sh\n{count}\ncp "$1" {tmp_path}/shown-$turn\ncase $turn in\n{cases}\nesac\n')
        program.chmod(program.stat().st_mode | stat.S_IEXEC)
        return str(program)

    return make


def test_create(kube: Kube, plugin: Plugin) -> None:
    """Options make an Environment that the operator takes."""
    name = kube.unique("env")
    out = plugin(
        "create", name, "--image", "registry.example/a:1", "--type", "training", "--type", "Workspace",
        "--cluster-wide", "--tool", "lab=JupyterNotebook", "--env", "DATA=/data", "--uid", "1000",
        "--command", "bash -c 'sleep 1'", "--no-run-as-non-root",
    )  # fmt: skip
    kube.until_ready(name)
    spec = kube.environment(name)["spec"]

    assert f"environment.environments.dev/{name} created\n" == out
    assert (["Training", "Workspace"], ["bash", "-c", "sleep 1"]) == (spec["workloadTypes"], spec["command"])
    assert ({"source": "Custom", "uid": 1000}, {"runAsNonRoot": False}) == (spec["user"], spec["security"])


@pytest.mark.parametrize("dry_run", ["client", "server"])
def test_create_for_gitops(kube: Kube, plugin: Plugin, dry_run: str) -> None:
    """``--dry-run -o yaml`` prints what can be applied, and creates nothing."""
    name = kube.unique("env")
    needed = ("--image", "a:1", "--type", "training", "--project", "vision")
    made = plugin("create", name, *needed, f"--dry-run={dry_run}", "-o", "yaml")

    assert kube.find(name) is None
    assert [names.API_VERSION, names.KIND, "metadata", "spec"] == [
        *list(yaml.safe_load(made).values())[:2],
        *list(yaml.safe_load(made))[2:],
    ]
    kube.kubectl("apply", "-f", "-", stdin=made)


def test_create_refused(kube: Kube, plugin: Plugin) -> None:
    """What is missing is named by its options; what the API server refuses is said in its words."""
    name = kube.unique("env")
    bad = ("--image", "a:1", "--type", "training", "--cluster-wide", "--tty")

    assert "Give --type and --project, --department or --cluster-wide." in plugin.fails(
        "create", name, "--image", "a:1", code=2
    )
    assert "tty needs stdin" in plugin.fails("create", name, *bad, code=3)


def test_create_asks_at_a_terminal(kube: Kube, plugin: Plugin) -> None:
    """At a terminal, what is needed is asked for, again where the answer does not fit."""
    name = kube.unique("env")
    typed = ("https://a", "registry.example/a:1", "nonsense", "training", "", "projects", "No Name", "vision, speech")
    no = plugin.at_terminal("create", name, typed="\n".join((*typed, "n", "")))
    nothing = kube.find(name)
    ran = plugin.at_terminal("create", name, typed="\n".join((*typed, "y", "")))
    spec = kube.environment(name)["spec"]

    assert (1, None) == (no.code, nothing)
    shown = ran.out.index("Create it?")
    for said in (
        'image "https://a" cannot be pulled',
        'name "No Name" is not allowed',
        "image: registry.example/a:1\r\n",
    ):
        assert said in ran.out[:shown]

    assert (0, "Image") == (ran.code, ran.out[ran.out.index("Image") :][:5])
    assert ("registry.example/a:1", ["Training"], {"projects": ["vision", "speech"]}) == (
        spec["image"],
        spec["workloadTypes"],
        spec["scope"],
    )


def test_create_from_a_workload(kube: Kube, plugin: Plugin, project: str, tmp_path: Path) -> None:
    """The set-up of a workload becomes an Environment, and both together can be applied."""
    name = kube.unique("env")
    job = workload("Job", "train", project)
    job["metadata"]["annotations"] = {"released": "DATE"}
    job["spec"]["template"]["spec"]["containers"][0] |= {"command": ["true"], "env": [{"name": "A", "value": "1"}]}
    source = tmp_path / "job.yaml"
    source.write_text(yaml.safe_dump(job).replace("DATE", "2024-01-01"))
    kube.kubectl("apply", "-f", "-", stdin=plugin("create", name, "--from", str(source)))
    stored = kube.get("job", "train", project)
    kube.until_used(name, 1)

    assert stored is not None
    container = stored["spec"]["template"]["spec"]["containers"][0]
    assert (["true"], [{"name": "A", "value": "1"}]) == (container["command"], container["env"])
    assert {"projects": [project]} == kube.environment(name)["spec"]["scope"]
    assert "2024-01-01" == stored["metadata"]["annotations"]["released"]


def test_create_from_a_workload_without_a_project(plugin: Plugin, tmp_path: Path) -> None:
    """A namespace that is left empty is none: every project may use the Environment."""
    source = tmp_path / "job.yaml"
    source.write_text(yaml.safe_dump(workload("Job", "train", "NONE")).replace("NONE", ""))
    made, _ = yaml.safe_load_all(plugin("create", "a", "--from", str(source)))

    assert {"cluster": True} == made["spec"]["scope"]


def test_create_from_what_is_no_workload(plugin: Plugin, tmp_path: Path) -> None:
    """A file that cannot be read and a kind that uses no Environment are refused with what to do."""
    other = tmp_path / "other.yaml"
    other.write_text("{apiVersion: v1, kind: Secret, metadata: {name: a}}")
    bare, two = tmp_path / "bare.yaml", tmp_path / "two.yaml"
    bare.write_text(yaml.safe_dump(workload("Job", "train", "vision")).replace("image", "terminationMessagePath"))
    two.write_text(yaml.safe_dump_all([workload("Job", "train", "vision")] * 2))

    odd = tmp_path / "odd.yaml"
    odd.write_text(two.read_text().partition("---")[0].replace("image: ", "securityContext: [a]\n        image: "))

    assert "cannot be read" in plugin.fails("create", "a", "--from", str(tmp_path / "none"), code=2)
    assert "a value of another type is at securityContext" in plugin.fails("create", "a", "--from", str(odd), code=3)
    assert "cannot use an Environment. Use one of these kinds:" in plugin.fails(
        "create", "a", "--from", str(other), code=3
    )
    assert "Give --image." in plugin.fails("create", "a", "--from", str(bare), code=3)
    assert "has 2 objects" in plugin.fails("create", "a", "--from", str(two), code=2)
    assert "Give -o yaml or json." in plugin.fails("create", "a", "--from", str(two), "-o", "name", code=2)


def test_copy(kube: Kube, plugin: Plugin, editor: Editor) -> None:
    """A copy has the spec of the other one, edited on the way where somebody wants to."""
    old, new, edited = kube.unique("env"), kube.unique("copy"), kube.unique("edited")
    kube.apply(manifest(old, description="old"))
    plugin("copy", old, new, "--no-edit")
    plugin("copy", old, edited, "--edit", KUBE_EDITOR=editor("sed -i s/old/new/ $1"))

    assert kube.environment(old)["spec"] == kube.environment(new)["spec"]
    assert "new" == kube.environment(edited)["spec"]["description"]


def test_edit(kube: Kube, plugin: Plugin, editor: Editor, tmp_path: Path) -> None:
    """The editor opens again with the reason until what was written is accepted; what others changed stays."""
    name = kube.unique("env")
    kube.apply(manifest(name, description="before"))
    kube.until_ready(name)
    meanwhile = f"KUBECONFIG={plugin.cluster.kubeconfig} kubectl label env {name} their=own >/dev/null"
    turns = ("echo '  tty: true' >> $1", f"sed -i '/tty/d; s/before/after/' $1; {meanwhile}")
    out = plugin("edit", name, KUBE_EDITOR=editor(*turns))
    found = kube.environment(name)

    assert f"environment.environments.dev/{name} edited\n" == out
    assert ("after", {"their": "own"}) == (found["spec"]["description"], found["metadata"]["labels"])
    assert "# Environment.environments.dev" in (shown := (tmp_path / "shown-2").read_text())
    assert "tty needs stdin" in shown
    assert "  tty: true\n" in shown
    assert "status" not in shown


@pytest.mark.parametrize(
    ("turns", "code", "words"),
    [
        (("true",), 0, "nothing was changed"),
        (("echo '  tty: true' >> $1", "true"), 3, "for what you wrote."),
        (("echo ' - [' >> $1", "true"), 3, "what was saved is not YAML"),
        (("sed -i 's/name: .*/name: other/' $1", "true"), 3, "metadata.name cannot be changed. Use"),
        (("echo '  colour: red' >> $1", "true"), 3, "error: it does not match the definition: unknown field"),
        (("echo '  image: again' >> $1", "true"), 3, "the key 'image' stands there twice"),
        (
            ("sed -i '/^metadata:/,/name:/c metadata: oops' $1", "true"),
            3,
            "metadata: one of its objects has no metadata",
        ),
        (("exit 1",), 3, "Set KUBE_EDITOR to the editor to use."),
        (("echo '  tty: true' >> $1", "exit 1"), 3, "nothing was changed. Set KUBE_EDITOR to the editor to use."),
        (("rm $1",), 3, "what the editor saved cannot be read"),
        ((r"printf '\200\201' > $1",), 3, "for what you wrote."),
    ],
)
def test_edit_given_up(
    kube: Kube, plugin: Plugin, editor: Editor, turns: tuple[str, ...], code: int, words: str
) -> None:
    """Who changes nothing, or gives up, has changed nothing; what was refused is kept in a file."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    before = kube.environment(name)["spec"]
    ran = plugin.run("edit", name, KUBE_EDITOR=editor(*turns))

    assert (code, True) == (ran.code, words in ran.err), ran.err
    assert before == kube.environment(name)["spec"]


def test_edit_of_ordinary_yaml(kube: Kube, plugin: Plugin, editor: Editor, tmp_path: Path) -> None:
    """What kubectl takes for a text is one here, a map that is left empty goes, and scripts have their lines."""
    name = kube.unique("env")
    made = manifest(name, env=[{"name": "A", "value": "#!/bin/sh\ntrue\n"}])
    made["metadata"] |= {"annotations": {"released": "no"}, "labels": {"a": "b"}}
    kube.apply(made)
    plugin("edit", name, KUBE_EDITOR=editor("sed -i \"s/'no'/2024-01-01/; /a: b/d\" $1"))
    found = kube.environment(name)

    assert ("2024-01-01", None) == (found["metadata"]["annotations"]["released"], found["metadata"].get("labels"))
    assert "value: |\n      #!/bin/sh\n      true\n" in (tmp_path / "shown-1").read_text()


def test_edit_that_is_interrupted(kube: Kube, plugin: Plugin, editor: Editor, through: str, faults: FaultProxy) -> None:
    """Who stops it while it is stored keeps what was written; who does so in the editor means the editor alone."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    held = faults.add(Rule(Match(methods=frozenset({"PATCH"})), Hold()))
    opened = editor("echo '  description: mine' >> $1; kill -INT $PPID")
    ran = plugin.interrupted(held, "edit", name, KUBE_EDITOR=opened, KUBECONFIG=through)
    kept = re.search("See (.*) for what you wrote", ran.err)

    assert (130, True) == (ran.code, kept is not None), ran.err
    assert kept is not None
    assert "  description: mine\n" in Path(kept[1]).read_text()


def test_files_are_read_as_kubectl_reads_them(kube: Kube) -> None:
    """Dates, numbers, truth values and keys are to the plugin what they are to kubectl, and the other way round."""
    words = AMBIGUOUS.split()
    texts = [*words, "#!/bin/sh\n\n  true # x\n", "\n a\n b", "a: b\n\n", "a\u2028b\x85c", "tab\tand\n"]
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    text = f"{head}values: [{', '.join(words)}]\n1: a\n1.5: b\nyes: c\n{yaml_text.write({'texts': texts})}"
    ours = yaml_text.read(text)[0]
    said = kube.kubectl("create", "-f", "-", "--dry-run=client", "--validate=false", "-o", "json", stdin=text)
    theirs = json.loads(said) | {"metadata": {"name": "a"}}

    assert texts == ours["texts"]
    assert repr(theirs["values"]) == repr(ours["values"])
    assert theirs == ours


def test_edit_of_what_changed_meanwhile(kube: Kube, plugin: Plugin, editor: Editor) -> None:
    """Somebody else's change of the spec is not written over."""
    name = kube.unique("env")
    kube.apply(manifest(name, description="before"))
    patch = '\'{"spec":{"description":"theirs"}}\''
    theirs = f"KUBECONFIG={plugin.cluster.kubeconfig} kubectl patch env {name} --type=merge -p {patch} >/dev/null"
    said = plugin.fails("edit", name, code=3, KUBE_EDITOR=editor(f"sed -i s/before/mine/ $1; {theirs}", "true"))

    assert "it was changed meanwhile" in said
    assert "theirs" == kube.environment(name)["spec"]["description"]


def test_delete(kube: Kube, plugin: Plugin) -> None:
    """Those that nobody uses go, though one is not there, and ``--wait`` returns when they are gone."""
    one, two = kube.unique("env"), kube.unique("env")
    kube.apply(manifest(one), manifest(two))
    kube.until_ready(two)
    ran = plugin.run("delete", one, "nobody", two, "--wait", "--timeout", "60s")

    assert (4, 2) == (ran.code, ran.out.count("deleted"))
    assert 'error: nobody: there is no Environment "nobody".' in ran.err
    assert (None, None) == (kube.find(one), kube.find(two))
    assert "there is no Environment" in plugin.fails("delete", one, code=4)


def test_delete_of_what_is_used(kube: Kube, plugin: Plugin, project: str) -> None:
    """A refusal names every user; ``--force`` names them and asks, and without an answer nothing is deleted."""
    name = kube.unique("env")
    kube.apply(manifest(name), workload("Deployment", "lab", project, name))
    kube.until_used(name, 1)
    refused = plugin.fails("delete", name, code=3)
    no = plugin.at_terminal("delete", name, "--force", typed="n\n")

    assert f"Deployment {project}/lab" in refused
    assert "Give --yes." in plugin.fails("delete", name, "--force", code=2)
    assert (1, True) == (no.code, f"Deployment {project}/lab" in no.out)
    assert kube.find(name) is not None
    assert 0 == plugin.at_terminal("delete", name, "--force", "--wait", typed="y\n").code
    assert kube.find(name) is None


def test_users_that_may_not_be_seen(kube: Kube, plugin: Plugin, project: str, tmp_path: Path) -> None:
    """Who may not list workloads is asked before a used Environment is deleted, and reads no "no users"."""
    name, author, file = kube.unique("env"), kube.unique("author"), tmp_path / "e.yaml"
    kube.apply(manifest(name), workload("Deployment", "lab", project, name))
    file.write_text(yaml.safe_dump(manifest(name, workingDir="/new")))
    for role in ("environment-author", "environment-admin"):
        kube.kubectl("create", "clusterrolebinding", f"{author}-{role}", f"--clusterrole={role}", f"--user={author}")
    kube.until_used(name, 1)
    kube.until("the right", lambda: plugin.run("list", "--as", author).code == 0)
    asked = plugin.at_terminal("delete", name, "--force", "--as", author, typed="n\n")
    renamed = plugin.fails("rename", name, "--to", kube.unique("new"), "--dry-run=server", "--as", author, code=3)
    compared = plugin.run("diff", "-f", str(file), "--as", author)

    assert (1, 1) == (asked.code, asked.out.count("Warning: "))
    assert f"{name} is used by 1 by the operator's count, of which you may see 0" in asked.out
    assert kube.find(name) is not None
    assert (
        f'Environment "{name}" was not deleted, these use it:\n  1 that you may not list: ask a person who may'
        in renamed
    )
    assert "none of those of its users that you may see (it has 1 by the operator's count" in compared.err


def test_force_that_fails_leaves_nothing_behind(kube: Kube, plugin: Plugin, project: str) -> None:
    """Where the deletion fails, the annotation that allowed it goes again; one that was there before stays."""
    name, allowed, author = kube.unique("env"), kube.unique("env"), kube.unique("author")
    kube.apply(manifest(name), manifest(allowed), workload("Deployment", "lab", project, name))
    kube.kubectl("annotate", "env", allowed, f"{names.ALLOW_DELETE_IN_USE}=true")
    kube.until_used(name, 1)
    verbs = "--verb=get,list,patch,publish"
    kube.kubectl("create", "clusterrole", author, verbs, f"--resource={names.PLURAL}.{names.GROUP}")
    kube.kubectl("create", "clusterrolebinding", author, f"--clusterrole={author}", f"--user={author}")
    kube.until("the right", lambda: plugin.run("list", "--as", author).code == 0)
    said = [plugin.fails("delete", each, "--force", "--yes", "--as", author, code=3) for each in (name, allowed)]
    left = [
        kube.environment(each)["metadata"]["annotations"].get(names.ALLOW_DELETE_IN_USE) for each in (name, allowed)
    ]

    assert [True, True] == ["cannot delete resource" in each for each in said]
    assert [None, "true"] == left


def test_wait_ends(kube: Kube, plugin: Plugin) -> None:
    """``--timeout`` ends the waiting with what it waits for."""
    name = kube.unique("env")
    made = manifest(name)
    made["metadata"]["finalizers"] = ["example.org/held"]
    kube.apply(made)

    assert "example.org/held" in plugin.fails("delete", name, "--wait", "--timeout", "3s", code=3)
    kube.kubectl("patch", "env", name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
