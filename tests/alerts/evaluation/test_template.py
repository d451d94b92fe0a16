"""Alert descriptions are rendered as in Prometheus."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
import yaml

from alerts.evaluation.template import TemplateError, compile_template
from tests.requirements import require_program

TEXTS: Final = (
    "nothing to fill in",
    "{{ $value }}",
    "{{$value}} of {{ $labels.job }}, {{ $labels.missing }}!",
    "{{$value|humanize}}",
    "{{ $value | humanize }}",
    "{{ $value | humanize1024 }}",
    "{{ $value | humanizeDuration }}",
    "{{ $value|humanizePercentage }}",
    "{{ humanize $value }}",
    '{{ printf "%.2f" $value }}',
    '{{ $value | printf "%.2f" }}',
    '{{ $value | printf "%.0f" }}',
    '{{ $value | printf "about %.3e jobs" }}',
    '{{ printf "%g" $value }}',
    '{{ printf "%%%.3g%%" $value }}',
    '{{ printf "%f" $value }}',
)
EDGES: Final = (
    *(0.0, 1.0, -1.0, 0.5, 0.05, 0.1234, 999.9, 999.99, 1000.0, 1024.0, 1023.5, 59.96, 60.0, 61.5, 3600.0),
    *(86399.0, 86400.0, 90061.0, -90061.0, 1e5, 999999.0, 1e6, 1234567.8, 1e12, 1e18, 1e-4, 1e-5, 1.5e-10),
    *(math.nan, math.inf, -math.inf, 1 / 3, 2 / 3, 0.00012345, 12345.678, 5e-324),
)


def test_prometheus_renders_the_same(tmp_path: Path) -> None:
    """promtool, which uses the server's templates, expects the same texts: for edge cases and random values."""
    random = Random("texts")
    values = [*EDGES, *(random.uniform(-1, 1) * 10 ** random.randint(-12, 12) for _ in range(100))]
    rules, tests = zip(*(case(number, value) for number, value in enumerate(values)), strict=True)
    written = tmp_path / "rules.yaml"
    written.write_text(yaml.safe_dump({"groups": [{"name": "texts", "rules": list(rules)}]}))
    checked = tmp_path / "tests.yaml"
    checked.write_text(yaml.safe_dump(promtool_tests(written, list(tests))))
    result = subprocess.run(
        [require_program("promtool"), "test", "rules", checked], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def case(number: int, value: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """A rule that fires with this value, and the test that promtool runs."""
    name = f"Case{number}"
    labels = {"job": "a"}
    rendered = {f"text{index}": compile_template(text).render(labels, value) for index, text in enumerate(TEXTS)}
    expression = f"seen * 0 + {value!r}".replace("inf", "Inf").replace("nan", "NaN")
    texts = {f"text{index}": text for index, text in enumerate(TEXTS)}
    rule = {"alert": name, "expr": expression, "annotations": texts}
    test = {
        "eval_time": "1m",
        "alertname": name,
        "exp_alerts": [{"exp_labels": labels, "exp_annotations": rendered}],
    }
    return rule, test


def promtool_tests(rules: Path, tests: list[dict[str, Any]]) -> dict[str, Any]:
    """The file that promtool reads."""
    series = [{"series": 'seen{job="a"}', "values": "1 1"}]
    return {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": tests}],
    }


@pytest.mark.parametrize(
    "text",
    [
        "{{ $value",
        "{{ $value | printf }}",
        "value }}",
        "{{ }}",
        "{{ $other }}",
        "{{ .Value }}",
        "{{- $value }}",
        "{{ $value | title }}",
        "{{ $labels.job | humanize }}",
        "{{ $value | humanize | printf }}",
        '{{ $value | printf "%d" }}',
        '{{ printf "%f %f" $value }}',
        "{{ if $value }}x{{ end }}",
        '{{ query "up" }}',
        '{{ $value | humanize "%.2f" }}',
        '{{ humanize "%.2f" $value }}',
    ],
)
def test_refused(text: str) -> None:
    """Templates that are not supported are refused when the policy is loaded."""
    with pytest.raises(TemplateError):
        compile_template(text)
