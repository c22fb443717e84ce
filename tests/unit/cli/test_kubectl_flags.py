"""Options as kubectl takes them."""

import click
import pytest

from environment_operator.cli.kubectl_flags import as_click, workload_first

PARAMS = [
    click.Argument(["name"]),
    click.Option(["-o", "--output"]),
    click.Option(["-n", "--namespace"]),
    click.Option(["-A", "--all-namespaces"], is_flag=True),
    click.Option(["-w", "--watch"], is_flag=True),
    click.Option(["--edit/--no-edit"], default=None),
    click.Option(["--env"], multiple=True),
]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("-o=name a", "-o name a"),
        ("-o= a", "-o  a"),
        ("-n==a", "-n =a"),
        ("-oname -na=b", "-oname -na=b"),
        ("-Ao=name", "-Ao name"),
        ("--output=name=x", "--output=name=x"),
        ("--watch=true a", "--watch a"),
        ("-w=T -A=1", "-w -A"),
        ("--watch=false a", "a"),
        ("-w --watch=false --watch=FALSE a", "a"),
        ("-Aw=false", "-A"),
        ("--edit=false", "--no-edit"),
        ("--no-edit=0", "--edit"),
        ("--no-edit=true", "--no-edit"),
        ("--watch=maybe", "--watch=maybe"),
        ("--env -o=x --env --watch=false", "--env -o=x --env --watch=false"),
        ("-o -n=x", "-o -n=x"),
        ("-- -o=name", "-- -o=name"),
        ("--colour=false -c=x - -=x", "--colour=false -c=x - -=x"),
        ("a=b --output", "a=b --output"),
    ],
)
def test_as_kubectl_takes_them(typed: str, expected: str) -> None:
    """A short option may have its value after an equals sign, and a flag may be given a truth value; values of other
    options, and what is no option, stay as they are.
    """
    assert expected.split(" ") == as_click(PARAMS, typed.split(" "))


@pytest.mark.parametrize(
    ("words", "workload", "rest"),
    [
        ("deployment/lab", "deployment/lab", []),
        ("deployment/lab board", "deployment/lab", ["board"]),
        ("deployment lab", "deployment/lab", []),
        ("deployment lab board", "deployment/lab", ["board"]),
        ("deployment", "deployment", []),
    ],
)
def test_workload_first(words: str, workload: str, rest: list[str]) -> None:
    """A kind and a name may be written together or apart; what follows is left."""
    assert (workload, rest) == workload_first(words.split())
