"""Texts that follow from the alert policy; `make generate` writes them.

The index of the runbooks, the table of rules in docs/alerting.md, the inhibition rules of alertmanager.yaml.
"""

from collections.abc import Callable
from pathlib import Path

from alerts.model import Policy, Rule
from alerts.policy.inhibition import as_yaml, inhibitions
from exporter.config.values import format_duration

ROOT = Path(__file__).parent.parent
RUNBOOKS = ROOT / "alerts" / "runbooks" / "README.md"
ALERTING = ROOT / "docs" / "alerting.md"
ALERTMANAGER = ROOT / "alerts" / "alertmanager" / "alertmanager.yaml"


def with_runbooks(text: str, policy: Policy) -> str:
    """The index of the runbooks with one line for each alert. Raises: ValueError when a marker is missing."""
    rows = ["| Alert | Severity | Says |", "|---|---|---|"]
    for alert, rules in _by_alert(policy).items():
        severities = ", ".join(rule.key.severity for rule in rules)
        rows.append(f"| [{alert}]({alert}.md) | {severities} | {rules[0].summary} |")
    return between(text, "<!-- runbooks: written by tools/alerting.py -->", "<!-- end of runbooks -->", rows)


def with_rules(text: str, policy: Policy) -> str:
    """The page about alerting with one line for each rule. Raises: ValueError when a marker is missing."""
    rows = ["| Alert | Severity | Fires on | Threshold | For |", "|---|---|---|---|---|"]
    for alert, rules in _by_alert(policy).items():
        for rule in rules:
            link = f"[`{alert}`](../alerts/runbooks/{alert}.md)"
            rows.append(
                f"| {link} | {rule.key.severity} | {rule.summary} | {threshold(rule)}"
                f" | {format_duration(rule.hold_duration)} |"
            )
    return between(text, "<!-- rules: written by tools/alerting.py -->", "<!-- end of rules -->", rows)


def with_inhibitions(text: str, policy: Policy) -> str:
    """Alertmanager's configuration with the inhibition rules. Raises: ValueError when a marker is missing."""
    begin, end = "  # Written by tools/alerting.py from `muted_by` of the policy.", "  # End of what is written."
    return between(text, begin, end, [as_yaml(inhibitions(policy)).rstrip("\n")])


def between(text: str, begin: str, end: str, lines: list[str]) -> str:
    """The text with these lines between the markers. Raises: ValueError when a marker is missing."""
    before, found, rest = text.partition(f"{begin}\n")
    _, also_found, after = rest.partition(f"{end}\n")
    if not (found and also_found):
        raise ValueError(f"the markers are missing: {begin}, {end}")
    return "".join((before, f"{begin}\n", *(f"{line}\n" for line in lines), f"{end}\n", after))


def threshold(rule: Rule) -> str:
    """A threshold with its unit; empty for a boolean signal."""
    if rule.unit == "boolean":
        return ""
    if rule.unit == "seconds":
        return format_duration(rule.threshold)
    if rule.unit == "ratio":
        return f"{rule.threshold * 100:g} %"
    if rule.unit == "times":
        return f"{rule.threshold:g} times the budget"
    return "any" if rule.threshold in (0, 1) else f"{rule.threshold:g} {rule.unit}"


def _by_alert(policy: Policy) -> dict[str, list[Rule]]:
    alerts: dict[str, list[Rule]] = {}
    for rule in policy.rules:
        alerts.setdefault(rule.key.alert, []).append(rule)
    return alerts


WRITTEN: dict[Path, Callable[[str, Policy], str]] = {
    RUNBOOKS: with_runbooks,
    ALERTING: with_rules,
    ALERTMANAGER: with_inhibitions,
}
