"""A real browser for the tests of the page.

Where there is none these tests are skipped, and say so; with ``--require-browser`` that is a failure.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from cluster.waiting import PATIENCE_SECONDS
from plugin import Plugin
from web import CHROMIUM, FLAGS, Site, serving

MISSING = "the page needs a browser: apt-get install --no-install-recommends chromium"


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Return Chromium."""
    if not CHROMIUM:
        (pytest.fail if request.config.getoption("--require-browser") else pytest.skip)(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        expect.set_options(timeout=PATIENCE_SECONDS * 1000)
        yield browser
        browser.close()


@pytest.fixture
def site(plugin: Plugin) -> Iterator[Site]:
    """Return the page of the administrator, not opened yet."""
    with serving(plugin) as made:
        yield made


@pytest.fixture
def page(chromium: Browser, site: Site) -> Iterator[Page]:
    """Return the page in the browser, opened; an error of its script, or something that it may not load, fails."""
    context = chromium.new_context(viewport={"width": 1360, "height": 900}, locale="en-GB", timezone_id="Asia/Tokyo")
    made = context.new_page()
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    made.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    made.goto(site.address)
    made.wait_for_url("**/environments")
    yield made
    context.close()

    assert [] == errors
