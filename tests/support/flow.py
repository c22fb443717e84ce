"""Users of Environments that come and go, as fast as the API server stores them."""

import threading
from collections import Counter
from random import Random

from builders import workload
from callers import Callers
from cluster.rest import Rest
from kube import Kube

# Nothing is admitted in this namespace.
TEMPLATES = "/api/v1/namespaces/kube-system/podtemplates"


class Flow(Callers):
    """Users of Environments that come and go, some 200 a second where the machine lets them."""

    def __init__(self, kube: Kube, environments: list[str]) -> None:
        self._kube, self._environments = kube, environments
        super().__init__(2)
        self._lock = threading.Lock()
        self.changes, self.users = 0, Counter[str](dict.fromkeys(environments, 0))

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
                self._count(environment, -1)
            else:
                name, environment = self._kube.unique("flow"), chance.choice(self._environments)
                assert rest.create(TEMPLATES, workload("PodTemplate", name, "kube-system", environment)).ok
                there.append((name, environment))
                self._count(environment, 1)
        rest.close()

    def _count(self, environment: str, users: int) -> None:
        """Take in a change."""
        with self._lock:
            self.users[environment] += users
            self.changes += 1


def until_counted(kube: Kube, flow: Flow) -> None:
    """Return when every Environment counts its users."""
    for name, count in flow.users.items():
        kube.until_used(name, count)
