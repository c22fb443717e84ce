"""etcd, the API server and the controller manager: their command lines and their readiness."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster import binaries, kubeconfig, pki, processes
from cluster.errors import ClusterError
from cluster.layout import Layout
from cluster.probe import answers, client_context
from cluster.processes import Program
from cluster.record import Record

COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager")
PORTS = ("etcd", "etcd-peer", "kube-apiserver", "kube-controller-manager")
# What a node may do. Where there is none, tests write Pods as if they were one.
NODE_RIGHTS = ("--enable-admission-plugins=NodeRestriction",)
# Health is good before any controller runs; the verbose answer lists them once they all do.
CONTROLLER = "[+]namespace-controller ok"
# What the operator asks for is logged, so that tests see which of its rights it uses: who, what, and whether it may.
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Metadata", "users": ["system:serviceaccount:environments-system:environment-operator"]},
        {"level": "None"},
    ],
}


def authenticate(layout: Layout, configuration: Mapping[str, Any]) -> None:
    """Write whose tokens the API server accepts: the fields of an AuthenticationConfiguration.

    A running API server takes it up by itself, in a moment. It refuses a change of ``anonymous``. Before 1.34 it takes
    v1beta1 alone.
    """
    head = {"apiVersion": "apiserver.config.k8s.io/v1beta1", "kind": "AuthenticationConfiguration"}
    new = layout.authentication.with_suffix(".new")
    new.write_text(yaml.safe_dump({**head, **configuration}))
    new.rename(layout.authentication)


@dataclass(frozen=True)
class ControlPlane:
    """The three programs of one cluster, made from its directory and record."""

    layout: Layout
    record: Record

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return f"https://127.0.0.1:{self.record.ports['kube-apiserver']}"

    def start(self) -> None:
        """Start what is missing and return when the cluster is usable."""
        self._prepare()
        for component in COMPONENTS:
            if component != binaries.CONTROLLERS or not binaries.missing([component]):
                self.start_component(component)

    def start_component(self, name: str) -> None:
        """Start one program, on the same port with the same data, and await its readiness."""
        arguments = self._arguments.get(name)
        if arguments is None:
            message = f"{name} is not one of {', '.join(COMPONENTS)}"
            raise ClusterError(message)
        argv = (str(binaries.path(name)), *arguments())
        environ = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        processes.start(self.layout, Program(name, argv, environ))
        processes.await_ready(self.layout, name, self._ready[name])

    def _prepare(self) -> None:
        pki.create(self.layout.pki)
        if not self.layout.authentication.exists():
            authenticate(self.layout, {"jwt": []})
        self._audit_policy.write_text(yaml.safe_dump(AUDIT))
        clients = {
            "admin": self.layout.kubeconfig,
            "kube-controller-manager": self._manager_kubeconfig,
        }
        for client, path in clients.items():
            kubeconfig.write_with_certificate(path, server=self.server, pki=self.layout.pki, client=client)

    @property
    def _audit_policy(self) -> Path:
        return self.layout.pki / "audit-policy.yaml"

    @property
    def _manager_kubeconfig(self) -> Path:
        return self.layout.pki / "kube-controller-manager.kubeconfig"

    @property
    def _etcd_url(self) -> str:
        return f"http://127.0.0.1:{self.record.ports['etcd']}"

    @property
    def _arguments(self) -> Mapping[str, Callable[[], tuple[str, ...]]]:
        return {
            "etcd": self._etcd_arguments,
            "kube-apiserver": self._apiserver_arguments,
            "kube-controller-manager": self._manager_arguments,
        }

    @property
    def _ready(self) -> Mapping[str, Callable[[], bool]]:
        context = client_context(self.layout.pki, "admin")
        manager = f"https://127.0.0.1:{self.record.ports['kube-controller-manager']}/healthz?verbose"
        account = f"{self.server}/api/v1/namespaces/default/serviceaccounts/default"
        return {
            "etcd": lambda: answers(f"{self._etcd_url}/health"),
            "kube-apiserver": lambda: answers(f"{self.server}/readyz", context),
            "kube-controller-manager": lambda: (
                answers(manager, context, containing=CONTROLLER) and answers(account, context)
            ),
        }

    def _etcd_arguments(self) -> tuple[str, ...]:
        peer = f"http://127.0.0.1:{self.record.ports['etcd-peer']}"
        return (
            "--name=test",
            f"--data-dir={self.layout.etcd}",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=test={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        )

    def _apiserver_arguments(self) -> tuple[str, ...]:
        folder = self.layout.pki
        return (
            f"--etcd-servers={self._etcd_url}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--secure-port={self.record.ports['kube-apiserver']}",
            f"--cert-dir={folder}",
            f"--tls-cert-file={folder / 'server.crt'}",
            f"--tls-private-key-file={folder / 'server.key'}",
            f"--client-ca-file={folder / 'ca.crt'}",
            f"--authentication-config={self.layout.authentication}",
            f"--audit-policy-file={self._audit_policy}",
            f"--audit-log-path={self.layout.audit}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={folder / 'service-accounts.key'}",
            f"--service-account-signing-key-file={folder / 'service-accounts.key'}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--authorization-mode=Node,RBAC",
            "--allow-privileged=true",
            "--kubelet-preferred-address-types=Hostname",
            f"--kubelet-certificate-authority={folder / 'ca.crt'}",
            f"--kubelet-client-certificate={folder / 'admin.crt'}",
            f"--kubelet-client-key={folder / 'admin.key'}",
            *(NODE_RIGHTS if self.record.flavor == "node" else ()),
            *self.record.apiserver_args,
        )

    def _manager_arguments(self) -> tuple[str, ...]:
        folder = self.layout.pki
        return (
            f"--kubeconfig={self._manager_kubeconfig}",
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={folder / 'service-accounts.key'}",
            f"--root-ca-file={folder / 'ca.crt'}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.record.ports['kube-controller-manager']}",
            f"--tls-cert-file={folder / 'server.crt'}",
            f"--tls-private-key-file={folder / 'server.key'}",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        )
