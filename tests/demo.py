"""The story of an Environment with kubectl on a real Kubernetes API: `python -m demo`.

It starts a control plane of local processes in a temporary directory, with the operator, and takes all of
it down again. Every step is checked: the exit code is 0 only when each did what it says.
"""

import os
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster import Cluster, ClusterError, binaries, images, interrupts
from cluster.api import chosen
from cluster.images import Image
from cluster.waiting import PATIENCE_SECONDS, POLL_SECONDS

LINES = 15
DIM, PLAIN = "\033[2m", "\033[0m"
PROJECT = "team-a"
Object = dict[str, Any]

ENVIRONMENT = """\
apiVersion: environments.dev/v1alpha1
kind: Environment
metadata: {name: pytorch}
spec:
  scope: {projects: [team-a]}
  architecture: Standard
  workloadTypes: [Workspace, Training]
  image: registry.example/ml/pytorch:1
  command: [python, train.py]
  tools: [{name: lab, type: JupyterNotebook, connection: {type: NodePort}}]
  user: {source: Custom, uid: 1000, gid: 100}
"""

JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: train, labels: {environments.dev/environment: pytorch}}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: main}]}
"""

OTHER_JOB = JOB.replace("train", "mine").replace("{name: main}", "{name: main, image: 'somebody/else:1'}")

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: notebook, labels: {environments.dev/environment: pytorch}}
spec:
  selector: {matchLabels: {app: notebook}}
  template:
    metadata: {labels: {app: notebook}}
    spec: {containers: [{name: main, command: [jupyter, lab]}]}
"""


@dataclass(frozen=True)
class Answer:
    """What a command came to: its exit code, and all that it printed."""

    exit: int
    output: str


@dataclass(frozen=True)
class Step:
    """One sentence, one command, and what it must come to.

    Args:
        say: the sentence.
        command: the command, as a shell reads it.
        words: what it must print; words are compared without regard to spacing.
        exit: its exit code.
        stdin: its input.
        prepare: what has to be done before, with the cluster and the folder in which the command runs.
    """

    say: str
    command: str
    words: tuple[str, ...]
    exit: int = 0
    stdin: str = ""
    prepare: Callable[[Cluster, Path], None] | None = None

    @property
    def shown(self) -> str:
        """The command as a person would type it, its input as a here-document."""
        return f"$ {self.command} <<'EOF'\n{self.stdin}EOF" if self.stdin else f"$ {self.command}"

    def faults(self, answer: Answer) -> list[str]:
        """Return in words what is not as it should be."""
        said = " ".join(answer.output.split())
        code = [f"it ended with {answer.exit}, not with {self.exit}"] if answer.exit != self.exit else []
        return code + [f"it did not print: {words}" for words in self.words if words not in said]


def write_what_was_sent_and_stored(cluster: Cluster, folder: Path) -> None:
    """Write the Job as it was sent, and as it is stored but for what the API server adds to every Job."""
    sent: Object = yaml.safe_load(JOB)
    plain: Object = yaml.safe_load(JOB.replace("{name: main}", "{name: main, image: any}"))
    plain["metadata"] = {"name": "plain"}
    added = cluster.kubectl(
        "create", "-n", PROJECT, "-f", "-", "--dry-run=server", "-o", "yaml", input=yaml.safe_dump(plain)
    )
    stored = cluster.kubectl("get", "job", "train", "-n", PROJECT, "-o", "yaml")
    found = yaml.safe_load(stored.stdout)["spec"]["template"]["spec"]
    usual = yaml.safe_load(added.stdout)["spec"]["template"]["spec"]
    for name, spec in (("sent", sent["spec"]["template"]["spec"]), ("stored", without(found, usual, keep=sent))):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(spec, default_flow_style=None, sort_keys=True))


def without(found: Object, usual: Object, keep: Object) -> Object:
    """Return a pod spec without what every pod spec has, but with what was sent."""
    sent = keep["spec"]["template"]["spec"]
    out = {key: value for key, value in found.items() if key in sent or value != usual.get(key)}
    (ours,), (theirs,) = found["containers"], usual["containers"]
    container = {key: value for key, value in ours.items() if key == "name" or value != theirs.get(key)}
    return {**out, "containers": [container]}


STORY = (
    Step(
        "An author publishes an Environment for the project team-a: an image, a command, a tool, a user.",
        "kubectl apply -f -",
        ("environment.environments.dev/pytorch created",),
        stdin=ENVIRONMENT,
    ),
    Step(
        "A researcher sends a Job of six lines, which names the Environment and nothing else.",
        f"kubectl apply -n {PROJECT} -f -",
        ("job.batch/train created",),
        stdin=JOB,
    ),
    Step(
        "Admission injected the rest: the pod spec as sent and as stored, without Kubernetes' own defaults.",
        "diff --unified sent.yaml stored.yaml",
        ("registry.example/ml/pytorch:1", "runAsUser: 1000"),
        exit=1,
        prepare=write_what_was_sent_and_stored,
    ),
    Step(
        "A Job with another image is refused: this Environment does not let its image be overridden.",
        f"kubectl apply -n {PROJECT} -f -",
        ("image", "somebody/else:1", "registry.example/ml/pytorch:1"),
        exit=1,
        stdin=OTHER_JOB,
    ),
    Step(
        "A notebook uses the same Environment, with a command of its own, which is allowed.",
        f"kubectl apply -n {PROJECT} -f -",
        ("deployment.apps/notebook created",),
        stdin=DEPLOYMENT,
    ),
    Step(
        "The Environment knows its users.",
        "kubectl get environments",
        ("pytorch", "Workspace,Training", "lab 2 0 True"),
    ),
    Step(
        "Its tool is reached at a port of every node.",
        f"kubectl environment connect deployment/notebook -n {PROJECT}",
        ("lab NodePort port 3",),
    ),
    Step(
        "The author moves to a newer image; nothing that runs changes.",
        """kubectl patch environment pytorch --type=merge -p '{"spec":{"image":"registry.example/ml/pytorch:2"}}'""",
        ("environment.environments.dev/pytorch patched",),
    ),
    Step(
        "Both workloads have the earlier image, and are shown as outdated.",
        "kubectl environment workloads pytorch -A",
        ("Deployment team-a notebook", "Job team-a train", "outdated"),
    ),
    Step(
        "A refresh gives the notebook the new one; a Job cannot change, so it stays as it is.",
        f"kubectl environment refresh deployment/notebook -n {PROJECT}",
        ("deployments.apps/notebook refreshed",),
    ),
    Step(
        "Deleting the Environment is refused as long as somebody uses it.",
        "kubectl delete environment pytorch",
        ("2 workloads", f"{PROJECT}/notebook", f"{PROJECT}/train"),
        exit=1,
    ),
    Step(
        "Without users it goes, after some ten seconds in which a workload that was on its way may still arrive.",
        f"kubectl delete -n {PROJECT} job/train deployment/notebook && kubectl delete environment pytorch",
        ('job.batch "train" deleted', 'deployment.apps "notebook" deleted', '"pytorch" deleted'),
    ),
)


# With a node the containers run. The images are made here: what their tool serves says who runs it.
SERVES = "#!/bin/sh\necho version VERSION, run by $(id) > /tmp/index.html\nexec httpd -f -p 8888 -h /tmp\n"
IMAGES = tuple(
    Image(
        f"registry.example/ml/pytorch:{version}",
        files={
            "/bin/python": "#!/bin/sh\necho training as $(id)\n",
            "/bin/jupyter": SERVES.replace("VERSION", str(version)),
        },
    )
    for version in (1, 2)
)
REACHED = Step(
    "Its tool is reached through a Service of the notebook's own; the process is the user of the Environment.",
    f"kubectl get --raw /api/v1/namespaces/{PROJECT}/services/environment-$("
    f"kubectl get pod -n {PROJECT} -l app=notebook "
    """-o jsonpath='{.items[0].metadata.labels.environments\\.dev/workload}'):8888/proxy/""",
    ("version 1, run by uid=1000 gid=100",),
)


def story(*, node: bool) -> tuple[Step, ...]:
    """Return the steps; with a node the tool answers."""
    return tuple(REACHED if node and "connect" in step.command else step for step in STORY)


class StepFailedError(Exception):
    """A step that did not come out as it should; the message says which and why."""


@dataclass(frozen=True)
class Screen:
    """Where the story is printed; what is not the story is dim where there is colour."""

    colour: bool

    @classmethod
    def of_this_process(cls) -> "Screen":
        """Return standard output, with colour on a terminal unless NO_COLOR is set."""
        return cls(colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))

    def say(self, line: str) -> None:
        """Print a line at once; when the reader is gone, the rest is not printed and still tidied up."""
        try:
            print(line, flush=True)  # noqa: T201
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def aside(self, text: str) -> None:
        """Print what a program said, dim where there is colour."""
        self.say(f"{DIM}{text}{PLAIN}" if self.colour else text)


def environment_of(cluster: Cluster) -> dict[str, str]:
    """Return the environment in which a bare `kubectl` is the cluster's own, talks to it and has the plugin."""
    layout = cluster.layout
    programs = (str(layout.kubectl.parent), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))
    return {
        **os.environ,
        "PATH": os.pathsep.join(programs),
        "KUBECONFIG": str(layout.kubeconfig),
        "KUBECACHEDIR": str(layout.kubectl_cache),
        "KUBERC": "off",
    }


def run(step: Step, environ: Mapping[str, str], folder: Path) -> Answer:
    """Run the command of a step; one that does not end in time is ended and has no exit code of its own."""
    try:
        done = subprocess.run(
            ["bash", "-c", step.command],
            input=step.stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environ,
            cwd=folder,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(-1, f"(no end after {PATIENCE_SECONDS} s)")
    return Answer(done.returncode, done.stdout.strip())


def settled(step: Step, environ: Mapping[str, str], folder: Path) -> Answer:
    """Run a step; one that only reads is run again until what was done before shows."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    answer = run(step, environ, folder)
    while reads(step) and step.faults(answer) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        answer = run(step, environ, folder)
    return answer


def reads(step: Step) -> bool:
    """Return whether a step changes nothing."""
    return step.command.startswith(("kubectl get", "kubectl environment workloads", "kubectl environment connect"))


def play(cluster: Cluster, step: Step, title: str, folder: Path, screen: Screen) -> None:
    """Show and do one step; raise when it is not as it should be."""
    screen.say("\n" + textwrap.fill(f"{title}. {step.say}", 100))
    screen.say(step.shown)
    if step.prepare:
        step.prepare(cluster, folder)
    answer = settled(step, environment_of(cluster), folder)
    screen.aside(shortened(answer.output))
    if faults := step.faults(answer):
        raise StepFailedError(f"step {title} failed, {step.command}: {'; '.join(faults)}\nit printed: {answer.output}")


def shortened(output: str) -> str:
    """Return what is shown of an output: its first lines, folded."""
    lines = [part for line in output.splitlines() for part in textwrap.wrap(line, 160, drop_whitespace=False) or [""]]
    return "\n".join(lines if len(lines) <= LINES else [*lines[: LINES - 1], "…"])


def walk(cluster: Cluster, screen: Screen) -> None:
    """Play the whole story on a cluster that is up."""
    cluster.kubectl("create", "namespace", PROJECT)
    if has_node(cluster):
        for image in IMAGES:
            images.load(cluster.layout, image)
    steps = story(node=has_node(cluster))
    with tempfile.TemporaryDirectory() as folder:
        for number, step in enumerate(steps, 1):
            play(cluster, step, f"{number}/{len(steps)}", Path(folder), screen)


def has_node(cluster: Cluster) -> bool:
    """Return whether containers run in the cluster."""
    return cluster.flavor == "node"


def opening(*, node: bool) -> str:
    """Return what will happen, and about how long it takes."""
    place = "a real Kubernetes API and a node" if node else "a real Kubernetes API"
    what = f"{len(STORY)} steps with real commands on {place}, then everything ends"
    build = "; Kubernetes is built first, once, about a quarter of an hour" if binaries.missing(binaries.API) else ""
    return f"What comes: {what}. It takes about {2 if node else 1} min{build}. Kubernetes: {chosen().why}."


def walk_and_tidy_up(cluster: Cluster, screen: Screen) -> None:
    """Bring the cluster up, walk through the story and take the cluster down, also after a failure."""
    screen.say(opening(node=has_node(cluster)))
    with interrupts.started(cluster):
        try:
            walk(cluster, screen)
        finally:
            screen.say("\nStopping everything.")


def demo(screen: Screen) -> None:
    """Walk through the story on a cluster of its own, in a directory of its own; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="environment-demo-") as folder:
        cluster = Cluster(directory=Path(folder, "cluster"), report=screen.aside)
        walk_and_tidy_up(cluster, screen)


def main() -> int:
    """Walk through the story; return the exit code: 0 when every step was as it should be, 1 when not."""
    interrupts.heed()
    screen, start = Screen.of_this_process(), time.monotonic()
    try:
        demo(screen)
    except KeyboardInterrupt as interruption:
        screen.say("interrupted; nothing is left running")
        return interrupts.SIGNAL_EXIT + int(interruption.args[0])
    except (StepFailedError, ClusterError, OSError) as error:
        screen.say(f"\nThe demo failed: {error}")
        return 1
    seconds = time.monotonic() - start
    screen.say(f"Every step was as it should be, in {seconds:.0f} s; nothing is left running.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
