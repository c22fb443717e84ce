"""Golden cases through the function; the same files go through the real webhook in the integration ring."""

import pytest

from golden import OPTIONAL, REQUIRED, Case, cases


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.path.name)
def test_golden(case: Case) -> None:
    """What comes of a request is what the file says."""
    assert case.want == case.run()


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.path.name)
def test_no_stray_files(case: Case) -> None:
    """A case has its files and no others, so that nothing stale misleads a reader."""
    found = {path.name for path in case.path.iterdir()}

    assert REQUIRED <= found
    assert set() == found - REQUIRED - OPTIONAL
