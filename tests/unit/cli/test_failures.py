"""Commands that go on with the next one when one fails."""

import pytest

from environment_operator.api.names import GROUP, PLURAL
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.failures import described, each
from environment_operator.kube.errors import ApiError, Forbidden, NotFound

FAILURES = {
    "gone": NotFound(404, "it is gone"),
    "none": Problem("there is none", Exit.NOT_FOUND),
    "used": Forbidden(403, "it is used\nby somebody"),
    "down": ApiError(0, "no answer"),
}


def run(*given: str) -> tuple[Exit, list[str]]:
    """Return the exit code, and what was done."""
    done: list[str] = []

    def do(one: str) -> None:
        if one in FAILURES:
            raise FAILURES[one]
        done.append(one)

    return each(given, do), done


@pytest.mark.parametrize(
    ("given", "code", "done"),
    [
        (("a", "b"), Exit.DONE, ["a", "b"]),
        (("gone", "a", "none"), Exit.NOT_FOUND, ["a"]),
        (("used", "gone", "a"), Exit.REFUSED, ["a"]),
    ],
)
def test_the_others_are_done(given: tuple[str, ...], code: Exit, done: list[str]) -> None:
    """What fails does not keep the others from being done; failures of one sort keep their exit code."""
    assert (code, done) == run(*given)


def test_each_failure_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Each failure is said with what failed, on as many lines as it has."""
    run("used", "a", "none")

    assert "error: used: it is used\nby somebody\nerror: none: there is none\n" == capsys.readouterr().err


@pytest.mark.parametrize("given", [("down", "a"), ("used",)])
def test_what_ends_a_command(given: tuple[str, ...]) -> None:
    """Without an API server nothing further is tried; one alone fails as it does."""
    with pytest.raises(ApiError):
        run(*given)


@pytest.mark.parametrize(
    ("user", "verb", "name", "role", "quoted"),
    [
        ("ada", "list", "environment-viewer-ada", "environment-viewer", "ada"),
        ("ada", "patch", "environment-author-ada", "environment-author", "ada"),
        ("//x/#a", "get", "'environment-viewer---x-#a'", "environment-viewer", "'//x/#a'"),
    ],
)
def test_missing_binding(user: str, verb: str, name: str, role: str, quoted: str) -> None:
    """Who lacks a right is given a command that a shell and RBAC take, under a name that is only theirs."""
    message = f'User "{user}" cannot {verb} resource "{PLURAL}" in API group "{GROUP}" at the cluster scope'
    command = f"kubectl create clusterrolebinding {name} --clusterrole={role} --user={quoted}"

    words, code = described(Forbidden(403, message))

    assert f"{message}. Ask an administrator to run {command} for you." == words
    assert Exit.REFUSED == code
