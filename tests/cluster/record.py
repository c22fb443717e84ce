"""What `up` decided once and every later command needs again."""

import fcntl
import json
import os
import random
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cluster.errors import ClusterError
from cluster.layout import Layout

# Below the ranges of outgoing connections and of node ports: a port stays free for a restart.
PORT_RANGE = range(20000, 30000)
# The locks on the ports that this process has; they go with it.
_held: list[int] = []


@dataclass(frozen=True)
class Record:
    """The choices of one cluster: its flavor, its ports, what was passed to `up`, and whether it needs controllers."""

    flavor: str
    ports: Mapping[str, int] = field(default_factory=dict)
    apiserver_args: tuple[str, ...] = ()
    operator_env: Mapping[str, str] = field(default_factory=dict)
    controllers: bool = False


def load(layout: Layout) -> Record | None:
    """Return the record of the cluster in this directory, or None when there is no cluster."""
    try:
        fields = json.loads(layout.record.read_text())
        return Record(**{**fields, "apiserver_args": tuple(fields["apiserver_args"])})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        message = f"{layout.record} cannot be read ({error}): is it of another version?"
        raise ClusterError(message) from error


def save(layout: Layout, record: Record) -> None:
    """Write the record, readable by its owner only."""
    layout.record.touch(mode=0o600)
    layout.record.write_text(json.dumps(asdict(record), indent=2) + "\n")


def free_port() -> int:
    """Return a loopback port that nobody listens on, and that no other process of the tests gets while this one runs.

    A program that is started again needs its port again: what is free for a moment is not free for others.
    """
    folder = Path(tempfile.gettempdir(), f"environment-operator-ports-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    for port in random.sample(PORT_RANGE, k=len(PORT_RANGE)):
        lock = os.open(folder / str(port), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        except OSError:
            os.close(lock)
            continue
        _held.append(lock)
        return port
    message = f"no free port in {PORT_RANGE.start}-{PORT_RANGE.stop - 1}"
    raise ClusterError(message)
