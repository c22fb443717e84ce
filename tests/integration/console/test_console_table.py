"""The table in a real browser, on a real API server."""

from playwright.sync_api import Page, expect

from builders import manifest
from kube import Kube


def test_first_look(kube: Kube, page: Page) -> None:
    """The opened address leads to the table, and it soon has a new Environment with its image and state."""
    name = kube.unique("env")
    kube.apply(manifest(name, description="For the test of the page"))
    kube.until_ready(name)
    row = page.get_by_role("row", name=name)

    expect(row.get_by_role("rowheader")).to_contain_text("For the test of the page")
    expect(row).to_contain_text("registry.example/team/jupyter:4.2")
    expect(row).to_contain_text("Unused")
