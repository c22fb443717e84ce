"""Every metric, with its labels and help. Nothing is registered elsewhere.

Where controller-runtime or client-go has a metric of the same meaning, name and labels are theirs, so that their
dashboards and alerts fit: https://book.kubebuilder.io/reference/metrics-reference
"""

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

# Of each counter the time of its creation would be a series of its own.
disable_created_metrics()  # type: ignore[no-untyped-call]

_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

QUEUE_DEPTH = Gauge(
    "workqueue_depth",
    "Keys that wait: priority 0 for what an event brought, -100 for what a list did.",
    ["name", "priority"],
)
QUEUE_ADDS = Counter("workqueue_adds", "Keys enqueued.", ["name"])
QUEUE_RETRIES = Counter("workqueue_retries", "Keys enqueued again after a failure.", ["name"])
QUEUE_WAIT = Histogram(
    "workqueue_queue_duration_seconds", "How long a key waits after it is due.", ["name"], buckets=_SECONDS
)
QUEUE_WORK = Histogram("workqueue_work_duration_seconds", "How long a key is worked on.", ["name"], buckets=_SECONDS)
RECONCILES = Counter(
    "controller_runtime_reconcile",
    "Reconciles by result: success, requeue after a conflict, error.",
    ["controller", "result"],
)
RECONCILE_TIME = Histogram(
    "controller_runtime_reconcile_time_seconds", "Time for one reconcile.", ["controller"], buckets=_SECONDS
)
LEADS = Gauge("leader_election_master_status", "1 while this replica leads, 0 while it stands by.", ["name"])
WRITES = Counter(
    "environment_operator_writes",
    "Requests that changed something: status, finalizer, event, secret, tools, claim.",
    ["what"],
)
ENVIRONMENTS = Gauge("environment_operator_environments", "Environments that exist.")
EXPOSED = Gauge("environment_operator_exposed_workloads", "Workloads whose tools are to be reached.")
EVENTS = Counter("environment_operator_watch_events", "Events received by the informers, bookmarks aside.", ["kind"])
WATCH_SEEN = Gauge(
    "environment_operator_watch_seen_seconds", "Unix time of the last event of a watch, bookmarks included.", ["kind"]
)
LISTS = Counter("environment_operator_lists", "Complete lists made by the informers.", ["kind"])
KIND_STATE = Gauge("environment_operator_kind_state", "1 for the state that a watched kind is in.", ["kind", "state"])
KIND_MISFITS = Gauge(
    "environment_operator_kind_misfits", "What of a kind's row does not go with the definition installed.", ["kind"]
)
ADMISSIONS = Counter(
    "environment_operator_admissions",
    "Calls of each webhook by what became of them: allowed, changed, refused, malformed, error, unavailable; and by "
    "the reason of a refusal.",
    ["webhook", "kind", "result", "reason"],
)
ADMISSION_TIME = Histogram(
    "environment_operator_admission_time_seconds",
    "Time for one call of each webhook.",
    ["webhook"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
LIVE_READS = Counter(
    "environment_operator_live_reads",
    "Environments that admission read from the API server: found, missing.",
    ["result"],
)
PUBLISHED = Gauge("environment_operator_credentials_projects", "Projects to which credentials may be published.")
CERTIFICATE_END = Gauge(
    "environment_operator_certificate_end_seconds", "Unix time at which the certificate of admission expires."
)


def described() -> list[tuple[str, str]]:
    """Return each metric under the name that is exported, with its labels, and what it means."""
    every = [found for found in globals().values() if isinstance(found, Counter | Gauge | Histogram)]
    return [(_exported(one), next(iter(one.describe())).documentation) for one in every]


def _exported(metric: Counter | Gauge | Histogram) -> str:
    """Return the name of a metric with its labels, such as ``workqueue_adds_total{name}``."""
    found = next(iter(metric.describe()))
    labels = ",".join(metric._labelnames)  # noqa: SLF001 - the library has no other way
    return f"{found.name}{'_total' if found.type == 'counter' else ''}{f'{{{labels}}}' if labels else ''}"
