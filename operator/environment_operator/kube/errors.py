"""What can go wrong, and the one-word reasons that users see in conditions and Events."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus


class Reason(StrEnum):
    """Reasons of conditions and Events. Users and tests may rely on these words."""

    AVAILABLE = "Available"
    TERMINATING = "Terminating"
    RELEASED = "Released"

    # Stalled: the author has to change the Environment.
    INVALID_SPEC = "InvalidSpec"
    INVALID_IMAGE = "InvalidImage"
    PORT_CONFLICT = "PortConflict"
    TOO_LARGE = "TooLarge"
    UNKNOWN_REPLACEMENT = "UnknownReplacement"
    INVALID_FRAGMENT = "InvalidFragment"
    NO_KIND = "NoMatchingKind"

    # FragmentValid.
    ACCEPTED = "Accepted"

    # InUse and DeletionBlocked.
    USED = "Used"
    UNUSED = "Unused"
    USAGE_UNKNOWN = "UsageUnknown"
    GRACE_PERIOD = "GracePeriod"
    RELEASED_IN_USE = "ReleasedInUse"

    # ScopeResolved.
    RESOLVED = "Resolved"
    UNKNOWN_PROJECTS = "UnknownProjects"

    # PullSecretsFound.
    MISSING_SECRETS = "MissingPullSecrets"
    UNCHECKED = "Unchecked"

    # Events about registry credentials.
    INVALID_CREDENTIALS = "InvalidCredentials"
    NAME_TAKEN = "NameTaken"
    # ToolsExposed, and Events about workloads.
    EXPOSED = "Exposed"
    ADDRESS_TAKEN = "AddressTaken"
    NO_ROUTES = "NoRoutes"
    NOT_EXPOSED = "NotExposed"
    ROUTE_REFUSED = "RouteRefused"

    # Warnings: it works, and the author should know something.
    SPEC_WARNINGS = "SpecWarnings"


# What is nobody's fault but ours, in logs and in what people read.
INTERNAL_ERROR = "internal error (bug in environment-operator), please report it: %s"


class OperatorError(Exception):
    """Anything that this operator raises on purpose."""


class NoClusterError(OperatorError):
    """Nothing says where the API server is."""


class ApiError(OperatorError):
    """The API server refused, or could not be reached.

    Args:
        status: HTTP status; 0 when there was no answer.
        message: what the API server said.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}" if status else message)
        self.status = status
        self.message = message


class Conflict(ApiError):
    """The object is not as it was when the decision was made: look again."""


class Expired(ApiError):
    """The resource version or page is too old: list again."""


class NotFound(ApiError):
    """There is no such object, or no such kind."""


class NotLeading(ApiError):
    """Another replica may lead by now: nothing was sent."""


class Forbidden(ApiError):
    """The operator has no right to do this."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What the API server said of one field."""

    field: str
    message: str


class Invalid(ApiError):
    """The API server validated the object and refused it.

    Args:
        status: HTTP status.
        message: what the API server said.
        causes: the same by field.
    """

    def __init__(self, status: int, message: str, causes: Sequence[Cause] = ()) -> None:
        super().__init__(status, message)
        self.causes = causes


_BY_STATUS: Mapping[int, type[ApiError]] = {403: Forbidden, 404: NotFound, 409: Conflict, 410: Expired}


def api_error(status: int, message: str) -> ApiError:
    """Return the error for an HTTP status, or for the code of a Status object, with what the API server said."""
    return _BY_STATUS.get(status, ApiError)(status, message)


def refused(status: int, message: str, body: bytes) -> ApiError:
    """Return the error for a bad answer, with the fields that it is about where the API server names some.

    Args:
        status: HTTP status.
        message: what it says.
        body: the answer.
    """
    if status != HTTPStatus.UNPROCESSABLE_ENTITY:
        return api_error(status, message)
    try:
        causes = (json.loads(body).get("details") or {}).get("causes") or ()
        found = [Cause(str(each.get("field", "")), str(each.get("message", ""))) for each in causes]
    except (ValueError, AttributeError, TypeError):
        found = []
    return Invalid(status, message, found)
