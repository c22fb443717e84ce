"""What a page can end with besides what was asked for. Pure."""

from environment_operator.kube.errors import OperatorError


class Refused(OperatorError):
    """A request is not answered.

    Args:
        status: the HTTP status.
        why: the key of what the page says, among `texts.REFUSALS`.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why
