"""A test cluster as an object: for fixtures, for the demo, and behind the command line."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from cluster import binaries, control_plane, kubectl, manifests, processes, record, roles
from cluster.borrowed import Current, Kind, docker_answers
from cluster.errors import ClusterError
from cluster.flavor import Flavor, Report
from cluster.layout import REPO_ROOT, Layout, directory_from_environment
from cluster.local import Local
from cluster.node import WithNode
from cluster.record import Record
from cluster.source import Choice, choose

FLAVORS: Mapping[str, Callable[[], Flavor]] = {"local": Local, "node": WithNode, "kind": Kind, "current": Current}


def chosen() -> Choice:
    """Return which Kubernetes a cluster takes when its maker does not say, and why."""
    built = not binaries.missing((*binaries.API, binaries.CONTROLLERS))
    return choose(os.environ, built=built, docker=docker_answers)


def flavor_from_environment() -> str:
    """Return the kind of cluster that is taken when its maker does not say."""
    return chosen().flavor


def _flavor(name: str) -> Flavor:
    """Return the flavor of that name."""
    if name not in FLAVORS:
        message = f"CLUSTER={name} is unknown: give {', '.join(FLAVORS)}"
        raise ClusterError(message, exit_code=2)
    return FLAVORS[name]()


@contextmanager
def _ended_in_any_case(layout: Layout) -> Iterator[None]:
    """Have a cluster that is still there when this process is gone taken down, also when it was killed.

    The pipe to the shell closes when this process ends.
    """
    script = 'cat; test ! -e "$CLUSTER_DIR" || exec "$PYTHON" -m cluster down'
    ours = {"CLUSTER_DIR": str(layout.root), "PYTHON": sys.executable, "PYTHONPATH": str(REPO_ROOT / "tests")}
    with subprocess.Popen(
        ["/bin/sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **ours},
        start_new_session=True,
    ):
        yield


def silent(_line: str) -> None:
    """Take a line of progress and drop it."""


@dataclass(frozen=True)
class Cluster:
    """One cluster, named by its directory; nothing happens before `up`.

    `with Cluster(...)` brings it up, and takes down again only what was not up before.
    """

    directory: Path = field(default_factory=directory_from_environment)
    flavor: str = field(default_factory=flavor_from_environment)
    repo_root: Path = REPO_ROOT
    apiserver_args: tuple[str, ...] = ()
    operator_env: Mapping[str, str] = field(default_factory=dict)
    with_operator: bool = True
    controllers: bool = False
    report: Report = silent
    # The API server's URL for a program that always reaches it through a proxy, by the program's name.
    servers: dict[str, str] = field(default_factory=dict)
    _exit: ExitStack = field(default_factory=ExitStack, repr=False, compare=False)

    def __enter__(self) -> Self:
        """Bring the cluster up."""
        if self.up():
            self._exit.enter_context(_ended_in_any_case(self.layout))
            self._exit.callback(self.down)
        return self

    def __exit__(self, *_exception: object) -> None:
        """Take the cluster down when `with` brought it up."""
        self._exit.close()

    @property
    def layout(self) -> Layout:
        """The paths of this cluster."""
        return Layout(self.directory.resolve())

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.layout.kubeconfig

    @property
    def programs(self) -> tuple[str, ...]:
        """The names of all programs that belong to the cluster, in the order of their start."""
        flavor = _flavor(self._record.flavor)
        return (*flavor.components, *(role.program for role in roles.ROLES))

    def up(self) -> bool:
        """Start what is missing, apply the manifests; True when there was no cluster before.

        When it fails or is interrupted, what it started is stopped again.
        """
        flavor = _flavor(self.flavor)
        with self.layout.lock():
            new = record.load(self.layout) is None
            if new:
                self.layout.create()
                record.save(self.layout, self._new_record(flavor))
            self._refuse_other_choices()
            self._remember_settings()
            with self._undone_on_failure(flavor, new=new):
                self._start_everything(flavor)
        return new

    def down(self) -> bool:
        """Stop everything and remove the directory; False when there was nothing."""
        layout = self.layout
        with layout.lock():
            known = record.load(layout)
            if known is None:
                return False
            self._stop_everything(_flavor(known.flavor))
            layout.remove()
        return True

    def kubectl(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002  as in subprocess.run
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator, `input` on its stdin; a failure raises if `check`."""
        return kubectl.run(self.layout, *arguments, stdin=input, check=check)

    def start_operator(
        self,
        env: Mapping[str, str] | None = None,
        server: str | None = None,
        *,
        await_ready: bool = True,
    ) -> None:
        """Start the operator's processes; `env` adds to the environment that `up` was given.

        `server` overrides the API server's URL, and what `servers` says, for those that are started now.
        """
        known = self._record
        environ = {**known.operator_env, **(env or {})}
        host = _flavor(known.flavor).host()
        servers = {role.program: server for role in roles.ROLES} if server else self.servers
        roles.start(self.layout, environ, host=host, servers=servers, await_ready=await_ready)

    def start_webhook(self, program: str, server: str | None = None) -> str:
        """Start one more process for admission; return the URL at which the API server can call it.

        `stop` ends it, which is for the caller to do.
        """
        self.start_replica(program, "webhook", server=server)
        return roles.admission_url(self.layout, roles.admission_port(program))

    def start_replica(
        self, program: str, command: str, env: Mapping[str, str] | None = None, server: str | None = None
    ) -> None:
        """Start one process of a role unless it runs, with `env` added, and return when it is ready.

        `stop` ends it, which is for the caller to do.
        """
        environ = {**self._record.operator_env, **(env or {})}
        roles.start_replica(self.layout, program, command, environ, server)

    def stop_operator(self, sig: int = signal.SIGTERM) -> list[str]:
        """Stop the operator's processes and await their end; return which ones ran."""
        return roles.stop(self.layout, sig)

    def start(self, program: str) -> None:
        """Start one program of the control plane again: same port, same data."""
        known = self._record
        _flavor(known.flavor).start_component(self.layout, known, program)

    def stop(self, program: str, sig: int = signal.SIGTERM) -> bool:
        """Stop one program and await its end; False when it did not run."""
        return processes.stop(self.layout, program, sig)

    def authenticate(self, configuration: Mapping[str, Any]) -> None:
        """Configure whose tokens the API server accepts: the fields of an AuthenticationConfiguration."""
        if not _flavor(self._record.flavor).components:
            message = f"CLUSTER={self.flavor}: authentication can be configured with CLUSTER=local only"
            raise ClusterError(message)
        control_plane.authenticate(self.layout, configuration)

    def pid(self, program: str) -> int | None:
        """Return the pid of a running program, None when it does not run."""
        process = processes.find(self.layout, program)
        return process.pid if process else None

    def operator_url(self, program: str = "operator") -> str:
        """Return the base URL of the HTTP port of one of the operator's processes."""
        return f"http://127.0.0.1:{roles.port_of(self.layout, program)}"

    def states(self) -> dict[str, str]:
        """Return for each program whether it is running, dead or stopped."""
        return {name: processes.state(self.layout, name) for name in self.programs}

    @property
    def _record(self) -> Record:
        known = record.load(self.layout)
        if known is None:
            message = f"there is no cluster in {self.layout.root}"
            raise ClusterError(message)
        return known

    def _new_record(self, flavor: Flavor) -> Record:
        return Record(
            flavor=self.flavor,
            ports=flavor.ports(),
            apiserver_args=self.apiserver_args,
            operator_env=dict(self.operator_env),
            controllers=self.controllers,
        )

    def _remember_settings(self) -> None:
        """Remember the settings that the operator was last given, and that controllers are needed."""
        known = self._record
        settings, controllers = {**known.operator_env, **self.operator_env}, known.controllers or self.controllers
        record.save(self.layout, replace(known, operator_env=settings, controllers=controllers))

    def _refuse_other_choices(self) -> None:
        known = self._record
        wanted = (self.flavor, self.apiserver_args or known.apiserver_args)
        if wanted != (known.flavor, known.apiserver_args):
            choices = " ".join((f"CLUSTER={known.flavor}", *known.apiserver_args))
            message = f"the cluster in {self.layout.root} was made with {choices}: down first"
            raise ClusterError(message)

    def _start_everything(self, flavor: Flavor) -> None:
        known = self._record
        flavor.start(self.layout, known, self.report)
        if self.with_operator:
            manifests.apply(self.layout, self.repo_root, force=flavor.owns_cluster)
            called = self._have_us_called(flavor)
            environ = {**known.operator_env, **self.operator_env}
            roles.start(self.layout, environ, host=flavor.host(), servers=self.servers)
            if called:
                manifests.await_admission(self.layout)

    def _have_us_called(self, flavor: Flavor) -> bool:
        """Have the API server call the operator at admission; one that is elsewhere cannot reach our loopback."""
        if not flavor.host():
            self.report("admission is left out: this API server cannot reach a process of this machine")
            return False
        url = roles.admission_url(self.layout, host=flavor.host())
        manifests.apply_webhooks(self.layout, self.repo_root, url, force=flavor.owns_cluster)
        return True

    def _stop_everything(self, flavor: Flavor) -> None:
        for name in roles.stop(self.layout):
            self.report(f"stopped {name}")
        flavor.stop(self.layout, self.report)

    @contextmanager
    def _undone_on_failure(self, flavor: Flavor, *, new: bool) -> Iterator[None]:
        """Stop what was started inside when it raises; a new cluster leaves at most its logs."""
        before = {name for name in self.programs if self.pid(name)}
        try:
            yield
            for name in self.programs:
                if name not in before and self.pid(name):
                    self.report(f"started {name}")
        except BaseException as error:
            if new:
                with suppress(ClusterError):
                    self._stop_everything(flavor)
                self.layout.remove(keep_logs=isinstance(error, ClusterError))
            else:
                self._stop_all_but(before)
            raise

    def _stop_all_but(self, kept: Collection[str]) -> None:
        for name in reversed(self.programs):
            if name not in kept:
                self.stop(name)
