"""When an Environment was used last: kept in the status, shown by the plugin, carried over from an import."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from builders import manifest, workload
from environment_operator.api import names
from kube import Kube
from plugin import Plugin

RECENT = timedelta(minutes=10)
IMPORTED = "2025-03-04T05:06:07Z"
SHOWN = "2025-03-04 05:06:07"


def ago(past: timedelta) -> str:
    """Return a point in time in the past, as the API has it."""
    return (datetime.now(UTC) - past).strftime("%Y-%m-%dT%H:%M:%SZ")


def last_used(kube: Kube, name: str) -> str:
    """Return when an Environment was used last, empty when nobody used it yet."""
    return str(kube.status(name).get("lastUsedTime") or "")


def is_recent(kube: Kube, name: str) -> bool:
    """Return whether an Environment was used in the last minutes."""
    return last_used(kube, name) > ago(RECENT)


def seed(kube: Kube, name: str, past: timedelta) -> str:
    """Have the status say that an Environment was used some time ago; return when."""
    then = ago(past)
    patch = json.dumps({"status": {"lastUsedTime": then}})
    kube.kubectl("patch", "environment", name, "--subresource=status", "--type=merge", "-p", patch)
    return then


@pytest.fixture
def used(kube: Kube, project: str) -> str:
    """Return the name of an Environment with one user."""
    return kube.in_use("Job", "train", project)


def test_the_first_user(kube: Kube) -> None:
    """An Environment that nobody used yet has no time."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    kube.until_ready(name)

    assert not last_used(kube, name)


def test_while_there_are_users(kube: Kube, used: str) -> None:
    """The time comes with the first user and moves when an hour has passed, without any change of the users."""
    assert is_recent(kube, used)
    seed(kube, used, timedelta(hours=2))

    kube.until("the time to move", lambda: is_recent(kube, used))


def test_at_most_once_an_hour(kube: Kube, used: str) -> None:
    """Within the hour the time stays, though the Environment is reconciled again."""
    then = seed(kube, used, timedelta(minutes=30))
    kube.apply(manifest(used, description="An edit, so that it is reconciled"))
    kube.until("the edit to be seen", lambda: kube.status(used)["observedGeneration"] == 2)

    assert then == last_used(kube, used)


def test_when_the_last_user_goes(kube: Kube, used: str, project: str) -> None:
    """When the last user goes, the time says when; it stays from then on."""
    seed(kube, used, timedelta(minutes=30))
    kube.kubectl("delete", "job", "train", "-n", project)
    kube.until_used(used, 0)
    gone = last_used(kube, used)
    kube.apply(manifest(used, description="An edit, so that it is reconciled"))
    kube.until("the edit to be seen", lambda: kube.status(used)["observedGeneration"] == 2)

    assert gone > ago(RECENT)
    assert gone == last_used(kube, used)


def test_shown(kube: Kube, plugin: Plugin, project: str) -> None:
    """The plugin shows when an Environment was used where it was imported from, until somebody uses it here."""
    name = kube.unique("env")
    kube.apply({**manifest(name), "metadata": {"name": name, "annotations": {names.LAST_USED: IMPORTED}}})
    kube.until_ready(name)
    columns = ("--columns", "environment,last used", "--filter", f"environment={name}", "-o", "csv", "--no-headers")
    before, described = plugin("list", *columns), plugin("describe", name)
    kube.apply(workload("Job", "train", project, name))
    kube.until_used(name, 1)
    here = last_used(kube, name).replace("T", " ").removesuffix("Z")

    assert f"{name},{SHOWN}\r\n" == before
    assert f"Last used:         {SHOWN}\n" in described
    assert f"{name},{here}\r\n" == plugin("list", *columns)
    assert f"Last used:         {here}\n" in plugin("describe", name)
