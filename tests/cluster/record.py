"""What `up` decided once and every later command needs again."""

import json
import random
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from cluster.errors import ClusterError
from cluster.layout import Layout

# Below the ranges of outgoing connections and of node ports: a port stays free for a restart.
PORT_RANGE = range(20000, 30000)


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
    """Return a loopback port that nobody listens on."""
    candidates = random.sample(PORT_RANGE, k=len(PORT_RANGE))
    for port in candidates:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    message = f"no free port in {PORT_RANGE.start}-{PORT_RANGE.stop - 1}"
    raise ClusterError(message)
