"""The API server as the user reaches it: kubeconfig, credentials and TLS are the kubernetes library's.

The library is imported at the first request: it takes longer than all the rest.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property, partial, wraps
from math import ceil
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlencode

from environment_operator.api import names
from environment_operator.cli.client import headers, kubeconfig, responses
from environment_operator.kube.errors import ApiError, NotFound, api_error

if TYPE_CHECKING:
    from concurrent.futures import Future

Object = dict[str, Any]
_P = ParamSpec("_P")
_T = TypeVar("_T")
Query = Mapping[str, str]

ENVIRONMENTS = f"/apis/{names.API_VERSION}/{names.PLURAL}"
NAMESPACES = "/api/v1/namespaces"
PAGE = 500
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
MANAGER = "kubectl-environment"
# So long an answer that is the same for all users of a cluster is kept.
_KEPT_SECONDS = 60
_BAD = 400


def asked_once(
    question: Callable[Concatenate["Connection", _P], _T],
) -> Callable[Concatenate["Connection", _P], _T]:
    """Have a question asked once for each connection; the answer goes with the connection, and its token."""

    @wraps(question)
    def ask(connection: "Connection", /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        key = (question, *args, *sorted(kwargs.items()))
        if key not in connection.known:
            connection.known[key] = question(connection, *args, **kwargs)
        found: _T = connection.known[key]
        return found

    return ask


def same_for_all(
    question: Callable[["Connection"], _T],
) -> Callable[["Connection"], _T]:
    """Have a question asked once a minute for a cluster: its answer is the same for all users. An error is not kept."""

    @wraps(question)
    def ask(connection: "Connection", /) -> _T:
        at, found = connection.of_cluster.get(question, (-_KEPT_SECONDS, None))
        if time.monotonic() - at >= _KEPT_SECONDS:
            found = question(connection)
            connection.of_cluster[question] = (time.monotonic(), found)
        answer: _T = found
        return answer

    return ask


@dataclass(frozen=True, slots=True)
class Access:
    """How the user wants to reach the API server; empty: as the kubeconfig says.

    Args:
        kubeconfig: path of the kubeconfig.
        context: context in it.
        timeout: seconds for one request, 0 for no end.
        user: whom to impersonate.
        groups: groups to impersonate.
        kinds_file: a file with rows of further kinds, in the place of those that the cluster publishes.
        token: a bearer token, in the place of what the kubeconfig says of the user.
    """

    kubeconfig: str = ""
    context: str = ""
    timeout: float = 0
    user: str = ""
    groups: tuple[str, ...] = ()
    kinds_file: str = ""
    token: str = field(default="", repr=False)


class Connection:
    """The API server by paths. Every method raises `ApiError`, or `Problem` when the kubeconfig is no use.

    Args:
        access: how to reach it.
        warn: takes the warnings that come with an answer.
        waiting: is around each request, and gets what is waited for.
    """

    def __init__(
        self,
        access: Access,
        warn: Callable[[str], None],
        waiting: Callable[[str], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._access = access
        self._warn = warn
        self._waiting = waiting
        self.known: dict[tuple[object, ...], Any] = {}
        self.of_cluster: dict[object, tuple[float, Any]] = {}

    @property
    def kinds_file(self) -> str:
        """A file with rows of further kinds, empty for those that the cluster publishes."""
        return self._access.kinds_file

    @property
    def limited(self) -> bool:
        """Whether a request, and so a watch, may take only so long."""
        return bool(self._access.timeout)

    @property
    def options(self) -> list[str]:
        """The options by which kubectl reaches the same API server as the same user."""
        access = self._access
        given = {"--kubeconfig": access.kubeconfig, "--context": access.context, "--as": access.user}
        groups = [f"--as-group={group}" for group in access.groups]
        return [*(f"{option}={value}" for option, value in given.items() if value), *groups]

    @property
    def asked(self) -> str:
        """The name of the context that the user asked for, empty for the current one."""
        return self._access.context

    @property
    def context(self) -> str:
        """The name of the context, empty around a pod."""
        return self._reached.context

    @property
    def namespace(self) -> str:
        """The namespace of the context."""
        return self._reached.namespace

    def get(self, path: str, **query: str) -> Object:
        """Return an object or a list."""
        return self._object("GET", path, query)

    def find(self, path: str, **query: str) -> Object | None:
        """Return an object or a list, None when there is none."""
        try:
            return self.get(path, **query)
        except NotFound:
            return None

    def pages(self, path: str, accept: str = JSON, **query: str) -> Iterator[Object]:
        """Yield a list in pages; the next one is on its way while one is worked on.

        Args:
            path: URL path of the kind.
            accept: the form of the answer.
            query: further parameters, such as a selector.
        """

        def read(token: str) -> bytes:
            more = {"continue": token} if token else {}
            body: bytes = self._send("GET", path, {**query, "limit": str(PAGE), **more}, accept=accept).data
            return body

        body: bytes | None = read("")
        while body is not None:
            token = responses.continuation(body)
            ahead = _begun(partial(read, token)) if token else None
            yield responses.read(body)
            body = ahead.result() if ahead else None

    def items(self, path: str, **query: str) -> list[Object]:
        """Return all objects of a list."""
        return [item for page in self.pages(path, **query) for item in page.get("items") or ()]

    def watch(self, path: str, version: str, **query: str) -> Iterator[Object]:
        """Yield what changes from a resource version on, as watch events, until the server or the timeout ends it."""
        from urllib3.exceptions import HTTPError, ReadTimeoutError

        query |= {"watch": "1", "resourceVersion": version}
        if self.limited:
            # The timeout of the socket is for silence only.
            longest = ceil(self._access.timeout)
            query["timeoutSeconds"] = str(min(longest, int(query.get("timeoutSeconds", longest))))
        answer = self._send("GET", path, query)
        try:
            for line in answer:
                event: Object = responses.read(line)
                if event["type"] == "ERROR":
                    code = event["object"].get("code", 0)
                    raise api_error(code, event["object"].get("message", ""))
                yield event
        except ReadTimeoutError:
            return
        except HTTPError as error:
            raise ApiError(0, f"the API server ended the watch: {error}") from error
        finally:
            answer.close()

    def heard_by(self, warn: Callable[[str], None]) -> "Connection":
        """Return the same connection with its warnings going elsewhere, and nobody shown what is waited for."""
        return self._of_same_cluster(Connection(self._access, warn))

    def bearing(self, token: str) -> "Connection":
        """Return the same API server for whoever a bearer token is of."""
        return self._of_same_cluster(Connection(replace(self._access, token=token), self._warn))

    @property
    def has_credentials(self) -> bool:
        """Whether the kubeconfig says who acts."""
        settings = self._reached.settings
        return bool(settings.auth_settings() or settings.cert_file or self._reached.user)

    def patient(self, seconds: float) -> "Connection":
        """Return the same connection with a longest time for a request, where the user gave none."""
        limited = replace(self._access, timeout=self._access.timeout or seconds)
        return Connection(limited, self._warn, self._waiting)

    @contextmanager
    def hearing(self) -> Iterator[list[str]]:
        """Yield the warnings that come meanwhile, which are not shown."""
        said: list[str] = []
        before, self._warn = self._warn, said.append
        try:
            yield said
        finally:
            self._warn = before

    def _of_same_cluster(self, made: "Connection") -> "Connection":
        """Return a connection with what was read of the kubeconfig, the open connections, and what all users share."""
        vars(made)["_reached"] = self._reached
        made.of_cluster = self.of_cluster
        return made

    def create(self, path: str, body: Object, **query: str) -> Object:
        """Create an object."""
        return self._object("POST", path, {"fieldManager": MANAGER, **query}, body)

    def patch(self, path: str, body: object, content: str = MERGE_PATCH, **query: str) -> Object:
        """Change an object; return it as it is afterwards."""
        return self._object("PATCH", path, {"fieldManager": MANAGER, **query}, body, content=content)

    def replace(self, path: str, body: Object, **query: str) -> Object:
        """Replace an object; the resource version in it has to be the newest."""
        return self._object("PUT", path, {"fieldManager": MANAGER, **query}, body)

    def delete(self, path: str, body: Object | None = None) -> Object:
        """Delete an object."""
        return self._object("DELETE", path, {}, body)

    def _object(self, method: str, path: str, query: Query, body: object = None, **form: str) -> Object:
        """Make a request that is answered with an object; as `_send`."""
        return responses.read(self._send(method, path, query, body, **form).data)

    def _send(
        self, method: str, path: str, query: Query, body: object = None, *, content: str = JSON, accept: str = JSON
    ) -> Any:
        """Make a request; return the answer when it is a good one, read whole unless it is that of a watch.

        Args:
            method: the verb.
            path: URL path.
            query: parameters.
            body: what is sent, plain data.
            content: the form in which it is sent.
            accept: the form of the answer.
        """
        from urllib3.exceptions import HTTPError

        # Credentials come here, for which a program may ask the user.
        sent = self._headers(content, accept)
        url = f"{self._reached.settings.host}{path}{'?' if query else ''}{urlencode(query)}"
        try:
            with self._waiting("waiting for the API server"):
                answer = self._reached.pool.request(
                    method,
                    url,
                    body=None if body is None else json.dumps(body),
                    headers=sent,
                    timeout=self._access.timeout or None,
                    retries=False,
                    preload_content="watch" not in query,
                )
        except HTTPError as error:
            raise ApiError(0, f"the API server {self._reached.settings.host} cannot be reached: {error}") from error
        for warning in answer.headers.getlist("Warning"):
            self._warn(responses.warning(warning))
        if answer.status >= _BAD:
            raise responses.refused(answer.status, answer.data)
        return answer

    def _headers(self, content: str, accept: str) -> Any:
        """Return the headers of a request: who we are, and what is sent and wanted."""
        from urllib3 import HTTPHeaderDict

        given = {"Accept": accept, "Content-Type": content, "User-Agent": MANAGER}
        # It renews a token that expires.
        if self._access.token:
            given["Authorization"] = f"Bearer {self._access.token}"
        elif bearer := self._reached.settings.auth_settings().get("BearerToken"):
            given[bearer["key"]] = bearer["value"]
        out = HTTPHeaderDict()
        acting = headers.impersonation(self._reached.user, self._access.user, self._access.groups)
        for name, value in (*given.items(), *acting):
            out.add(name, headers.sendable(name, value))
        return out

    @property
    def contexts(self) -> list[str]:
        """The names of all contexts of the kubeconfig."""
        return kubeconfig.contexts(self._access.kubeconfig)

    @cached_property
    def _reached(self) -> kubeconfig.Reached:
        """Where the kubeconfig leads."""
        return kubeconfig.load(self._access.kubeconfig, self._access.context)


def _begun(call: Callable[[], bytes]) -> "Future[bytes]":
    """Begin a call in a thread that nobody waits for when the program ends."""
    from concurrent.futures import Future
    from threading import Thread

    out: Future[bytes] = Future()

    def run() -> None:
        try:
            out.set_result(call())
        except BaseException as error:  # noqa: BLE001 - who asks for the result gets it
            out.set_exception(error)

    Thread(target=run, daemon=True).start()
    return out
