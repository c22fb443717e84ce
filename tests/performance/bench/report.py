"""What admission adds, as ratios of what others add in the same run, and the limits of these."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from bench.load import Took

LIMITS: Mapping[str, Mapping[str, Mapping[str, float]]] = yaml.safe_load(
    Path(__file__).with_name("limits.yaml").read_text(encoding="utf-8")
)
NONE, OURS = "no webhook", "ours"
Ratios = Mapping[str, Mapping[str, float]]


def ratios(took: Mapping[str, Took]) -> Ratios:
    """Return how many times what every other way adds ours adds, at p50 and p99, and how many times its CPU it takes.

    Args:
        took: how long requests took, by way; without a webhook and with ours among them.
    """
    none, ours = took[NONE], took[OURS]
    return {
        way: {
            "p50": (ours.p50 - none.p50) / (each.p50 - none.p50),
            "p99": (ours.p99 - none.p99) / (each.p99 - none.p99),
            "cpu": ours.cpu / each.cpu,
        }
        for way, each in took.items()
        if way not in (NONE, OURS)
    }


def excesses(found: Ratios, limits: Ratios) -> list[str]:
    """Return the ratios that are over their limits, in words."""
    return [
        f"{at}: ours takes {found[way][at]:.2f} times what {way} take, over {most:g}"
        for way, wanted in limits.items()
        for at, most in wanted.items()
        if found[way][at] > most
    ]


def lines(took: Mapping[str, Took]) -> Iterator[str]:
    """Yield a table of what was measured, and the ratios."""
    yield f"{'milliseconds':20} {'p50':>7} {'p99':>7} {'a second':>8} {'CPU each':>8} {'API server':>10}"
    for way, each in took.items():
        cpu, server = (time * 1000 / len(each.each) for time in (each.cpu, each.server))
        yield f"{way:20} {each.p50:7.1f} {each.p99:7.1f} {each.rate:8.0f} {cpu:8.2f} {server:10.2f}"
    for way, found in ratios(took).items():
        at = ", ".join(f"{name} {value:.2f}" for name, value in found.items())
        yield f"ours to {way}: {at}"
