"""What a command may end with besides success: an exit code that pipelines may rely on, and words. Pure."""

from enum import IntEnum
from typing import Self

from environment_operator.kube.errors import OperatorError


class Exit(IntEnum):
    """Exit codes, each with its meaning, which the reference of the plugin prints."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        """Return the exit code with its meaning."""
        made = int.__new__(cls, code)
        made._value_ = code
        made.meaning = meaning
        return made

    DONE = 0, "done"
    NO = 1, "the answer is no: `check` found a reason, `diff` a difference, or a question was answered with no"
    USAGE = 2, "the command line is wrong"
    REFUSED = 3, "the API server or the plugin refused it: the message says why"
    NOT_FOUND = 4, "there is no such object, or the cluster has no Environments"
    UNREACHABLE = 5, "the API server cannot be reached, or does not accept your credentials"
    MISTAKE = 70, "an internal error: please report it"
    INTERRUPTED = 130, "interrupted"


class Problem(OperatorError):
    """The command cannot be carried out; the text says why and what to do.

    Args:
        message: what the user reads.
        code: the exit code.
    """

    def __init__(self, message: str, code: Exit = Exit.REFUSED) -> None:
        super().__init__(message)
        self.code = code
