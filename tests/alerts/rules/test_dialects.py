"""The rules in MetricsQL's own words differ from Prometheus' in exact increases alone, and these are equal."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from alerts.policy.expressions import Dialect, expand_exact_increase
from alerts.policy.load import load_policy
from tests.alerts.rules.series import MINUTE, STEP, Series, counting, flat, gone, notation, phases
from tests.newest import require_newest

VMRULE = Path(__file__).parents[3] / "alerts" / "victoriametrics" / "outbox.vmrule.yaml"
PROMQL, METRICSQL = load_policy(), load_policy(dialect=Dialect.METRICSQL)
WRITTEN = re.compile(r"increase_prometheus\(([^()]*)\[(\w+)\]\)")
LENGTH = 20 * MINUTE

# A counter by instance, and its exact increase over five minutes at the end, the greatest of the instances.
CASES: dict[str, tuple[dict[str, Series], float]] = {
    "constant": ({"a": flat(7)}, 0),
    "grows": ({"a": counting(4)}, 20),
    "grows by many": ({"a": counting(400)}, 2000),
    "begins within the window": ({"a": phases(gone, (18 * MINUTE, counting(4, start=50)))}, 8),
    "begins just now": ({"a": phases(gone, (LENGTH, 50))}, 0),
    "another Pod, with counters of the application": (
        {"a": phases(5, (17 * MINUTE, gone)), "b": phases(gone, (18 * MINUTE, 5), (19 * MINUTE, 6))}, 1,
    ),
    "a reset": ({"a": phases(30, (18 * MINUTE, 0), (19 * MINUTE, 5))}, 5),
    "a gap": ({"a": phases(30, (16 * MINUTE, gone), (18 * MINUTE, 33))}, 3),
}  # fmt: skip


def texts(policy: Any) -> list[str]:
    return [each.expr for each in (*policy.signals, *policy.rules)]


def test_nothing_else_differs():
    """Each exact increase in MetricsQL, written in PromQL, gives the rules of Prometheus."""
    written = 0
    for own, prometheus in zip(texts(METRICSQL), texts(PROMQL), strict=True):
        text = own
        for series, window in set(WRITTEN.findall(own)):
            call = f"exact_increase({series}[{window}])"
            text = text.replace(
                expand_exact_increase(call, 15, Dialect.METRICSQL), expand_exact_increase(call, 15, Dialect.PROMQL)
            )
            written += 1
        assert text == prometheus
    assert written >= 14


def test_both_words_have_the_same_meaning(tmp_path):
    """By vmalert-tool: with resets, gaps, new series, another Pod."""
    expressions = [expand_exact_increase("exact_increase(jobs_total[5m])", STEP, dialect) for dialect in Dialect]
    tests = [
        {
            "name": name,
            "interval": f"{STEP}s",
            "input_series": [
                {"series": f'jobs_total{{instance="{instance}"}}', "values": notation(series, LENGTH)}
                for instance, series in by_instance.items()
            ],
            "metricsql_expr_test": [
                {"expr": f"max({each})", "eval_time": f"{LENGTH}s", "exp_samples": [{"labels": "{}", "value": count}]}
                for each in expressions
            ],
        }
        for name, (by_instance, count) in CASES.items()
    ]
    (tmp_path / "rules.json").write_text(
        json.dumps({"groups": [{"name": "outbox", "rules": [{"record": "outbox:nothing", "expr": "vector(0)"}]}]})
    )
    file = tmp_path / "test.json"
    document = {"rule_files": ["rules.json"], "evaluation_interval": f"{STEP}s", "tests": tests}
    file.write_text(json.dumps(document))
    done = subprocess.run(
        [require_newest("vmalert-tool"), "unittest", "--files", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[:3000]


def test_vmalert_accepts_the_rules(tmp_path):
    """The groups of the object, which are a file for vmalert as they are."""
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(VMRULE.read_text())["spec"]))
    done = subprocess.run(
        [require_newest("vmalert"), "-dryRun", f"-rule={file}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
