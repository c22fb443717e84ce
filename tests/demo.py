"""The story of an Environment, told with kubectl on a real Kubernetes API: `python -m demo`.

It starts a control plane of local processes in a temporary directory, with the operator, and takes all of
it down again. Every step is checked: the exit code is 0 only when each did what it says.
"""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil

from cluster import Cluster, ClusterError, images, processes
from cluster.api import NODE_VARIABLE
from cluster.images import Image

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SIGNAL_EXIT = 128
STEP_SECONDS = 90
DIM, PLAIN = "\033[2m", "\033[0m"

ENVIRONMENT = """\
apiVersion: environments.dev/v1alpha1
kind: Environment
metadata:
  name: pytorch
spec:
  description: PyTorch with JupyterLab, without a GPU.
  scope:
    cluster: true
  architecture: Standard
  workloadTypes: [Workspace, Training]
  image: registry.example/ml/pytorch:2.9.1-cpu
  tools:
    - name: jupyter
      type: JupyterNotebook
  user:
    source: Custom
    uid: 1000
    gid: 1000
"""

JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: train
  labels:
    environments.dev/environment: pytorch
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: train
          image: registry.example/ml/pytorch:2.9.1-cpu
          command: [python, train.py]
"""

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: notebook
  labels:
    environments.dev/environment: pytorch
spec:
  replicas: 2
  selector:
    matchLabels:
      app: notebook
  template:
    metadata:
      labels:
        app: notebook
    spec:
      containers:
        - name: notebook
          image: registry.example/ml/pytorch:2.9.1-cpu
          command: [jupyter, lab]
"""


@dataclass(frozen=True)
class Answer:
    """What a command came to: its exit code, and all that it printed."""

    exit: int
    output: str


@dataclass(frozen=True)
class Step:
    """One sentence, one command, and what it must come to; words are compared without regard to spacing."""

    say: str
    command: str
    words: tuple[str, ...]
    exit: int = 0
    stdin: str = ""

    @property
    def shown(self) -> str:
        """The command as a person would type it, its input as a here-document."""
        return f"$ {self.command} <<'EOF'\n{self.stdin}EOF" if self.stdin else f"$ {self.command}"

    def faults(self, answer: Answer) -> list[str]:
        """Return in words what is not as it should be."""
        said = " ".join(answer.output.split())
        code = [f"it ended with {answer.exit}, not with {self.exit}"] if answer.exit != self.exit else []
        return code + [f"it did not say: {words}" for words in self.words if words not in said]


FIND = "kubectl get Deployment.apps,Job.batch --all-namespaces -l environments.dev/environment=pytorch"
ROW = "pytorch cluster registry.example/ml/pytorch:2.9.1-cpu Standard Workspace,Training jupyter"

STORY = (
    Step(
        "An Environment is the set-up of a workload, written once for the whole cluster.",
        "kubectl apply -f -",
        ("environment.environments.dev/pytorch created",),
        stdin=ENVIRONMENT,
    ),
    Step(
        "The operator checks it and says when it is ready.",
        "kubectl wait --for=condition=Ready environment/pytorch --timeout=30s",
        ("environment.environments.dev/pytorch condition met",),
    ),
    Step(
        "Everybody can see what there is; nobody uses this one yet.",
        "kubectl get environments",
        (f"{ROW} 0 0 True",),
    ),
    Step(
        "A team has its project, which is a namespace.",
        "kubectl create namespace team-a",
        ("namespace/team-a created",),
    ),
    Step(
        "A training Job of the team uses the Environment: it names it in a label.",
        "kubectl apply -n team-a -f -",
        ("job.batch/train created",),
        stdin=JOB,
    ),
    Step(
        "So does a Deployment, which counts once, however many pods it has.",
        "kubectl apply -n team-a -f -",
        ("deployment.apps/notebook created",),
        stdin=DEPLOYMENT,
    ),
    Step(
        "The operator counts both; the count is in the status, so it can be waited for.",
        "kubectl wait --for=jsonpath='{.status.usage.workloads}'=2 environment/pytorch --timeout=30s",
        ("environment.environments.dev/pytorch condition met",),
    ),
    Step(
        "The table shows two workloads now.",
        "kubectl get environments",
        (f"{ROW} 2 0 True",),
    ),
    Step(
        "Deleting the Environment is refused while somebody uses it, and the refusal says what to do.",
        "kubectl delete environment pytorch",
        ("is used by 2 workloads", f"find them with {FIND}"),
        exit=1,
    ),
    Step(
        "The command in that message finds the users.",
        FIND,
        ("team-a deployment.apps/notebook", "team-a job.batch/train"),
    ),
    Step(
        "The users go.",
        "kubectl delete -n team-a deployment/notebook job/train",
        ('deployment.apps "notebook" deleted', 'job.batch "train" deleted'),
    ),
    Step(
        "The operator sees that nobody is left.",
        "kubectl wait --for=jsonpath='{.status.usage.workloads}'=0 environment/pytorch --timeout=30s",
        ("environment.environments.dev/pytorch condition met",),
    ),
    Step(
        "Now it can be deleted. That takes some ten seconds: the operator lets it go only when no workload "
        "whose creation was already under way can still turn up and use it.",
        "kubectl delete environment pytorch",
        ('"pytorch" deleted',),
    ),
    Step(
        "It is gone.",
        "kubectl get environment pytorch",
        ("Error from server (NotFound)",),
        exit=1,
    ),
)


# With a node the containers run. The image is made here: its commands say who runs them.
IMAGE = Image(
    "registry.example/ml/pytorch:2.9.1-cpu",
    files={"/bin/python": "#!/bin/sh\necho training as $(id)\n", "/bin/jupyter": "#!/bin/sh\nexec sleep infinity\n"},
)
RUNNING = (
    Step(
        "The Job runs to its end.",
        "kubectl wait -n team-a --for=condition=Complete job/train --timeout=60s",
        ("job.batch/train condition met",),
    ),
    Step(
        "Its container says who it was: the user and the group of the Environment, of which the Job says nothing.",
        "kubectl logs -n team-a job/train",
        ("training as uid=1000 gid=1000",),
    ),
)


def story(*, node: bool) -> tuple[Step, ...]:
    """Return the steps; with a node, what runs is looked at as soon as there is something."""
    place = next(number for number, step in enumerate(STORY, 1) if step.stdin == JOB)
    return (*STORY[:place], *(RUNNING if node else ()), *STORY[place:])


class StepFailedError(Exception):
    """A step that did not come out as it should; the message says which and why."""


@dataclass(frozen=True)
class Screen:
    """Where the story is told; what is not the story is dim where there is colour."""

    colour: bool

    @classmethod
    def of_this_process(cls) -> "Screen":
        """Return standard output, with colour on a terminal unless NO_COLOR is set."""
        return cls(colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))

    def say(self, line: str) -> None:
        """Print a line at once; when nobody reads any more, the rest is told to nobody and still tidied up."""
        try:
            print(line, flush=True)  # noqa: T201
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def aside(self, text: str) -> None:
        """Print what a program said, dim where there is colour."""
        self.say(f"{DIM}{text}{PLAIN}" if self.colour else text)


def environment_of(cluster: Cluster) -> dict[str, str]:
    """Return the environment in which a bare `kubectl` is the cluster's own and talks to it."""
    layout = cluster.layout
    return {
        **os.environ,
        "PATH": f"{layout.kubectl.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "KUBECONFIG": str(layout.kubeconfig),
        "KUBECACHEDIR": str(layout.kubectl_cache),
        "KUBERC": "off",
    }


def run(step: Step, environ: Mapping[str, str]) -> Answer:
    """Run the command of a step; one that does not end in time is ended and has no exit code of its own."""
    try:
        done = subprocess.run(
            shlex.split(step.command),
            input=step.stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environ,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(-1, f"(no end after {STEP_SECONDS} s)")
    return Answer(done.returncode, done.stdout.strip())


def play(step: Step, title: str, environ: Mapping[str, str], screen: Screen) -> None:
    """Tell and do one step; raise when it is not as it should be."""
    screen.say("\n" + textwrap.fill(f"{title}. {step.say}", 100))
    screen.say(step.shown)
    answer = run(step, environ)
    screen.aside(answer.output)
    if faults := step.faults(answer):
        raise StepFailedError(f"step {title} failed, {step.command}: {'; '.join(faults)}\nit said: {answer.output}")


def tell(cluster: Cluster, screen: Screen) -> None:
    """Tell the whole story on a cluster that is up."""
    environ = environment_of(cluster)
    if has_node(cluster):
        images.load(cluster.layout, IMAGE)
    steps = story(node=has_node(cluster))
    for number, step in enumerate(steps, 1):
        play(step, f"{number}/{len(steps)}", environ, screen)


def has_node(cluster: Cluster) -> bool:
    """Say whether containers run in the cluster."""
    return cluster.flavor == "node"


def interrupt(number: int, _frame: FrameType | None) -> None:
    """Stop the story at a signal; further signals do not stop the tidying up."""
    ignore_signals()
    raise KeyboardInterrupt(number)


def ignore_signals() -> None:
    """Let signals pass from here on."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def tell_and_tidy_up(cluster: Cluster, screen: Screen) -> None:
    """Bring the cluster up, tell the story and take the cluster down, whatever happened between."""
    # Two blocks: a signal on the way out of the inner one cannot keep the outer one from its work.
    try:
        try:
            screen.say("Starting a Kubernetes API server and the operator.")
            cluster.up()
            tell(cluster, screen)
        finally:
            ignore_signals()
    finally:
        take_down(cluster, screen)


def take_down(cluster: Cluster, screen: Screen) -> None:
    """Take the cluster down; end what an interrupted start has left behind."""
    screen.say("\nStopping everything.")
    cluster.down()
    for process in filter(lambda found: belongs(found, cluster), psutil.process_iter()):
        processes.end(process, signal.SIGTERM)


def belongs(process: psutil.Process, cluster: Cluster) -> bool:
    """Say whether a process is a program of the cluster."""
    try:
        return process.environ().get(processes.DIRECTORY_MARK) == str(cluster.layout.root)
    except psutil.Error:
        return False


def demo(screen: Screen) -> None:
    """Tell the story on a cluster of its own, in a directory of its own; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="environment-demo-") as folder:
        flavor = "node" if os.environ.get(NODE_VARIABLE) == "1" else "local"
        cluster = Cluster(directory=Path(folder, "cluster"), flavor=flavor, report=screen.aside)
        tell_and_tidy_up(cluster, screen)


def main() -> int:
    """Tell the story; return the exit code: 0 when every step was as it should be, 1 when not."""
    for number in SIGNALS:
        signal.signal(number, interrupt)
    screen, start = Screen.of_this_process(), time.monotonic()
    try:
        demo(screen)
    except KeyboardInterrupt as interruption:
        screen.say("interrupted; nothing is left running")
        return SIGNAL_EXIT + int(interruption.args[0])
    except (StepFailedError, ClusterError, OSError) as error:
        screen.say(f"\nThe demo failed: {error}")
        return 1
    seconds = time.monotonic() - start
    screen.say(f"Every step was as it should be, in {seconds:.0f} s; nothing is left running.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
