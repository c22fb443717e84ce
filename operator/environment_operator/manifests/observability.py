"""The table of metrics in the document on observability, written from the code. Pure."""

import re

from environment_operator import metrics

PATH = "deploy/observability.md"
_GENERATED = re.compile(r"(<!-- generated [^\n]*-->\n)(.*?)(<!-- end of what is generated -->)", re.DOTALL)


def table() -> str:
    """Return the metrics as a table of Markdown."""
    rows = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in metrics.described())
    return f"| metric | meaning |\n|---|---|\n{rows}"


def document(text: str) -> str:
    """Return the document with today's table in the place of the one in it."""
    return _GENERATED.sub(lambda found: f"{found[1]}\n{table()}\n{found[3]}", text)
