"""The alert rules and the dashboard, as far as they can be judged without running them."""

import json
import re
from itertools import combinations
from typing import Any

import pytest

from tests.harness.documents import read_yaml
from tests.harness.prometheus import MONITORING, promtool
from tests.harness.stores import REPOSITORY

RULES: list[dict[str, Any]] = [
    rule for group in read_yaml(MONITORING / "alerts/taskflow.yml")["groups"] for rule in group["rules"]
]
RULE_TESTS: list[dict[str, Any]] = [
    one
    for test in read_yaml(MONITORING / "alert-tests/taskflow.yml")["tests"]
    for one in test["alert_rule_test"]
]
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "grafana-dashboard.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
CHARTS = [panel for panel in PANELS if panel["type"] != "row"]
PAGE = (REPOSITORY / "docs/monitoring.md").read_text()
METRICS = (REPOSITORY / "app/infra/metrics.py").read_text()

# Units that Grafana knows (packages/grafana-data/src/valueFormats/categories.ts) and this dashboard needs.
UNITS = {"short", "none", "s", "reqps", "ops", "percentunit", "bytes"}


@pytest.mark.prometheus
def test_prometheus_accepts_the_configuration() -> None:
    checked = promtool("check", "config", MONITORING / "prometheus.yml")
    assert checked.returncode == 0, checked.stderr
    assert (
        f"{len(RULES)} rules found" in promtool("check", "rules", MONITORING / "alerts/taskflow.yml").stdout
    )


@pytest.mark.prometheus
def test_the_rules_pass_their_tests() -> None:
    tested = promtool("test", "rules", MONITORING / "alert-tests/taskflow.yml")
    assert tested.returncode == 0, tested.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_is_tested_and_explained(rule: dict[str, Any]) -> None:
    name = rule["alert"]
    cases = [bool(case["exp_alerts"]) for case in RULE_TESTS if case["alertname"] == name]
    assert set(cases) == {True, False}, "one that fires and one that does not"
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert rule["annotations"]["runbook"] == f"docs/monitoring.md#{name.lower()}"
    section = PAGE.partition(f"\n### {name}\n")[2].partition("\n#")[0]
    assert len(section.split()) > 20, "what it means and what to do"


def test_whoever_is_to_be_told_is_told() -> None:
    """By the example that operators begin with: each severity has a receiver, which sends something."""
    told = read_yaml(MONITORING / "alertmanager.yml.example")
    receivers = {receiver["name"]: receiver["email_configs"] for receiver in told["receivers"]}
    [night] = told["route"]["routes"]
    assert night["matchers"] == ['severity="critical"']
    assert all(receivers[route["receiver"]] for route in (told["route"], night))
    inhibited = re.findall(r"TaskFlow\w+", str(told["inhibit_rules"]))
    assert set(inhibited) <= {rule["alert"] for rule in RULES}


def test_prometheus_asks_for_alertmanager_by_its_name() -> None:
    [manager] = read_yaml(MONITORING / "prometheus.yml")["alerting"]["alertmanagers"]
    services = read_yaml(REPOSITORY / "docker-compose.yml")["services"]
    [found] = manager["dns_sd_configs"]
    [name] = found["names"]
    assert services[name]["ports"] == [f"127.0.0.1:{found['port']}:{found['port']}"]
    assert [service for service in services if services[service].get("profiles")] == [name]


def test_everything_that_is_asked_for_is_measured() -> None:
    """Each metric in a rule or panel is one of the server's, by its name there."""
    expressions = [rule["expr"] for rule in RULES] + [target["expr"] for target in _targets()]
    asked = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for expression in expressions
        for name in re.findall(r"\btaskflow_\w+", expression)
    }
    assert len(asked) > 20
    assert asked <= set(re.findall(r'"(taskflow_\w+)"', METRICS))


def test_every_metric_is_explained() -> None:
    explained = set(re.findall(r"^\| `(taskflow_\w+)` \|", PAGE, re.MULTILINE))
    assert explained == set(re.findall(r'"(taskflow_\w+)"', METRICS))


def test_panels_have_ids_and_places_of_their_own() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        place = panel["gridPos"]
        assert set(place) == {"x", "y", "w", "h"}
        assert all(isinstance(value, int) and value >= 0 for value in place.values())
        assert place["w"] > 0
        assert place["h"] > 0
        assert place["x"] + place["w"] <= 24  # Grafana's grid
    for one, other in combinations(PANELS, 2):
        assert not _overlap(one["gridPos"], other["gridPos"]), (one["title"], other["title"])


@pytest.mark.parametrize("panel", CHARTS, ids=lambda panel: panel["title"])
def test_a_panel_asks_the_provisioned_source(panel: dict[str, Any]) -> None:
    [source] = read_yaml(MONITORING / "grafana/provisioning/datasources/prometheus.yml")["datasources"]
    expected = {"type": source["type"], "uid": source["uid"]}
    assert panel["type"] in ("timeseries", "stat")
    assert panel["datasource"] == expected
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    letters = [target["refId"] for target in panel["targets"]]
    assert letters == list("ABCDEFG"[: len(letters)])
    for target in panel["targets"]:
        assert target["datasource"] == expected
        assert target["expr"].strip()
        assert target["legendFormat"]
        # What the legend names is a label that the expression leaves.
        for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
            assert re.search(rf"by \((le, )?{label}\)", target["expr"]), target


def test_the_dashboard_can_be_provisioned() -> None:
    assert DASHBOARD["uid"] == "taskflow"
    assert "id" not in DASHBOARD  # Grafana gives it one
    assert DASHBOARD["schemaVersion"] >= 36
    used = set(re.findall(r"\$(\w+)", " ".join(target["expr"] for target in _targets())))
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert used == variables | {"__rate_interval"}


def _targets() -> list[dict[str, Any]]:
    return [target for panel in CHARTS for target in panel["targets"]]


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    across = one["x"] < other["x"] + other["w"] and other["x"] < one["x"] + one["w"]
    down = one["y"] < other["y"] + other["h"] and other["y"] < one["y"] + one["h"]
    return across and down
