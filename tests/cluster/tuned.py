"""``python -m cluster.tuned ROLE``: the operator, with constants of ``environment_operator.timing`` set by variables.

``ENVIRONMENT_OPERATOR_GATHER_SECONDS=0.1`` sets ``GATHER_SECONDS``. All else is the operator's own.
"""

import os

from environment_operator import app, timing
from environment_operator.settings import PREFIX


def tune() -> None:
    """Set each constant for which there is a variable."""
    for name in vars(timing):
        if name.isupper() and (value := os.environ.get(PREFIX + name)):
            setattr(timing, name, type(getattr(timing, name))(value))


if __name__ == "__main__":
    tune()
    app.main()
