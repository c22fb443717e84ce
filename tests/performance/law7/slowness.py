"""Slow webhooks of another project: called after ours has mutated, and together with ours at the end."""

import asyncio
import base64
import json
import ssl
from typing import Any, Self

import trustme
from aiohttp import web

from law7.script import MUTATING, VALIDATING

Object = dict[str, Any]
REGISTRATION = "/apis/admissionregistration.k8s.io/v1"
# After "environment-operator", in the order in which the API server calls mutating webhooks.
NAME = "zz-slow"
LABEL = ANNOTATION = "slow.example.org/sleeps"
KINDS = {"": ["pods", "podtemplates"], "batch": ["jobs"]}
SECONDS = 10


def mark(sleeps: dict[str, float]) -> Object:
    """Return the metadata of an object that is to be kept for so many seconds by each of the two."""
    return {"labels": {LABEL: "true"}, "annotations": {ANNOTATION: json.dumps(sleeps)}} if sleeps else {}


class Slowness:
    """Serves both of them on a loopback port, inside of ``async with``."""

    def __init__(self) -> None:
        self.asked = {MUTATING: 0, VALIDATING: 0}
        authority = trustme.CA()
        self._authority = authority.cert_pem.bytes()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self._context)

    async def __aenter__(self) -> Self:
        """Begin to serve."""
        application = web.Application(client_max_size=8 * 2**20)
        application.router.add_post("/{which}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._context).start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """Stop to serve."""
        await self._runner.cleanup()

    def configurations(self) -> list[Object]:
        """Return the configurations by which the API server calls them; a request goes on without their answer."""
        bundle = base64.b64encode(self._authority).decode()
        port = self._runner.addresses[0][1]
        return [
            {
                "kind": f"{which.capitalize()}WebhookConfiguration",
                "metadata": {"name": NAME},
                "webhooks": [
                    {
                        "name": f"{which}.slow.example.org",
                        "admissionReviewVersions": ["v1"],
                        "clientConfig": {"url": f"https://127.0.0.1:{port}/{which}", "caBundle": bundle},
                        "rules": [_rule(group, plurals) for group, plurals in KINDS.items()],
                        "objectSelector": {"matchExpressions": [{"key": LABEL, "operator": "Exists"}]},
                        "failurePolicy": "Ignore",
                        "sideEffects": "None",
                        "timeoutSeconds": SECONDS,
                    }
                ],
            }
            for which in self.asked
        ]

    async def _answer(self, request: web.Request) -> web.Response:
        """Allow an object after as many seconds as it says."""
        review = (await request.json())["request"]
        which = request.match_info["which"]
        self.asked[which] += 1
        await asyncio.sleep(json.loads(review["object"]["metadata"]["annotations"][ANNOTATION]).get(which, 0))
        response = {"uid": review["uid"], "allowed": True}
        return web.json_response({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})


def _rule(group: str, plurals: list[str]) -> Object:
    """Return which requests are meant."""
    return {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": plurals}
