"""A registry of images on a loopback port, which gives nothing without a password."""

import base64
import json
import os
import re
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, Self

import yaml

from cluster import containers, packages
from cluster.layout import Layout
from cluster.probe import answers
from cluster.record import free_port
from cluster.waiting import until

# A manifest that was given to somebody, in the registry's own log of answers.
GIVEN = re.compile(r'"(?:GET|HEAD) /v2/(\S+)/manifests/(\S+) HTTP/1\.1" 200')


class Registry:
    """The registry, running within ``with``."""

    user, password = "puller", "not-a-secret"

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()

    def __enter__(self) -> Self:
        """Start it."""
        (self._folder / "config.yml").write_text(yaml.safe_dump(self._configuration()))
        (self._folder / "users").write_text(self._users())
        with (self._folder / "log").open("w") as log:
            command = ("docker-registry", "serve", str(self._folder / "config.yml"))
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=_environment())
        until("the registry to answer", lambda: answers(f"http://{self.name}/"))
        return self

    def __exit__(self, *_exception: object) -> None:
        """End it."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(20)

    @property
    def name(self) -> str:
        """Host and port, as in the names of its images."""
        return f"127.0.0.1:{self._port}"

    def trusted_by(self, layout: Layout) -> None:
        """Have a node ask it without TLS."""
        containers.trust_plain_http(layout, self.name)

    def secret(self, name: str) -> dict[str, Any]:
        """Return a Secret with its password."""
        given = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        text = json.dumps({"auths": {self.name: {"auth": given}}})
        head = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
        return {**head, "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": text}}

    def given(self) -> Counter[str]:
        """Return how often it gave the manifest of each image."""
        return Counter(match[1] for match in GIVEN.finditer((self._folder / "log").read_text()))

    def _users(self) -> str:
        command = ("htpasswd", "-B", "-b", "-n", self.user, self.password)
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def _configuration(self) -> dict[str, Any]:
        return {
            "version": 0.1,
            "log": {"accesslog": {"disabled": False}, "level": "info"},
            "storage": {"filesystem": {"rootdirectory": str(self._folder / "images")}},
            "http": {"addr": self.name, "relativeurls": True},
            "auth": {"htpasswd": {"realm": "tests", "path": str(self._folder / "users")}},
        }


def _environment() -> dict[str, str]:
    return {"PATH": f"{packages.SEARCHED}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
