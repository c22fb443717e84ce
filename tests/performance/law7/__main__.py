"""The command line: `python -m law7 [--rounds 300] [--width 20] [--slowness 9] [--seed N]`."""

import argparse
import asyncio
import secrets
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from cluster import interrupts
from law7.rounds import play
from law7.script import Terms
from law7.stage import REQUEST_SECONDS, Stage

INTERRUPTED = 130


def main() -> int:
    """Play the rounds; return the exit code: 0 when the law held, 1 when not."""
    interrupts.heed()
    terms, start = _terms(), time.monotonic()
    _say(f"{terms.rounds} rounds, {terms.width} at a time, seed {terms.seed}; "
         f"grace {terms.grace:g} s, --request-timeout={REQUEST_SECONDS}s")  # fmt: skip
    try:
        with TemporaryDirectory(prefix="law7-") as folder, Stage(Path(folder, "cluster"), terms) as stage:
            tally = asyncio.run(play(stage, terms, _say))
    except KeyboardInterrupt:
        _say("interrupted; nothing is left running")
        return INTERRUPTED
    for line in tally.lines():
        _say(line)
    _say(f"time          {time.monotonic() - start:.0f} s")
    return 1 if tally.violations else 0


def _terms() -> Terms:
    """Return what the arguments ask for."""
    usual = Terms(seed=secrets.randbelow(10**6))
    parser = argparse.ArgumentParser(prog="python -m law7", description=__doc__)
    parser.add_argument("--seed", type=int, default=usual.seed, help="repeat the rounds of another run")
    parser.add_argument("--rounds", type=int, default=usual.rounds)
    parser.add_argument("--width", type=int, default=usual.width, help="rounds side by side")
    parser.add_argument("--slowness", type=float, default=usual.slowness, help="longest pause of the slow webhooks")
    parser.add_argument("--grace", type=float, default=usual.grace, help="GRACE_SECONDS of the operator")
    parser.add_argument("--lists", type=float, default=usual.lists, help="time of a list where lists are slow")
    return Terms(**vars(parser.parse_args()))


def _say(line: str) -> None:
    print(line, file=sys.stdout, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
