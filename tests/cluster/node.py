"""`CLUSTER=node`: the local control plane and one real node, for root on Linux.

The node is this machine, by the name of localhost: containerd, kubelet, kube-proxy and a scheduler. Everything they
keep is in the cluster's directory; a bridge and the rules of kube-proxy are outside of it and go with the node.
"""

import hashlib
import ipaddress
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster import binaries, containers, images, kubeconfig, packages, processes
from cluster.control_plane import COMPONENTS as CONTROL_PLANE
from cluster.control_plane import PORTS as CONTROL_PLANE_PORTS
from cluster.control_plane import ControlPlane
from cluster.errors import ClusterError
from cluster.flavor import Report
from cluster.layout import Layout
from cluster.local import Local, different
from cluster.probe import answers, client_context
from cluster.processes import Program
from cluster.record import Record

NAME = "localhost"
COMPONENTS = ("kube-scheduler", "containerd", "kubelet", "kube-proxy")
PORTS = ("kube-scheduler", "kubelet", "kubelet-health", "kube-proxy", "kube-proxy-metrics")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PODS = ipaddress.IPv4Network("10.240.0.0/12")
# kube-proxy leaves these, which a kubelet on the same machine may need.
FIREWALL = tuple(
    ("iptables", *words.split(), "KUBE-FIREWALL")
    for words in ("--delete INPUT --jump", "--delete OUTPUT --jump", "--flush", "--delete-chain")
)
READY = "{.status.conditions[?(@.type=='Ready')].status} {.spec.taints[*].key}"


class WithNode(Local):
    """The control plane with a node."""

    components: tuple[str, ...] = (*CONTROL_PLANE, *COMPONENTS)

    def ports(self) -> Mapping[str, int]:
        """Return a free port for each listener, all of them different."""
        return different((*CONTROL_PLANE_PORTS, *PORTS))

    def start(self, layout: Layout, record: Record, report: Report) -> None:
        """Start what does not run; return when the node takes pods."""
        packages.require()
        binaries.ensure((*binaries.API, binaries.CONTROLLERS, *binaries.NODE), report)
        super().start(layout, record, report)
        Node(layout, record).start()

    def start_component(self, layout: Layout, record: Record, name: str) -> None:
        """Start one stopped program again."""
        if name in CONTROL_PLANE:
            super().start_component(layout, record, name)
        else:
            Node(layout, record).start_component(name)

    def stop(self, layout: Layout, report: Report) -> None:
        """Stop the node with its pods, then the control plane."""
        for component in ("kube-proxy", "kubelet", "containerd", "kube-scheduler"):
            if component == "containerd":
                containers.clear(layout)
            if processes.stop(layout, component):
                report(f"stopped {component}")
        _remove_rules(layout)
        super().stop(layout, report)


@dataclass(frozen=True)
class Node:
    """The programs of the node, made from the cluster's directory and record."""

    layout: Layout
    record: Record

    def start(self) -> None:
        """Start what is missing and return when pods can run."""
        _require_no_other_proxy(self.layout)
        self._prepare()
        for component in COMPONENTS:
            self.start_component(component)

    def start_component(self, name: str) -> None:
        """Start one program and await its readiness."""
        processes.start(self.layout, Program(name, self._argv[name](), {"PATH": self._path}))
        processes.await_ready(self.layout, name, self._ready[name])
        if name == "containerd":
            images.load(self.layout, images.PAUSE)

    @property
    def _path(self) -> str:
        """Where programs look for programs: containerd would take a shim of another containerd, if that came first."""
        return f"{binaries.path('containerd-shim-runc-v2').parent}:{PATH}"

    @property
    def _folder(self) -> Path:
        return self.layout.node

    @property
    def _server(self) -> str:
        return ControlPlane(self.layout, self.record).server

    def _prepare(self) -> None:
        for client in ("kube-scheduler", "kubelet", "kube-proxy"):
            path = self._kubeconfig(client)
            kubeconfig.write_with_certificate(path, server=self._server, pki=self.layout.pki, client=client)
        containers.configure(self.layout, bridge(self.layout), str(subnet(self.layout)))
        for name, configuration in (("kubelet", self._kubelet()), ("kube-proxy", self._proxy())):
            (self._folder / f"{name}.yaml").write_text(yaml.safe_dump(configuration))

    def _kubeconfig(self, client: str) -> Path:
        return self.layout.pki / f"{client}.kubeconfig"

    @property
    def _argv(self) -> Mapping[str, Callable[[], tuple[str, ...]]]:
        return {
            "kube-scheduler": self._scheduler_argv,
            "containerd": lambda: containers.argv(self.layout),
            "kubelet": self._kubelet_argv,
            "kube-proxy": lambda: (str(binaries.path("kube-proxy")), f"--config={self._folder / 'kube-proxy.yaml'}"),
        }

    @property
    def _ready(self) -> Mapping[str, Callable[[], bool]]:
        ports = self.record.ports
        context = client_context(self.layout.pki, "admin")
        return {
            "kube-scheduler": lambda: answers(f"https://127.0.0.1:{ports['kube-scheduler']}/healthz", context),
            "containerd": lambda: containers.ready(self.layout),
            "kubelet": lambda: answers(f"http://127.0.0.1:{ports['kubelet-health']}/healthz") and self._takes_pods(),
            "kube-proxy": lambda: answers(f"http://127.0.0.1:{ports['kube-proxy']}/healthz"),
        }

    def _takes_pods(self) -> bool:
        """Return whether the node is ready and has no taint any more."""
        argv = (str(binaries.path("kubectl")), f"--kubeconfig={self.layout.kubeconfig}", "get", "node", NAME)
        found = subprocess.run((*argv, f"--output=jsonpath={READY}"), capture_output=True, text=True, check=False)
        return found.stdout.strip() == "True"

    def _scheduler_argv(self) -> tuple[str, ...]:
        pki = self.layout.pki
        return (
            str(binaries.path("kube-scheduler")),
            f"--kubeconfig={self._kubeconfig('kube-scheduler')}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.record.ports['kube-scheduler']}",
            f"--tls-cert-file={pki / 'server.crt'}",
            f"--tls-private-key-file={pki / 'server.key'}",
        )

    def _kubelet_argv(self) -> tuple[str, ...]:
        return (
            str(binaries.path("kubelet")),
            f"--kubeconfig={self._kubeconfig('kubelet')}",
            f"--config={self._folder / 'kubelet.yaml'}",
            f"--root-dir={self._folder / 'kubelet'}",
            f"--cert-dir={self._folder}",
            # An address of a node may not be a loopback address; a name may stand for one.
            f"--hostname-override={NAME}",
        )

    def _kubelet(self) -> dict[str, Any]:
        """Return the kubelet's configuration, for a machine whose control groups are not ours to arrange."""
        pki, ports = self.layout.pki, self.record.ports
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": "127.0.0.1",
            "port": ports["kubelet"],
            "healthzPort": ports["kubelet-health"],
            "tlsCertFile": str(pki / "server.crt"),
            "tlsPrivateKeyFile": str(pki / "server.key"),
            "authentication": {"anonymous": {"enabled": False}, "x509": {"clientCAFile": str(pki / "ca.crt")}},
            "authorization": {"mode": "Webhook"},
            "containerRuntimeEndpoint": f"unix://{containers.socket(self.layout)}",
            "podLogsDir": str(self._folder / "pods"),
            # Its chains would stay behind; those that Services need are of kube-proxy.
            "makeIPTablesUtilChains": False,
            "failCgroupV1": False,
            "cgroupDriver": "cgroupfs",
            "cgroupsPerQOS": False,
            "enforceNodeAllocatable": [],
            "failSwapOn": False,
            "localStorageCapacityIsolation": False,
            "evictionHard": {"memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%"},
            "imageGCHighThresholdPercent": 100,
            "registryPullQPS": 0,
            "volumePluginDir": str(self._folder / "plugins"),
        }

    def _proxy(self) -> dict[str, Any]:
        """Return the configuration of kube-proxy."""
        ports = self.record.ports
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": str(self._kubeconfig("kube-proxy"))},
            "hostnameOverride": NAME,
            "mode": "iptables",
            "clusterCIDR": str(subnet(self.layout)),
            "conntrack": {"maxPerCore": 0, "min": 0},
            "healthzBindAddress": f"127.0.0.1:{ports['kube-proxy']}",
            "metricsBindAddress": f"127.0.0.1:{ports['kube-proxy-metrics']}",
        }


def subnet(layout: Layout) -> ipaddress.IPv4Network:
    """Return the addresses of the pods, of a cluster's own."""
    found = list(PODS.subnets(new_prefix=24))
    return found[int(_digest(layout), 16) % len(found)]


def bridge(layout: Layout) -> str:
    """Return the name of the bridge between the pods, of a cluster's own."""
    return f"env-{_digest(layout)[:8]}"


def _digest(layout: Layout) -> str:
    return hashlib.sha256(str(layout.root).encode()).hexdigest()


def _require_no_other_proxy(layout: Layout) -> None:
    """Refuse to share a machine with somebody else's kube-proxy: both would write the same rules."""
    if processes.find(layout, "kube-proxy") is None and "KUBE-" in _rules():
        message = "this machine has the rules of a kube-proxy already: is it a node of another cluster?"
        raise ClusterError(message)


def _rules() -> str:
    return subprocess.run(("iptables-save",), capture_output=True, text=True, check=True, env={"PATH": PATH}).stdout


def _remove_rules(layout: Layout) -> None:
    """Remove the bridge and the rules of kube-proxy."""
    program = binaries.path("kube-proxy")
    if not layout.node.exists() or not program.exists():
        return
    for command in ((str(program), "--cleanup"), *FIREWALL, ("ip", "link", "delete", bridge(layout))):
        subprocess.run(command, capture_output=True, check=False, env={"PATH": PATH})
