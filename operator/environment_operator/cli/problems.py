"""What a command may end with besides success: an exit code that pipelines may rely on, and words. Pure."""

from enum import IntEnum

from environment_operator.errors import OperatorError


class Exit(IntEnum):
    """Exit codes; the README explains them."""

    DONE = 0
    NO = 1
    USAGE = 2
    REFUSED = 3
    NOT_FOUND = 4
    UNREACHABLE = 5
    MISTAKE = 70
    INTERRUPTED = 130


class Problem(OperatorError):
    """The command cannot be carried out; the text says why and what to do.

    Args:
        message: what the user reads.
        code: the exit code.
    """

    def __init__(self, message: str, code: Exit = Exit.REFUSED) -> None:
        super().__init__(message)
        self.code = code
