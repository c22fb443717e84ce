"""Alerts and dashboard ask for metrics that exist, each alert has its runbook, and Prometheus itself evaluates them."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from environment_operator.api import names
from environment_operator.injection.context import Refusal
from environment_operator.metrics import described

ROOT = Path(__file__).parents[2]
RULES: dict[str, Any] = yaml.load((ROOT / "deploy/chart/monitoring/alerts.yaml").read_text("utf-8"), yaml.CSafeLoader)[
    "spec"
]
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
DASHBOARD = json.loads((ROOT / "deploy/chart/monitoring/dashboard.json").read_text("utf-8"))
TARGETS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
DOCUMENT = (ROOT / "deploy/observability.md").read_text("utf-8")
ASKED = re.findall(r"`(histogram_quantile\([^`]+)`", DOCUMENT)
METRICS = {name.partition("{")[0]: set(re.findall(r"\w+", name.partition("{")[2])) for name, _ in described()}
# What every Python program exports besides.
METRICS |= {"process_resident_memory_bytes": {"job"}, "process_cpu_seconds_total": {"job"}}
# That of `make promtool`, else that of the machine.
PROMTOOL = shutil.which("promtool", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
SELECTED = re.compile(r"\b([a-z][a-z0-9]*(?:_[a-z0-9]+)+)\b(?:\{([^}]*)\})?")
# Words of PromQL that look like metrics.
FUNCTIONS = {"histogram_quantile"}


@pytest.mark.parametrize("expression", [*(rule["expr"] for rule in ALERTS.values()), *TARGETS, *ASKED])
def test_queries_name_metrics_that_exist(expression: str) -> None:
    """Each metric of a query is one that the operator exports, chosen by labels that it has."""
    bare = re.sub(r'"[^"]*"', '""', re.sub(r"\b(?:by|on) \([^)]*\)", "", expression))
    found = [(name, labels) for name, labels in SELECTED.findall(bare) if name not in FUNCTIONS]

    assert found
    for name, labels in found:
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        assert name in METRICS or base in METRICS, name
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", labels)) <= METRICS[name if name in METRICS else base], name


@pytest.mark.parametrize("alert", ALERTS)
def test_alert_has_its_runbook(alert: str) -> None:
    """Each alert says how grave it is, and leads to what to do about it."""
    assert ALERTS[alert]["labels"]["severity"] in ("critical", "warning")
    assert f"deploy/observability.md#{alert.lower()}" == ALERTS[alert]["annotations"]["runbook"]
    assert f"\n### {alert}\n" in DOCUMENT


def test_every_runbook_has_its_alert() -> None:
    """No runbook is left of an alert that is gone."""
    assert list(ALERTS) == re.findall(r"^### (\w+)$", DOCUMENT, re.MULTILINE)


def test_reasons_of_refusals_are_documented() -> None:
    """The document has each word that a refusal may be counted under, and no other."""
    assert list(Refusal) == re.findall(r"^\| `([A-Z]\w+)` \|", DOCUMENT, re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """What an alert makes of some series."""

    fires: dict[str, str]
    quiet: dict[str, str]
    summary: str
    labels: dict[str, str] = field(default_factory=dict)


LEASE = f'leader_election_master_status{{name="{names.CONTROLLER_LEASE}"'
CALLS = "environment_operator_admissions_total"
TIMES = "environment_operator_admission_time_seconds_bucket"
QUEUE = "workqueue_queue_duration_seconds_bucket"
RECONCILES = "controller_runtime_reconcile_total"
SEEN, STATE = "environment_operator_watch_seen_seconds", "environment_operator_kind_state"
CASES = {
    "EnvironmentOperatorAdmissionDown": Case(
        {'environment_operator_certificate_end_seconds{pod="c"}': "0x90",
         'environment_operator_certificate_end_seconds{pod="w"}': "60x90"},
        {'environment_operator_certificate_end_seconds{pod="w"}': "7776000x90"},
        "No webhook of environment-operator runs with a valid certificate. "
        "Workloads with the label environments.dev/environment cannot be created.",
    ),
    "EnvironmentOperatorAdmissionFailing": Case(
        {f'{CALLS}{{result="error"}}': "0+6x90", f'{CALLS}{{result="allowed"}}': "0+54x90"},
        {f'{CALLS}{{result="refused"}}': "0+60x90", f'{CALLS}{{result="allowed"}}': "0+60x90"},
        "Admission fails for 10% of the calls.",
    ),
    "EnvironmentOperatorAdmissionSlow": Case(
        {f'{TIMES}{{webhook="mutate",le="1"}}': "0x90", f'{TIMES}{{webhook="mutate",le="2.5"}}': "0+100x90",
         f'{TIMES}{{webhook="mutate",le="+Inf"}}': "0+100x90"},
        {f'{TIMES}{{webhook="mutate",le="1"}}': "0+100x90", f'{TIMES}{{webhook="mutate",le="+Inf"}}': "0+100x90"},
        "One of a hundred calls of mutate takes longer than 2.485s.",
        {"webhook": "mutate"},
    ),
    "EnvironmentOperatorCertificateExpires": Case(
        {"environment_operator_certificate_end_seconds": "90000x90"},
        {"environment_operator_certificate_end_seconds": "7776000x90"},
        "The certificate of admission expires in 1d 0h 0m 0s and was not renewed.",
    ),
    "EnvironmentOperatorNoLeader": Case(
        {f'{LEASE},pod="a"}}': "0x90", f'{LEASE},pod="b"}}': "0x90"},
        {f'{LEASE},pod="a"}}': "1x90", f'{LEASE},pod="b"}}': "0x90"},
        "No controller of environment-operator leads. Statuses are old, and deleted Environments wait.",
    ),
    "EnvironmentOperatorKindNotListed": Case(
        {f'{STATE}{{kind="jobs.batch",state="Forbidden"}}': "1x90"},
        {f'{STATE}{{kind="jobs.batch",state="Forbidden"}}': "0x90",
         f'{STATE}{{kind="jobs.batch",state="Absent"}}': "1x90"},
        "jobs.batch cannot be listed or watched (Forbidden). No unused Environment can be deleted.",
        {"kind": "jobs.batch", "state": "Forbidden"},
    ),
    "EnvironmentOperatorKindMismatch": Case(
        {'environment_operator_kind_misfits{kind="rayjobs.ray.io"}': "2x90"},
        {'environment_operator_kind_misfits{kind="rayjobs.ray.io"}': "0x90"},
        "The row of rayjobs.ray.io in the kinds table does not match the definition that is installed.",
        {"kind": "rayjobs.ray.io"},
    ),
    "EnvironmentOperatorReconcileFailing": Case(
        {f'{RECONCILES}{{controller="tools",result="error"}}': "0+20x90",
         f'{RECONCILES}{{controller="tools",result="success"}}': "0+80x90"},
        {f'{RECONCILES}{{controller="tools",result="requeue"}}': "0+20x90",
         f'{RECONCILES}{{controller="tools",result="success"}}': "0+80x90",
         f'{RECONCILES}{{controller="somebody-elses",result="error"}}': "0+80x90"},
        "20% of the reconciles of tools fail.",
        {"controller": "tools"},
    ),
    "EnvironmentOperatorQueueSlow": Case(
        {f'{QUEUE}{{name="environment",le="60"}}': "0x90", f'{QUEUE}{{name="environment",le="300"}}': "0+100x90",
         f'{QUEUE}{{name="environment",le="+Inf"}}': "0+100x90"},
        {f'{QUEUE}{{name="environment",le="60"}}': "0+100x90", f'{QUEUE}{{name="environment",le="+Inf"}}': "0+100x90"},
        "Keys wait 4m 57s in the queue environment.",
        {"name": "environment"},
    ),
    "EnvironmentOperatorWatchSilent": Case(
        {f'{SEEN}{{kind="jobs.batch"}}': "60x90", f'{STATE}{{kind="jobs.batch",state="Synced"}}': "1x90"},
        {f'{SEEN}{{kind="jobs.batch"}}': "60x90", f'{STATE}{{kind="jobs.batch",state="Synced"}}': "0x90",
         f'{SEEN}{{kind="pods"}}': "0+60x90", f'{STATE}{{kind="pods",state="Synced"}}': "1x90"},
        "The watch of jobs.batch has shown nothing for 59m 0s, not even a bookmark.",
        {"kind": "jobs.batch"},
    ),
}  # fmt: skip


def test_every_alert_is_tried() -> None:
    """Each alert has a case in which it fires, and one in which it does not."""
    assert list(ALERTS) == list(CASES)


def evaluated(alert: str, series: dict[str, str], alerts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a test of promtool: what an alert says after an hour of some series."""
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": "1h", "alertname": alert, "exp_alerts": alerts}],
    }


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not there: make promtool installs it")
def test_alerts_fire_when_they_should(tmp_path: Path) -> None:
    """Prometheus itself says when each alert fires, with what it says then, and when it does not."""
    tests = []
    for alert, case in CASES.items():
        rule = ALERTS[alert]
        said = {"summary": case.summary, "runbook": rule["annotations"]["runbook"]}
        fired = {"exp_labels": {**rule["labels"], **case.labels}, "exp_annotations": said}
        tests += [evaluated(alert, case.fires, [fired]), evaluated(alert, case.quiet, [])]
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump(RULES))
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump({"rule_files": ["alerts.yaml"], "tests": tests}))
    for command in (["check", "rules", "alerts.yaml"], ["test", "rules", "tests.yaml"]):
        done = subprocess.run([str(PROMTOOL), *command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
