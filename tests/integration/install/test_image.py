"""The image without an engine: each step of the Dockerfile is run in a folder that stands for the image's root."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from cluster.layout import REPO_ROOT
from environment_operator import __version__
from environment_operator.app import ROLES

DOCKERFILE = (REPO_ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
# The paths of the image that a step may name; everything else is the machine's.
OURS = re.compile(r"(?<![\w./-])/(?=(?:src|opt)\b)")


@dataclass
class Image:
    """What the steps of one stage make.

    Args:
        root: the folder that stands for the root.
        stages: the roots of the stages before, by their names.
    """

    root: Path
    stages: dict[str, Path]
    folder: str = "/"
    user: str = "0:0"
    entry: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """Return a text with the paths of the image where they are on this machine."""
        return OURS.sub(f"{self.root}/", text)

    def step(self, word: str, rest: str) -> None:
        """Do one step; one that is not known fails."""
        steps = {"WORKDIR": self._workdir, "COPY": self._copy, "RUN": self._run, "ENV": self._set, "USER": self._be}
        if word == "ENTRYPOINT":
            self.entry = json.loads(rest)
        else:
            steps[word](rest)

    def _workdir(self, rest: str) -> None:
        self.folder = rest
        Path(self.here(rest)).mkdir(parents=True)

    def _copy(self, rest: str) -> None:
        """Copy from the repository, or from a stage."""
        *sources, target = shlex.split(rest)
        stage = next((each for each in sources if each.startswith("--from=")), "")
        base = self.stages[stage.removeprefix("--from=")] if stage else REPO_ROOT
        to = Path(self.here(target) if target.startswith("/") else self.here(f"{self.folder}/{target}"))
        for source in (each for each in sources if each != stage):
            found, into = base / source.lstrip("/"), to / Path(source).name if len(sources) > 1 and not stage else to
            if found.is_dir():
                shutil.copytree(found, into, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(found, into)

    def _run(self, rest: str) -> None:
        self.run(["sh", "-ec", self.here(rest)], cwd=self.here(self.folder))

    def _set(self, rest: str) -> None:
        pairs = (each.partition("=") for each in shlex.split(rest))
        self.env |= {key: self.here(value).replace("$PATH", self.env["PATH"]) for key, _, value in pairs}

    def _be(self, rest: str) -> None:
        self.user = rest

    def run(self, command: list[str], **options: object) -> str:
        """Run a command as the image does, and return what it prints; a failure raises with what it said."""
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
        assert not done.returncode, done.stderr
        printed: str = done.stdout
        return printed


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """Return the last stage, made by every step of the file in its order."""
    made: Image | None = None
    stages: dict[str, Path] = {}
    text = re.sub(r"\\\n", "", DOCKERFILE)
    for line in (each for each in text.splitlines() if each and not each.startswith("#")):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            made = Image(tmp_path_factory.mktemp("image"), dict(stages), env={"PATH": python(tmp_path_factory)})
            if " AS " in rest:
                stages[rest.partition(" AS ")[2]] = made.root
        else:
            assert made
            made.step(word, rest)
    assert made
    yield made
    for root in (*stages.values(), made.root):
        shutil.rmtree(root)


def python(folders: pytest.TempPathFactory) -> str:
    """Return a PATH with the Python of the base image: here the one that runs the tests, without their packages."""
    folder = folders.mktemp("python")
    (folder / "python").symlink_to(Path(sys.executable).resolve())
    return f"{folder}:{os.defpath}"


def test_versions(image: Image) -> None:
    """It has the operator and what that needs, in the versions of the lock file, and no tool of the tests."""
    found = json.loads(image.run([str(image.root / "opt/environment-operator/bin/pip"), "list", "--format=json"]))
    versions = {each["name"].lower().replace("_", "-"): each["version"] for each in found}
    lines = re.findall(r"^[\w.-]+==\S+", (REPO_ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE)
    locked = {pin.name.lower(): str(pin.specifier).removeprefix("==") for pin in map(Requirement, lines)}
    for tool in ("pip", "setuptools"):
        versions.pop(tool, None)

    assert __version__ == versions.pop("environment-operator")
    assert {name: locked[name] for name in versions} == versions
    assert not {"pytest", "mypy", "ruff"} & versions.keys()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
@pytest.mark.parametrize("role", ROLES)
def test_user(image: Image, role: str) -> None:
    """Each role starts as a user that may read and not write, and goes as far as one can without a cluster."""
    user, _, group = image.user.partition(":")
    # This machine's Python may be where that user may not look, so they may look everywhere.
    caps = [f"--{which}=-all,+dac_read_search" for which in ("bounding-set", "inh-caps", "ambient-caps")]
    alone = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", *caps]
    before = sorted((path, path.lstat().st_mtime_ns) for path in image.root.rglob("*"))
    found = shutil.which(image.entry[0], path=image.env["PATH"])
    done = subprocess.run(
        [*alone, str(found), role], env={**image.env, "HOME": "/"}, capture_output=True, text=True, check=False, cwd="/"
    )

    assert ("65532", "65532") == (user, group)
    assert str(found).startswith(f"{image.root}/")
    assert done.stderr.startswith("no API server is known: "), done.stderr
    assert before == sorted((path, path.lstat().st_mtime_ns) for path in image.root.rglob("*"))
