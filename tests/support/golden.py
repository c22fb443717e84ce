"""Golden cases of injection: an Environment, a workload as requested, where it matters as stored, and what comes of it.

A case is a folder of ``golden/``. ``python -m golden`` writes every ``want.yaml`` anew, and ``messages.txt`` with every
message that people read, to be read in the diff.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import messages
from builders import around
from environment_operator.injection.context import Outcome, Project, Published
from environment_operator.injection.environment_cache import publish
from environment_operator.injection.mutate import admit
from environment_operator.kinds.table import BUILTIN, Kind
from environment_operator.kinds.third_party import ROWS
from environment_operator.tools.addresses import Routing
from messages.sections import SECTIONS

Object = dict[str, Any]
FOLDER = Path(__file__).parents[1] / "fixtures/golden"
REQUIRED = {"environment.yaml", "workload.yaml", "want.yaml"}
OPTIONAL = {"stored.yaml"}
KINDS: Mapping[tuple[str, str], Kind] = {(kind.group, kind.kind): kind for kind in (*BUILTIN, *ROWS)}


@dataclass(frozen=True)
class Case:
    """One folder."""

    path: Path

    @property
    def environments(self) -> dict[str, Published]:
        """The Environments that exist, by name."""
        found = yaml.load_all((self.path / "environment.yaml").read_text(), yaml.CSafeLoader)
        return {e["metadata"]["name"]: _published(e) for e in found if e}

    @property
    def new(self) -> Object:
        """The workload as requested."""
        return self._read("workload.yaml")

    @property
    def old(self) -> Object | None:
        """The workload as stored, None for a request that creates it."""
        return self._read("stored.yaml") if (self.path / "stored.yaml").exists() else None

    @property
    def want(self) -> Object:
        """What is to come of it: the workload, or ``refusal`` with the words."""
        return self._read("want.yaml")

    @property
    def kind(self) -> Kind:
        """The row of the workload's kind."""
        group, _, _ = self.new["apiVersion"].rpartition("/")
        return KINDS[group, self.new["kind"]]

    def run(self) -> Object:
        """Return what comes of it now."""
        project = Project(self.new["metadata"].get("namespace", ""))
        known = around(*self.environments.values(), project=project, routing=Routing("tools.example.com"))
        return said(admit(self.kind, self.new, self.old, known))

    def _read(self, name: str) -> Object:
        found: Object = yaml.load((self.path / name).read_text(), yaml.CSafeLoader)
        return found


def said(outcome: Outcome) -> Object:
    """Return an outcome as ``want.yaml`` holds it."""
    return outcome.workload if outcome.workload is not None else {"refusal": outcome.refusal}


def cases() -> list[Case]:
    """Return every case, in order."""
    return [Case(path) for path in sorted(FOLDER.iterdir()) if path.is_dir()]


def _published(environment: Object) -> Published:
    """Return an Environment as admission knows it."""
    meta = environment["metadata"]
    return publish(meta["name"], meta.get("generation", 1), environment["spec"], lambda _: False)


def main() -> None:
    """Write every ``want.yaml``, and the messages."""
    for case in cases():
        (case.path / "want.yaml").write_text(yaml.safe_dump(case.run(), sort_keys=False, width=1000))
    messages.FILE.write_text(messages.written(SECTIONS))


if __name__ == "__main__":
    main()
