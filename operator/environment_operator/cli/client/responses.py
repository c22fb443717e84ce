"""What an API server answers, read. Pure."""

import json
import re
from typing import Any

from environment_operator.kube import errors
from environment_operator.kube.errors import ApiError

Object = dict[str, Any]

# The metadata of a list, which hold no further object; a brace in a string is none.
_FLAT = rb'(\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\})'
_HEAD = re.compile(rb'\{"kind":"\w+","apiVersion":"[\w./-]+","metadata":' + _FLAT)
_TAIL = re.compile(rb',"metadata":' + _FLAT + rb"\}\s*\Z")
_LONGEST_METADATA = 4096
# What an API server says of a kind that it does not serve, and of one in a group that it does not serve at all.
NO_SUCH_KIND = "the server could not find the requested resource"
_NO_SUCH_PATH = b"404 page not found"
# Before this the API server repeats the whole object, when a patch has what the definition does not have.
_STRICT = "strict decoding error: "


def read(body: bytes) -> Object:
    """Return what was answered.

    Raises:
        ApiError: it is no JSON.
    """
    try:
        found: Object = json.loads(body)
    except ValueError as error:
        beginning = body[:100].decode(errors="replace")
        raise ApiError(0, f'the answer is not that of an API server: "{beginning}". Check --context.') from error
    return found


def continuation(body: bytes) -> str:
    """Return where a list goes on, empty when it is complete, without reading it all.

    Args:
        body: the list, or a table, in JSON; its own metadata come right at the beginning, or at the end.
    """
    found = _HEAD.match(body) or _TAIL.search(body, max(0, len(body) - _LONGEST_METADATA))
    metadata = read(found[1]) if found else read(body)["metadata"]
    return str(metadata.get("continue") or "")


def status_message(body: bytes) -> str:
    """Return the message of a Status, or the beginning of another answer."""
    try:
        message = str(json.loads(body)["message"])
        return f"it does not match the definition: {message.rpartition(_STRICT)[2]}" if _STRICT in message else message
    except (ValueError, KeyError, TypeError):
        return NO_SUCH_KIND if body.strip() == _NO_SUCH_PATH else body[:200].decode(errors="replace")


def refused(status: int, body: bytes) -> ApiError:
    """Return the error for a bad answer: with the fields that it is about, where the API server names some.

    Args:
        status: HTTP status.
        body: the answer.
    """
    return errors.refused(status, status_message(body), body)


def _utf8(header: str) -> str:
    """Return a header as the API server wrote it."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def warning(header: str) -> str:
    """Return the text of a Warning header, such as ``299 - "text"``; its bytes are UTF-8 and were read as Latin-1."""
    text = _utf8(header).split(" ", 2)[-1]
    return text[1:-1].replace('\\"', '"').replace("\\\\", "\\") if text.startswith('"') else text
