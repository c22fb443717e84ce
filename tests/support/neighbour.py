"""Another mutating webhook of the cluster, called after ours: what a service mesh or an image mirror does, as data."""

import base64
import copy
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from uuid import uuid4

import jsonpatch
import trustme

from cluster.rest import Rest
from cluster.waiting import until

Object = dict[str, Any]
Change = Callable[[Object], None]
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
# The API server calls configurations in the order of their names.
AFTER_OURS, BEFORE_OURS = "zz-neighbour", "aa-neighbour"
MARK = "neighbour.example.org/was-here"
RULES = [
    {"apiGroups": ["", "apps", "batch"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
     "resources": ["pods", "deployments", "jobs"]},
]  # fmt: skip


class Neighbour:
    """What the webhook does to each object, set by a test; in the beginning it leaves its mark."""

    def __init__(self) -> None:
        """Start with the mark alone."""
        self.changes: Change = mark


def mark(item: Object) -> None:
    """Leave the mark."""
    item["metadata"].setdefault("annotations", {})[MARK] = "yes"


@contextmanager
def neighbour(rest: Rest, namespace: str, name: str = AFTER_OURS) -> Iterator[Neighbour]:
    """Have the API server call another webhook for one namespace, from when it does until the end.

    Args:
        rest: the administrator's connection.
        namespace: the namespace.
        name: the name of its configuration, which says when it is called.
    """
    made = Neighbour()
    with _serving(made) as (url, authority):
        reply = rest.create(CONFIGURATIONS, _configuration(url, authority, namespace, name))
        assert reply.ok, reply.message
        try:
            until("the other webhook to be called", lambda: _is_called(rest, namespace))
            yield made
        finally:
            rest.delete(f"{CONFIGURATIONS}/{name}")


def _is_called(rest: Rest, namespace: str) -> bool:
    """Return whether a Pod that is never stored carries the mark."""
    pod = {"metadata": {"name": f"canary-{uuid4().hex[:8]}"}, "spec": {"containers": [{"name": "x", "image": "x"}]}}
    made = rest.create(f"/api/v1/namespaces/{namespace}/pods?dryRun=All", pod).body
    return MARK in made["metadata"].get("annotations", {})


def _configuration(url: str, authority: trustme.CA, namespace: str, name: str) -> Object:
    """Return the webhook configuration."""
    entry = {
        "name": "neighbour.example.org",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": url, "caBundle": base64.b64encode(authority.cert_pem.bytes()).decode()},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "sideEffects": "None",
        "rules": RULES,
    }
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration"}
    return {**head, "metadata": {"name": name}, "webhooks": [entry]}


@contextmanager
def _serving(made: Neighbour) -> Iterator[tuple[str, trustme.CA]]:
    """Serve on a free port of the loopback interface; yield the URL and who signed the certificate."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    handler = type("Handler", (_Handler,), {"made": made})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}/", authority
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers AdmissionReviews."""

    made: ClassVar[Neighbour]

    def do_POST(self) -> None:
        """Answer with what the object becomes."""
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        before = review["request"]["object"]
        after = copy.deepcopy(before)
        self.made.changes(after)
        patch = base64.b64encode(jsonpatch.make_patch(before, after).to_string().encode()).decode()
        response = {"uid": review["request"]["uid"], "allowed": True, "patchType": "JSONPatch", "patch": patch}
        answer = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""
