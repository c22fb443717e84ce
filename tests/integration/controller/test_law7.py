"""Law 7 in a few rounds; `python -m law7` plays hundreds."""

import asyncio
import secrets
from pathlib import Path

from law7.rounds import play
from law7.script import Terms
from law7.stage import Stage


def test_an_environment_with_a_user_is_never_gone(tmp_path: Path) -> None:
    """Users that come while their Environment is deleted, past slow webhooks and a replica that is behind, keep it."""
    terms = Terms(seed=secrets.randbelow(10**6), rounds=10, width=10, slowness=6, lists=0)
    with Stage(tmp_path / "cluster", terms) as stage:
        tally = asyncio.run(play(stage, terms, print))
    said = "\n".join((f"seed {terms.seed}", *tally.lines()))

    assert [] == tally.violations, said
    assert tally.stored_late, f"nobody came late, so nothing was shown: {said}"
