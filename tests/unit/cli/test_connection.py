"""Where a kubeconfig leads, and how a request says who acts."""

import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from weakref import ref

import pytest

from environment_operator.cli.client import kubeconfig
from environment_operator.cli.client.connection import Access, Connection, asked_once
from environment_operator.cli.client.headers import impersonation, sendable
from environment_operator.cli.client.library import library
from environment_operator.cli.exit_codes import Problem

ACTING = {"as": "ann", "as-uid": "7", "as-groups": ["a", "b"], "as-user-extra": {"Sco pe/ä%": ["c", "d"]}}
EXTRA = [("Impersonate-Extra-Sco%20pe%2F%C3%A4%25", "c"), ("Impersonate-Extra-Sco%20pe%2F%C3%A4%25", "d")]


@pytest.mark.parametrize(
    ("name", "groups", "user", "belonging"),
    [("", (), "ann", ["a", "b"]), ("bob", (), "bob", ["a", "b"]), ("", ("c",), "ann", ["c"])],
)
def test_impersonation(name: str, groups: tuple[str, ...], user: str, belonging: list[str]) -> None:
    """What is asked for takes the place of what the kubeconfig says, each by itself, as in kubectl."""
    expected = [("Impersonate-User", user), ("Impersonate-Uid", "7"), *(("Impersonate-Group", g) for g in belonging)]

    assert [*expected, *EXTRA] == list(impersonation(ACTING, name, groups))


def test_nobody_is_impersonated() -> None:
    """Most kubeconfigs say nothing about it."""
    assert [] == list(impersonation({"token": "a"}, "", ()))


@pytest.mark.parametrize("user", [{"as-groups": ["a"]}, {"as-uid": "7"}, {"as": "a", "as-groups": "b"}])
def test_what_is_no_impersonation(user: dict[str, object]) -> None:
    """What belongs to nobody, or cannot be read, is not left out: the user would act with other rights than meant."""
    with pytest.raises(Problem):
        list(impersonation(user, "", ()))


def test_headers_are_sent_in_utf_8() -> None:
    """Names in every script arrive as they are; the line break at the end of a file with a token is none of it."""
    assert "김".encode() == sendable("Impersonate-User", "김").encode("latin-1")
    assert "Bearer a" == sendable("Authorization", "Bearer a\n")
    with pytest.raises(Problem, match="the header Authorization cannot be sent"):
        sendable("authorization", "Bearer a\nb")


def kubeconfigs(directory: Path, user: str, server: str = "https://api.example") -> str:
    """Write a context, its cluster and its user into a directory each; return them as KUBECONFIG has them."""
    files = {
        "context": "{contexts: [{name: a, context: {cluster: c, user: u}}], current-context: a}",
        "cluster": f"{{clusters: [{{name: c, cluster: {{server: '{server}'}}}}]}}",
        "user": f"{{users: [{{name: u, user: {user}}}]}}",
    }
    for name, content in files.items():
        (directory / name).mkdir()
        (directory / name / "config").write_text(content)
    return ":".join(str(directory / name / "config") for name in files)


def test_certificates_next_to_the_kubeconfig_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of a user are found from where the user stands, wherever the cluster does."""
    monkeypatch.setenv("KUBECONFIG", kubeconfigs(tmp_path, "{client-certificate: me.crt, client-key: me.key}"))
    for name in ("me.crt", "me.key"):
        (tmp_path / "user" / name).write_text("none")
    settings = kubeconfig.load("", "").settings

    assert str(tmp_path / "user" / "me.crt") == settings.cert_file
    assert str(tmp_path / "user" / "me.key") == settings.key_file


def test_a_token_that_cannot_be_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An identity provider that does not answer is no mistake of the plugin."""
    claims = b64encode(b'{"exp": 1}').decode().rstrip("=")
    provider = f"{{id-token: e30.{claims}.e30, refresh-token: a, client-id: b, idp-issuer-url: 'https://127.0.0.1:1'}}"
    monkeypatch.setenv("KUBECONFIG", kubeconfigs(tmp_path, f"{{auth-provider: {{name: oidc, config: {provider}}}}}"))

    with pytest.raises(Problem, match=r"the kubeconfig cannot be used: .*refused"):
        kubeconfig.load("", "")


@pytest.mark.parametrize(("variable", "namespace"), [("", "vision"), ("speech", "speech")])
def test_in_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, namespace: str) -> None:
    """Without a kubeconfig the ServiceAccount's API server and namespace are meant, or what the pod says of itself."""
    for file, content in (("token", "secret"), ("ca.crt", "none"), ("namespace", "vision\n")):
        (tmp_path / file).write_text(content)
    monkeypatch.setattr(library().in_cluster, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(library().in_cluster, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    variables = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443", "POD_NAMESPACE": variable}
    for name, value in {**variables, "KUBECONFIG": str(tmp_path / "nothing")}.items():
        monkeypatch.setenv(name, value)
    found = kubeconfig.load("", "")

    assert ("https://10.0.0.1:443", "", namespace) == (found.settings.host, found.context, found.namespace)


def test_the_library_is_imported_in_part(tmp_path: Path) -> None:
    """Reading a kubeconfig imports neither the library's models, nor what only renews tokens, and hides no module."""
    program = (
        "import sys; from environment_operator.cli.client.kubeconfig import load; load('', ''); "
        "print(*({'requests', 'pydantic', 'kubernetes', 'kubernetes.client'} & set(sys.modules))); "
        "import kubernetes; print(kubernetes.client.ApiClient.__name__)"
    )
    variables = {"KUBECONFIG": kubeconfigs(tmp_path, "{token: a}")}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=variables)

    assert "\nApiClient\n" == done.stdout


def test_an_answer_goes_with_its_connection() -> None:
    """What is asked once is asked again by another connection, and nothing keeps one, and its token, alive."""
    asked: list[str] = []

    @asked_once
    def question(connection: Connection, word: str) -> str:
        asked.append(f"{connection.asked} {word}")
        return word

    first, second = (Connection(Access(context=name), print) for name in "ab")
    answers = [question(first, "x"), question(first, "x"), question(first, "y"), question(second, "x")]
    alive = ref(first)
    del first

    assert (["x", "x", "y", "x"], ["a x", "a y", "b x"]) == (answers, asked)
    assert alive() is None
