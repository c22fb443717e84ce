"""The page for tests: as a process of the plugin, over bare HTTP, and in a real browser."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page

from plugin import TIMEOUT_SECONDS, Plugin

# The same engine without windows takes less than half of the processor's time.
PLACES = "/usr/bin:/usr/lib/chromium"
BROWSERS = (shutil.which(name, path=PLACES) for name in ("chromium-headless-shell", "chromium"))
CHROMIUM = next(filter(None, BROWSERS), "")
# As root there is no sandbox; the rest keeps it from talking to anybody but the page.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass
class Site:
    """The page as it runs, and one client of it without a browser.

    Args:
        address: what the command printed.
        process: the command.
        cookies: those of the client.
    """

    address: str
    process: "subprocess.Popen[str]"
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """Host and port."""
        return urlsplit(self.address).netloc

    @property
    def prefix(self) -> str:
        """What each path of a page begins with."""
        return urlsplit(self.address).path.rstrip("/")

    @property
    def opening(self) -> str:
        """Path and token of the address."""
        parts = urlsplit(self.address)
        return f"{parts.path}?{parts.query}"

    def enter(self) -> None:
        """Open the address, as the browser does, and keep the cookie."""
        answer = self.ask(self.opening)
        assert 200 == answer.status, answer.body
        name, _, rest = answer.headers["set-cookie"].partition("=")
        self.cookies[name] = rest.partition(";")[0]

    def get(self, path: str, **headers: str) -> Answer:
        """Get a page by its path below the prefix, with the cookies."""
        return self.ask(f"{self.prefix}{path}", headers=headers)

    def ask(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: str | None = None
    ) -> Answer:
        """Send a request, with the cookies; a header that is empty is left out."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        given = {"Host": self.host, "Cookie": cookie, **{k.replace("_", "-"): v for k, v in (headers or {}).items()}}
        connection = HTTPConnection(self.host, timeout=TIMEOUT_SECONDS)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            sent = (body or "").encode()
            for name, value in {**given, "Content-Length": str(len(sent)) if body is not None else ""}.items():
                if value:
                    connection.putheader(name, value)
            connection.endheaders(sent)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode())
        finally:
            connection.close()

    def printed(self) -> str:
        """Return the next line that the command prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@contextmanager
def serving(plugin: Plugin, *arguments: str, **variables: str) -> Iterator[Site]:
    """Have ``kubectl environment ui`` run, and end it."""
    command = [str(plugin.cluster.layout.kubectl), "environment", "ui", "--no-browser", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=plugin.variables(**variables), text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise AssertionError(process.communicate(timeout=TIMEOUT_SECONDS)[1])
            yield Site(line.split()[-1], process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=TIMEOUT_SECONDS)


def screenshots() -> Path:
    """Return the folder for pictures of the pages, for people to look at; Git ignores it."""
    found = Path(os.environ.get("SCREENSHOTS", Path(__file__).parents[2] / ".screenshots"))
    found.mkdir(exist_ok=True)
    return found


def picture(page: Page, name: str) -> None:
    """Keep a picture of a whole page for people to look at."""
    page.screenshot(path=screenshots() / f"{name}.png", full_page=True)
