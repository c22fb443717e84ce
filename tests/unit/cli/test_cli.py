"""The command line itself: options, exit codes, and what is imported when."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from environment_operator.cli.commands import list as listing
from environment_operator.cli.exit_codes import Exit
from environment_operator.cli.main import COMMANDS, cli, run
from environment_operator.cli.options import Duration, EnvironmentName

HEAVY = ("kubernetes", "pydantic", "rich", "yaml", "urllib3", "aiohttp")


def commands() -> dict[str, click.Command]:
    """Return every command."""
    context = click.Context(cli)
    return {name: found for name in COMMANDS if (found := cli.get_command(context, name))}


# Runs each command in a process of its own, which begins as a new one does after the plugin was imported.
EACH = f"""
import os, sys
from environment_operator.cli.main import run
for words in {[[], *([name] for name in COMMANDS)]}:
    if not os.fork():
        code = run([*words, "--help"])
        print("ran", *words, code, *sorted(set(sys.modules) & set({HEAVY})), flush=True)
        os._exit(0)
    os.wait()
"""


def test_help_is_quick() -> None:
    """No command's help imports what takes long: neither the kubernetes library, nor the models, nor tables."""
    done = subprocess.run([sys.executable, "-c", EACH], capture_output=True, text=True, check=True)
    ran = [line for line in done.stdout.splitlines() if line.startswith("ran ")]

    assert ["ran 0", *(f"ran {name} 0" for name in COMMANDS)] == ran


def test_what_asks_nobody_is_quick() -> None:
    """A manifest that is only printed takes neither the kubernetes library, nor the models, nor the kinds."""
    options = ["--image=a:1", "--type=training", "--cluster-wide", "--dry-run=client", "--output=yaml"]
    program = f"import sys; from environment_operator.cli.main import run; run({['create', 'a', *options]}); "
    loaded = f"print(*sorted(set(sys.modules) & set({HEAVY})))"
    done = subprocess.run([sys.executable, "-c", program + loaded], capture_output=True, text=True, check=True)

    assert ["  architecture: Standard", "yaml"] == done.stdout.splitlines()[-2:]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples(name: str) -> None:
    """Each command's help says what it does as the list of commands does, and shows examples of it."""
    text = commands()[name].help or ""

    assert COMMANDS[name][1] == text.splitlines()[0]
    assert f"kubectl environment {name}" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_described(name: str) -> None:
    """Each option of each command has a help text."""
    options = [p for p in commands()[name].params if isinstance(p, click.Option)]

    assert [] == [option.name for option in options if not option.help]


@pytest.mark.parametrize("name", COMMANDS)
def test_no_option_hides_another(name: str) -> None:
    """Each option and argument of a command has a name of its own."""
    given = [param.name for param in commands()[name].params]

    assert len(set(given)) == len(given)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("1m30s", 90), ("5", 5), ("0", 0), ("1h", 3600), ("250ms", 0.25), ("1.5s", 1.5)]
)
def test_durations(text: str, seconds: float) -> None:
    """Durations are written as kubectl takes them."""
    assert seconds == Duration().convert(text, None, None)


@pytest.mark.parametrize("text", ["soon", "5x", "-3s", ""])
def test_what_is_no_duration(text: str) -> None:
    """Anything else is refused with what to write."""
    with pytest.raises(click.BadParameter, match="Write 30s"):
        Duration().convert(text, None, None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], 'error: there is no command "nothing". See kubectl environment --help.'),
        (["descrbe"], 'error: there is no command "descrbe". Use describe, or see kubectl environment --help.'),
        (["list", "--colour"], "See 'kubectl environment list --help' for usage."),
        (["list", "--colour"], "No such option"),
        (["list", "--filter", "image"], "Write COLUMN=VALUE"),
        (["list", "-n=a", "--all-namespaces=true"], "exclude each other"),
        (["list", "-n", "a", "-A"], "exclude each other"),
        (["list", "-A", "-n", "a"], "exclude each other"),
        (["workloads", "x", "-A", "-n", "a"], "exclude each other"),
        (["list", "-w", "-o", "csv"], "--watch cannot print this form"),
    ],
)
def test_a_wrong_command_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake on the command line has its own exit code, and words."""
    assert Exit.USAGE == run(arguments)
    assert words in capsys.readouterr().err


def test_a_kubeconfig_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a kubeconfig there is no API server: the message says what to do."""
    assert Exit.UNREACHABLE == run(["list", "--kubeconfig", "/nonexistent"])
    assert "set KUBECONFIG" in capsys.readouterr().err


def test_a_mistake_of_ours(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What nobody thought of is said in one line with its place, not by a traceback, with an exit code of its own."""
    monkeypatch.setattr(listing, "_print", lambda *_: dict[str, str]()["nothing"])
    code = run(["list"])
    said = capsys.readouterr().err

    assert (Exit.MISTAKE, 1) == (code, len(said.splitlines()))
    fault = "internal error (bug in environment-operator), please report it: KeyError: 'nothing' (test_cli, line "
    assert said.startswith(f"error: {fault}")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The plugin says which one it is, as it was installed."""
    assert Exit.DONE == run(["--version"])
    assert f"kubectl environment {version('environment-operator')}\n" == capsys.readouterr().out


def test_no_arguments_show_the_help() -> None:
    """The plugin alone shows its commands."""
    assert "Commands:" in CliRunner().invoke(cli, []).output


@pytest.mark.parametrize(
    "arguments",
    [
        ["describe", ""],
        ["delete", "a", ""],
        ["describe", "../namespaces"],
        ["copy", "a", "a/b"],
        ["describe", "pod/a"],
        ["describe", "env/a/b"],
        ["copy", "a", "env/b"],
        ["create", "A_b"],
        ["rename", "a", "--to", "b?c"],
        ["list", "-n", "a/b"],
    ],
)
def test_what_is_no_name(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be a name comes into no request: not an empty variable of a script, nor a path."""
    assert Exit.USAGE == run(arguments)
    assert "is no name. Write small letters, digits" in capsys.readouterr().err


@pytest.mark.parametrize("written", ["a", "env/a", "environment/a", "Environments/a", "environment.environments.dev/a"])
def test_names_as_they_are_printed(written: str) -> None:
    """The name of an Environment may come with its kind, as ``-o name`` and kubectl print it."""
    assert "a" == EnvironmentName().convert(written, None, None)


def test_a_reader_that_leaves() -> None:
    """Nobody reading on, as in ``| head``, is neither an answer nor a failure: the exit code is 0."""
    program = "import sys; from environment_operator.cli.main import run; sys.exit(run(sys.argv[1:]))"
    line = f"set -o pipefail; (sleep 0.1; {sys.executable} -c '{program}' completion bash) | true"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_a_full_disk() -> None:
    """What the system refuses is no mistake of the plugin."""
    program = "import sys; from environment_operator.cli.main import run; sys.exit(run(['completion', 'bash']))"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert (Exit.REFUSED, True) == (done.returncode, "the system refuses it: " in done.stderr), done.stderr


def test_the_habits_of_kubectl() -> None:
    """What people type from kubectl is the same command, and how the API server is reached comes last in each help."""
    helps = [CliRunner().invoke(cli, [word, "--help"]).output for word in ("list", "get", "ls")]
    options = [line.split()[0] for line in helps[0].splitlines() if line.startswith("  -")]

    assert [text.split("\n", 2)[2] for text in helps] == [helps[0].split("\n", 2)[2]] * 3
    last = [
        "--context",
        "--all-contexts",
        "--kubeconfig",
        "--request-timeout",
        "--as",
        "--as-group",
        "--kinds-file",
        "-h,",
    ]
    assert set(last) == set(options[-len(last) :])
