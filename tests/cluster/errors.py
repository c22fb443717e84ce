"""What can go wrong with the test cluster, in words."""


class ClusterError(Exception):
    """A bad state in plain words; `exit_code` is what the command line ends with."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        """Keep the words and the exit code."""
        super().__init__(message)
        self.exit_code = exit_code
