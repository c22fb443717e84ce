"""A real browser for the tests of the page.

Where there is none these tests are skipped, and say so; with ``--require-browser`` that is a failure.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from cluster import Cluster
from cluster.waiting import PATIENCE_SECONDS
from kube import Operator
from plugin import Plugin
from web import CHROMIUM, FLAGS, Site, serving

MISSING = "the page needs a browser: apt-get install --no-install-recommends chromium-headless-shell"
Browse = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Return Chromium. Its library keeps an event loop running, so it ends before other modules use loops."""
    if not CHROMIUM:
        (pytest.fail if request.config.getoption("--require-browser") else pytest.skip)(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        expect.set_options(timeout=PATIENCE_SECONDS * 1000)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def running(cluster: Cluster, operator: Operator) -> Iterator[Site]:  # noqa: ARG001 - it runs
    """Return the page of the administrator, whose address has been opened without a browser."""
    with serving(Plugin(cluster)) as made:
        made.enter()
        yield made


@pytest.fixture
def browse(chromium: Browser, running: Site) -> Iterator[Browse]:
    """Return what opens a path of the page in a window of its own; an error there fails the test."""
    windows, errors = [], list[str]()

    def look(path: str = "/environments", site: Site | None = None, **options: Any) -> Page:
        usual = {"viewport": {"width": 1360, "height": 900}, "locale": "en-GB", "timezone_id": "Asia/Tokyo"}
        window = chromium.new_context(**{**usual, **options})
        windows.append(window)
        where = site or running
        cookies = [
            {"name": name, "value": value, "domain": "127.0.0.1", "path": where.prefix, "sameSite": "Strict"}
            for name, value in where.cookies.items()
        ]
        window.add_cookies(cookies)  # type: ignore[arg-type]
        page = window.new_page()
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
        page.goto(f"http://{where.host}{where.prefix}{path}")
        return page

    yield look
    for window in windows:
        window.close()

    assert [] == errors


@pytest.fixture
def page(browse: Browse) -> Page:
    """Return the table in the browser."""
    return browse()
