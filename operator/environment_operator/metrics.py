"""Every metric, with its labels and help. Nothing is registered elsewhere.

The shapes of the work queue's metrics are those of controller-runtime, so that its dashboards fit.
"""

from prometheus_client import Counter, Gauge, Histogram

QUEUE_DEPTH = Gauge("environment_operator_workqueue_depth", "Environments that wait to be reconciled.")
QUEUE_ADDS = Counter("environment_operator_workqueue_adds", "Environments enqueued.")
RECONCILES = Counter("environment_operator_reconcile", "Environments reconciled, by result.", ["result"])
RECONCILE_TIME = Histogram("environment_operator_reconcile_time_seconds", "Time to reconcile an Environment.")
WRITES = Counter("environment_operator_writes", "Requests that changed something, by what they change.", ["what"])
ENVIRONMENTS = Gauge("environment_operator_environments", "Environments that exist.")
EXPOSED = Gauge("environment_operator_exposed_workloads", "Workloads whose tools are to be reached.")
EXPOSURES = Counter("environment_operator_exposures", "Workloads with tools reconciled, by result.", ["result"])
EVENTS = Counter("environment_operator_watch_events", "Events received by the informers, bookmarks aside.", ["kind"])
LISTS = Counter("environment_operator_lists", "Complete lists made by the informers.", ["kind"])
KIND_STATE = Gauge("environment_operator_kind_state", "1 for the state that a watched kind is in.", ["kind", "state"])
KIND_MISFITS = Gauge(
    "environment_operator_kind_misfits", "What of a kind's row does not go with the definition installed.", ["kind"]
)
ADMISSIONS = Counter(
    "environment_operator_admissions", "Calls of each webhook, by what became of them.", ["webhook", "result"]
)
ADMISSION_TIME = Histogram(
    "environment_operator_admission_time_seconds",
    "Time for one call of each webhook.",
    ["webhook"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
PUBLISHED = Gauge("environment_operator_credentials_projects", "Projects to which credentials may be published.")
CERTIFICATE_END = Gauge("environment_operator_certificate_end_seconds", "Unix time at which the certificate expires.")
