"""The only module of the operator that talks to the API server.

Connection, credentials and TLS are the kubernetes library's; paged metadata lists, watch lines and
status apply are made here, because its typed calls lose unknown fields and decode everything.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from copy import copy
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration

from environment_operator.api import names
from environment_operator.kube import config
from environment_operator.kube.errors import (
    ApiError,
    Conflict,
    NotLeading,
    api_error,
    refused,
)
from environment_operator.kube.objects import Item, Metadata, MetadataPage, Page, WatchEvent, WholeEvent, WholePage

PAGE = 500
_METADATA = "application/json;as=PartialObjectMetadata{list};g=meta.k8s.io;v=v1"
# A name in a path that is none would lead to another object, which a client resolves before it asks.
_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._:~-]+)+")
_REQUEST = aiohttp.ClientTimeout(total=30)
ENVIRONMENTS = f"/apis/{names.GROUP}/{names.VERSION}/{names.PLURAL}"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{names.SYSTEM_NAMESPACE}/leases"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_REVIEW = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}


class Cluster:
    """The API server, by the verbs that the operator needs. Every method raises `ApiError` and nothing else."""

    def __init__(self, configuration: Configuration) -> None:
        self._api, self._streams = ApiClient(configuration), ApiClient(configuration)
        self._api.user_agent = self._streams.user_agent = names.FIELD_MANAGER
        # A watch keeps its connection, and a pool has 100: without one of their own, requests would wait for watches.
        self._streams.rest_client.maxsize = 0
        self._may_write: Callable[[], bool] = lambda: True

    @classmethod
    async def connect(cls) -> "Cluster":
        """Return the cluster of the kubeconfig in ``KUBECONFIG`` or its usual place, else the one around the pod."""
        return cls(await config.configuration())

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return str(self._api.configuration.host)

    def session(self, *middlewares: aiohttp.ClientMiddlewareType) -> aiohttp.ClientSession:
        """Return a session for another client of the same server, with our credentials, renewed as they expire.

        Args:
            middlewares: what its requests pass through besides.
        """

        async def authenticate(
            request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
        ) -> aiohttp.ClientResponse:
            request.headers.update(await self._credentials())
            return await send(request)

        connector = aiohttp.TCPConnector(limit=0, ssl=self._api.rest_client.ssl_context)
        proxy = self._api.configuration.proxy
        return aiohttp.ClientSession(connector=connector, middlewares=(authenticate, *middlewares), proxy=proxy)

    def fenced(self, may_write: Callable[[], bool]) -> "Cluster":
        """Return the same API server, by the same connections, to which nothing is sent but reads unless we may write.

        Args:
            may_write: is asked before each request that is none.
        """
        other = copy(self)
        other._may_write = may_write  # noqa: SLF001 - ours
        return other

    async def close(self) -> None:
        """Close every connection."""
        await self._api.close()
        await self._streams.close()

    async def get(self, path: str) -> dict[str, Any]:
        """Return an object, whole."""
        return await self._object("GET", path)

    async def metadata(self, path: str) -> Metadata:
        """Return the metadata of an object; nothing else of it is sent."""
        response = await self._send("GET", path, accept=_accept("", whole=False))
        return Item.model_validate_json(await _body(response)).metadata

    async def may(self, verb: str, resource: str, namespace: str) -> bool:
        """Return whether we have a right on a resource of the core group; everybody may ask that about themselves."""
        attributes = {"verb": verb, "resource": resource, "namespace": namespace}
        body = {**_REVIEW, "spec": {"resourceAttributes": attributes}}
        return bool((await self.create(REVIEWS, body))["status"]["allowed"])

    async def environments(self) -> AsyncIterator[tuple[list[dict[str, Any]], str]]:
        """Yield all Environments in pages, each with the resource version of the list."""
        token = ""
        while True:
            query = {"limit": PAGE, **({"continue": token} if token else {})}
            page = await self._object("GET", f"{ENVIRONMENTS}?{urlencode(query)}")
            yield page["items"], page["metadata"]["resourceVersion"]
            token = page["metadata"].get("continue", "")
            if not token:
                return

    async def patch_environment(self, name: str, patch: list[dict[str, Any]]) -> dict[str, Any]:
        """Apply a JSON patch to an Environment as `patch` does."""
        return await self.patch(f"{ENVIRONMENTS}/{name}", patch)

    async def apply_status(self, name: str, uid: str, status: Mapping[str, Any]) -> dict[str, Any]:
        """Write the whole status of an Environment by server-side apply; return it as it is afterwards."""
        meta = {"name": name, "uid": uid}
        body = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": meta, "status": status}
        return await self.apply(f"{ENVIRONMENTS}/{name}/status", body)

    async def apply(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Have an object be like this, by server-side apply; return it as it is afterwards."""
        query = urlencode({"fieldManager": names.FIELD_MANAGER, "force": "true"})
        return await self._object("PATCH", f"{path}?{query}", body, "application/apply-patch+yaml")

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object."""
        return await self._object("POST", path, body, "application/json")

    async def replace(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Replace an object; the resource version in it has to be the newest."""
        return await self._object("PUT", path, body, "application/json")

    async def patch(self, path: str, patch: list[dict[str, Any]]) -> dict[str, Any]:
        """Apply a JSON patch to an object; return it as it is afterwards.

        Raises:
            Conflict: a ``test`` of the patch failed, which the API server answers with 422.
        """
        try:
            return await self._object("PATCH", path, patch, "application/json-patch+json")
        except ApiError as error:
            if error.status == 422:  # noqa: PLR2004 - Unprocessable Entity
                raise Conflict(error.status, error.message) from error
            raise

    async def merge(self, path: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Apply a merge patch to an object; return it as it is afterwards.

        Raises:
            Conflict: the patch names another uid or resource version than the object has.
        """
        return await self._object("PATCH", path, patch, "application/merge-patch+json")

    async def delete(self, path: str, uid: str, version: str = "") -> None:
        """Delete an object, as it was in a version where one is given.

        Raises:
            Conflict: it is another object by that name, or has changed.
        """
        body = {"preconditions": {"uid": uid, **({"resourceVersion": version} if version else {})}}
        await self._object("DELETE", path, body, "application/json")

    async def page(
        self, path: str, selector: str = "", token: str = "", *, name: str = "", whole: bool = False
    ) -> Page:
        """Return one page of a kind's objects, of their metadata unless they are wanted whole.

        Args:
            path: URL path of the kind.
            selector: label selector; empty for all objects.
            token: the token of the page before, empty for the first.
            name: the name that they have, in any namespace; empty for all objects.
            whole: whether to ask for `Whole` objects.
        """
        query = {"limit": PAGE, **_chosen(selector, name)}
        query |= {"continue": token} if token else {}
        response = await self._send("GET", f"{path}?{urlencode(query)}", accept=_accept("List", whole=whole))
        page = (WholePage if whole else MetadataPage).model_validate_json(await _body(response))
        items = [item.metadata for item in page.items or ()]
        now = parsedate_to_datetime(response.headers["Date"])
        return Page(items, page.metadata.resource_version, page.metadata.next, now.astimezone(UTC))

    async def watch(
        self, path: str, selector: str, version: str, seconds: int, *, name: str = "", whole: bool = False
    ) -> AsyncIterator[WatchEvent]:
        """Yield the changes since a resource version, bookmarks included, until the server ends the stream.

        Args:
            path: URL path of the kind.
            selector: label selector; empty for all objects.
            version: where to begin.
            seconds: how long the server may keep the stream.
            name: as for `page`.
            whole: whether to ask for `Whole` objects, not for their metadata alone.

        Raises:
            Expired: the version is too old.
        """
        query = {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": version, "timeoutSeconds": seconds}
        query |= _chosen(selector, name)
        # Bookmarks come every minute: a stream that is silent for longer is dead.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=90)
        url = f"{path}?{urlencode(query)}"
        accept = _accept("", whole=whole)
        response = await self._send("GET", url, accept=accept, timeout=timeout, api=self._streams)
        async for line in _lines(response):
            event = (WholeEvent if whole else WatchEvent).model_validate_json(line)
            if event.type == "ERROR":
                raise api_error(event.object.code, event.object.message)
            yield event

    async def _object(self, method: str, path: str, body: object = None, content_type: str = "") -> dict[str, Any]:
        """Make a request that is answered with an object."""
        response = await self._send(method, path, body, content_type)
        found: dict[str, Any] = json.loads(await _body(response))
        return found

    async def _send(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = "",
        *,
        accept: str = "application/json",
        timeout: aiohttp.ClientTimeout = _REQUEST,  # noqa: ASYNC109 - passed on to aiohttp, which keeps it
        api: ApiClient | None = None,
    ) -> aiohttp.ClientResponse:
        """Make a request; return the answer when it is a good one, with the body still to be read."""
        if not _PATH.fullmatch(path.partition("?")[0]):
            raise ApiError(400, f"{path!r} leads nowhere")
        headers = {"Accept": accept, "User-Agent": names.FIELD_MANAGER, **await self._credentials()}
        headers |= {"Content-Type": content_type} if content_type else {}
        url = f"{self._api.configuration.host}{path}"
        if method != "GET" and not self._may_write():
            raise NotLeading(0, f"{method} {path} is left to the replica that leads")
        try:
            answer = await (api or self._api).call_api(method, url, headers, body, _request_timeout=timeout)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(0, _unreachable(error)) from error
        response: aiohttp.ClientResponse = answer.response
        if response.status >= 400:  # noqa: PLR2004 - where HTTP's errors begin
            raise refused(response.status, _message(body := await _body(response)), body)
        return response

    async def _credentials(self) -> dict[str, str]:
        """Return the headers that say who we are."""
        headers: dict[str, str] = {}
        await self._api.update_params_for_auth(headers, [], ["BearerToken"], "", "", None)
        return headers


def _chosen(selector: str, name: str) -> dict[str, str]:
    """Return the part of a query that says which objects are meant."""
    labels = {"labelSelector": selector} if selector else {}
    return {**labels, **({"fieldSelector": f"metadata.name={name}"} if name else {})}


def _accept(suffix: str, *, whole: bool) -> str:
    """Return the Accept header for a list or a watch."""
    return "application/json" if whole else _METADATA.format(list=suffix)


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """Return a whole answer."""
    try:
        return await response.read()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ApiError(0, _unreachable(error)) from error


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield the lines of a stream; the connection is closed when nobody reads on."""
    try:
        async for line in response.content:
            yield line
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ApiError(0, _unreachable(error)) from error
    finally:
        response.close()


def _message(body: bytes) -> str:
    """Return the message of a Status, or the beginning of another answer."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")


def _unreachable(error: BaseException) -> str:
    """Return why there was no answer."""
    if isinstance(error, asyncio.TimeoutError):
        return "the API server did not answer in time"
    return f"the API server cannot be reached: {error or type(error).__name__}"
