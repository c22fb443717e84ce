"""What every module about tools needs."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def served(routes: None) -> None:
    """Have HTTPRoutes in the cluster."""
