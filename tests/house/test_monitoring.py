"""The files for Prometheus and Grafana: the rules do what their tests say, and every metric that is named exists."""

import itertools
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hashrail.api.serving import telemetry
from hashrail.processes import gauges, meters, metrics_page, worker
from tests.support.folders import ROOT

PROMTOOL = Path(os.environ.get("HASHRAIL_TEST_PROMTOOL", ROOT / ".venv" / "promtool" / "bin" / "promtool"))
FOLDER = ROOT / "deploy" / "prometheus"
RULES, TESTS = FOLDER / "hashrail.rules.yml", FOLDER / "hashrail.tests.yml"
BOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "hashrail.json").read_text())
PANELS = BOARD["panels"]
# Prometheus gives them to every series.
EVERYWHERE = {"instance", "job"}
USED = re.compile(r"\b(?P<name>hashrail_[a-z0-9_]+|up)\b(?:\{(?P<labels>[^}]*)\})?")
GROUPED = re.compile(r"\bby \((?P<labels>[^)]*)\)")


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def asked() -> Iterator[tuple[str, str]]:
    """What is asked of Prometheus, and where."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in PANELS:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m")


def known() -> dict[str, set[str]]:
    """Every series that `/metrics` may have, and by which labels."""
    found = {each.name: set(each.labels) for each in gauges.GAUGES} | {metrics_page.READABLE: set[str]()}
    found |= {"hashrail_build_info": {"version"}, "up": set()}
    # Those of processes are there once the modules are that count: a collector alone knows its labels.
    counted = vars(meters.REGISTRY)["_collector_to_names"]
    assert {telemetry.REQUESTS, worker.JOBS} <= counted.keys()
    for collector, names in counted.items():
        labels = set(vars(collector)["_labelnames"])
        found |= {name: labels | ({"le"} if name.endswith("_bucket") else set()) for name in names}
    return found


KNOWN = known()


def check_promtool(*words: str | Path) -> None:
    """A check that has to find nothing. Without promtool the test is skipped; in CI it fails."""
    if not PROMTOOL.exists():
        reason = "no promtool: run tools/get_promtool.sh .venv/promtool"
        assert os.environ.get("CI") != "true", reason
        pytest.skip(reason)
    done = subprocess.run([PROMTOOL, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_rules() -> None:
    check_promtool("check", "config", FOLDER / "prometheus.yml")
    check_promtool("check", "rules", "--lint-fatal", RULES)


def test_every_alert_rings_by_its_cause() -> None:
    """And none where all is well."""
    check_promtool("test", "rules", TESTS)


def test_every_alert_is_tried_both_ways() -> None:
    tried = [each for test in yaml.safe_load(TESTS.read_text())["tests"] for each in test["alert_rule_test"]]
    for rings in (True, False):
        assert {each["alertname"] for each in tried if bool(each["exp_alerts"]) is rings} == {
            rule["alert"] for rule in rules()
        }


def test_prometheus_understands_the_dashboard(tmp_path: Path) -> None:
    """Its questions as rules that record."""
    recorded = [{"record": f"panel:{number}", "expr": expr} for number, (_, expr) in enumerate(asked())]
    made = tmp_path / "dashboard.yml"
    made.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))
    check_promtool("check", "rules", "--lint-fatal", made)


@pytest.mark.parametrize(("where", "expr"), list(asked()))
def test_every_metric_and_label_exists(where: str, expr: str) -> None:
    found = list(USED.finditer(expr))
    assert found, where
    labels = set.union(EVERYWHERE, *(KNOWN[each["name"]] for each in found))
    for each in found:
        for matcher in filter(None, (each["labels"] or "").split(",")):
            (label,) = re.match(r"\s*([a-z]+)\s*[!=]", matcher).groups()  # type: ignore[union-attr]
            assert label in KNOWN[each["name"]] | EVERYWHERE, where
    for group in GROUPED.finditer(expr):
        assert {label.strip() for label in group["labels"].split(",")} <= labels, where


def test_the_dashboard_can_be_read() -> None:
    """Panels beside each other and not on top, each with a name and what it shows, from the source that is chosen."""
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert panel["title"]
        if panel["type"] != "row":
            assert panel["description"]
            assert panel["datasource"]["uid"] == "${datasource}"
            assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
    for one, other in itertools.combinations([panel["gridPos"] for panel in PANELS], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
