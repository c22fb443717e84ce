"""The command line: `python -m cluster up|down|status|stop-operator|start-operator|packages`."""

import argparse
import shlex
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from cluster import packages, record
from cluster.api import Cluster, chosen
from cluster.errors import ClusterError

SIGNALS = {"TERM": signal.SIGTERM, "KILL": signal.SIGKILL}
INTERRUPTED = 130


def main() -> int:
    """Run one command; return the exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    arguments = _parser().parse_args()
    try:
        return COMMANDS[arguments.command](arguments)
    except ClusterError as error:
        _say(f"error: {error}")
        return error.exit_code
    except OSError as error:
        _say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        _say("interrupted; what was started has been stopped")
        return INTERRUPTED


def _up(arguments: argparse.Namespace) -> int:
    cluster = Cluster(
        apiserver_args=tuple(arguments.apiserver_arg),
        with_operator=not arguments.without_operator,
        report=_say,
    )
    if record.load(cluster.layout) is None:
        _say(f"Kubernetes: {chosen().why}")
    new = cluster.up()
    _say("the cluster is up" if new else "the cluster was already up; nothing is missing now")
    print(f"export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))}")  # noqa: T201
    programs = (cluster.layout.kubectl.parent, Path(sys.executable).parent)
    print(f"export PATH={':'.join(shlex.quote(str(each)) for each in programs)}:$PATH")  # noqa: T201
    return 0


def _down(_arguments: argparse.Namespace) -> int:
    cluster = Cluster(report=_say)
    found = cluster.down()
    root = cluster.layout.root
    _say(f"removed {root}" if found else f"there is no cluster in {root}")
    return 0


def _status(_arguments: argparse.Namespace) -> int:
    states = Cluster().states()
    for name, state in states.items():
        print(f"{name:<24} {state}")  # noqa: T201
    return 0 if all(state.startswith("running") for state in states.values()) else 1


def _stop_operator(arguments: argparse.Namespace) -> int:
    stopped = Cluster().stop_operator(SIGNALS[arguments.signal])
    _say(f"stopped {', '.join(stopped)}" if stopped else "the operator was not running")
    return 0


def _start_operator(_arguments: argparse.Namespace) -> int:
    Cluster().start_operator()
    _say("the operator is ready")
    return 0


def _packages(_arguments: argparse.Namespace) -> int:
    print(" ".join(packages.names()))  # noqa: T201
    return 0


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "up": _up,
    "down": _down,
    "status": _status,
    "stop-operator": _stop_operator,
    "start-operator": _start_operator,
    "packages": _packages,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    made = {name: commands.add_parser(name) for name in COMMANDS}
    made["up"].add_argument("--without-operator", action="store_true", help="only the cluster, no manifests")
    made["up"].add_argument("--apiserver-arg", action="append", default=[], help="one more flag of kube-apiserver")
    made["stop-operator"].add_argument("--signal", choices=SIGNALS, default="TERM")
    return parser


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
