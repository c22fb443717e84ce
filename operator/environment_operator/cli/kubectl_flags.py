"""Arguments as kubectl takes them → as click does: ``-o=name``, ``--wait=false``, ``KIND NAME``. Pure.

What is no option of the command stays as it is: click says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

import click

# https://pkg.go.dev/strconv#ParseBool
_BOOLEANS = dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True)
_BOOLEANS |= dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False)
_Given = tuple[click.Option | None, str]


def as_click(params: Iterable[click.Parameter], arguments: Sequence[str]) -> list[str]:
    """Return the arguments of a command as click reads them.

    Args:
        params: the options and arguments of the command.
        arguments: what was typed.
    """
    options = [each for each in params if isinstance(each, click.Option)]
    known = {name: each for each in options for name in (*each.opts, *each.secondary_opts)}
    out: list[_Given] = []
    left = iter(arguments)
    for argument in left:
        written, equals, value = argument.partition("=")
        option = _option(known, written)
        if argument == "--" or option is None:
            out.append((None, argument))
        elif equals and option.is_flag and value in _BOOLEANS:
            out = _answered(out, option, written, yes=_BOOLEANS[value])
        elif equals and not option.is_flag and not written.startswith("--"):
            out += [(option, written), (None, value)]
        else:
            out.append((option, argument))
            # What follows is its value, though it may look like an option.
            out += [(None, each) for each in islice(left, int(not equals and not option.is_flag))]
        if argument == "--":
            break
    return [*(text for _, text in out), *left]


def workload_first(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the workload that words begin with, ``KIND/NAME`` or ``KIND NAME``, as the former, and the words after."""
    kind, *rest = words
    return (kind, rest) if "/" in kind or not rest else (f"{kind}/{rest[0]}", rest[1:])


def _option(known: Mapping[str, click.Option], written: str) -> click.Option | None:
    """Return the option that a word names: a long one, or the last of short ones of which the others are flags."""
    if written in known or written.startswith("--") or not written.startswith("-"):
        return known.get(written)
    named = [known.get(f"-{letter}") for letter in written[1:]]
    return named[-1] if named and all(each and each.is_flag for each in named[:-1]) else None


def _answered(given: Sequence[_Given], option: click.Option, written: str, *, yes: bool) -> list[_Given]:
    """Return what was given so far, and then a flag, its opposite, or no flag where it has no opposite."""
    if yes:
        return [*given, (option, written)]
    if option.secondary_opts:
        opposite = option.secondary_opts if written in option.opts else option.opts
        return [*given, (option, opposite[0])]
    others = [(option_, text) for option_, text in given if option_ is not option]
    # Those that were written together with it stay.
    return [*others, *([(None, written[:-1])] if written[:-1].strip("-") and not written.startswith("--") else [])]
