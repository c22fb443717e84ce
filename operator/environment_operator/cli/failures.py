"""What went wrong, in words and as an exit code, and commands that go on with the next one nevertheless."""

import re
import shlex
from collections.abc import Callable, Sequence

from environment_operator.api import names
from environment_operator.cli.client.responses import NO_SUCH_KIND
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.output import console
from environment_operator.kube.errors import ApiError

_CODES = {0: Exit.UNREACHABLE, 401: Exit.UNREACHABLE, 404: Exit.NOT_FOUND}


# As the API server says it (apiserver/pkg/endpoints/handlers/responsewriters/errors.go).
_ON_ENVIRONMENTS = re.compile(
    rf'User "([^"]*)" cannot (\w+) resource "{names.PLURAL}" in API group "{names.GROUP}" at the cluster scope'
)
_READS = ("get", "list", "watch")
_BINDING = (
    "Ask an administrator to run kubectl create clusterrolebinding {name} --clusterrole=environment-{role} "
    "--user={user} for you."
)


def described(error: Problem | ApiError) -> tuple[str, Exit]:
    """Return what the user reads, and the exit code."""
    if isinstance(error, Problem):
        return str(error), error.code
    return _in_words(error), _CODES.get(error.status, Exit.REFUSED)


def each(given: Sequence[str], do: Callable[[str], None]) -> Exit:
    """Do something with each that was given, also when others fail, and say what failed.

    Args:
        given: what the user named.
        do: what is done with one.

    Returns:
        The exit code: that of all failures, where they have the same.

    Raises:
        Problem: the only one failed, or the API server cannot be reached.
        ApiError: the same.
    """
    codes: set[Exit] = set()
    for one in given:
        try:
            do(one)
        except (Problem, ApiError) as error:
            words, code = described(error)
            if len(given) == 1 or code == Exit.UNREACHABLE:
                raise
            first, *more = words.splitlines()
            console.complain(f"{one}: {first}")
            for line in more:
                console.note(line)
            codes.add(code)
    return codes.pop() if len(codes) == 1 else Exit.REFUSED if codes else Exit.DONE


def _in_words(error: ApiError) -> str:
    """Return what the API server said, with the way out where it does not say it."""
    if error.status == 401:  # noqa: PLR2004 - Unauthorized
        return f"the API server does not accept your credentials ({error}). Choose another --context, or log in again."
    if error.status == 404 and NO_SUCH_KIND in error.message:  # noqa: PLR2004 - Not Found
        return "this cluster has no Environments. Install the operator, or choose another --context."
    if found := _ON_ENVIRONMENTS.search(error.message):
        role = "viewer" if found[2] in _READS else "author"
        return f"{error.message}. {_binding(role, found[1])}"
    return error.message


def _binding(role: str, user: str) -> str:
    """Return the command that gives one user a role; its name is no other binding's, and one that RBAC takes."""
    name = f"environment-{role}-{re.sub('[/%]', '-', user)}"
    return _BINDING.format(name=shlex.quote(name), role=role, user=shlex.quote(user))
