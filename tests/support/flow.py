"""Users of Environments that come and go, as fast as the API server stores them."""

import threading
from collections.abc import Callable
from functools import partial
from random import Random

from builders import workload
from callers import Callers
from cluster.rest import Rest
from environment_operator.controller.snapshot import Options
from kube import Kube

# Nothing is admitted in this namespace.
TEMPLATES = "/api/v1/namespaces/kube-system/podtemplates"


class Flow(Callers):
    """Users of Environments that come and go, some 200 a second where the machine lets them."""

    def __init__(self, kube: Kube, environments: list[str]) -> None:
        self._kube, self._environments = kube, environments
        super().__init__(2)
        self._lock = threading.Lock()
        self.changes, self.users = 0, {name: set[str]() for name in environments}

    def await_changes(self, many: int) -> None:
        """Return after so many more changes."""
        before = self.changes
        self._kube.until("changes", lambda: self.changes >= before + many)

    def _run(self, number: int) -> None:
        """Create and delete users until the end."""
        rest, chance, there = Rest(self._kube.cluster.kubeconfig), Random(number), list[tuple[str, str]]()
        while not self._stop.wait(0.01):
            if there and chance.random() < 0.4:
                name, environment = there.pop(chance.randrange(len(there)))
                assert rest.delete(f"{TEMPLATES}/{name}").ok
                self._count(self.users[environment].remove, name)
            else:
                name, environment = self._kube.unique("flow"), chance.choice(self._environments)
                assert rest.create(TEMPLATES, workload("PodTemplate", name, "kube-system", environment)).ok
                there.append((name, environment))
                self._count(self.users[environment].add, name)
        rest.close()

    def _count(self, change: Callable[[str], None], name: str) -> None:
        """Take in a change."""
        with self._lock:
            change(name)
            self.changes += 1


def until_counted(kube: Kube, flow: Flow) -> None:
    """Return when the status of every Environment has its users."""
    for name, users in flow.users.items():
        kube.until(f"{name} to have {len(users)} users", partial(is_counted, kube, name, users))


def is_counted(kube: Kube, environment: str, users: set[str]) -> bool:
    """Return whether the status counts these users and names the first of them.

    The count alone may be right before the last write: when one user went and another one came.
    """
    status = kube.status(environment)
    named = [user["name"] for user in status.get("templates", ())]
    return (len(users), sorted(users)[: Options().sample]) == (status.get("usage", {}).get("total"), named)
