"""Texts that follow from the alert policy and from the tree of causes; `make generate` writes them.

The index of the runbooks, the causes in each of them, the table of rules in docs/alerting.md, the inhibition rules of
alertmanager.yaml.
"""

import re
from collections.abc import Callable
from pathlib import Path

from alerts.diagnosis.tree import UNREACHABLE, Tree
from alerts.diagnosis.tree import load as load_tree
from alerts.model import Policy, Rule
from alerts.policy.inhibition import as_yaml, inhibitions
from exporter.config.values import format_duration

ROOT = Path(__file__).parent.parent
# A runbook up to its diagnosis, and the block that was written there before.
_DIAGNOSIS = re.compile(
    r"(.*^## Diagnosis\n\n)(?:```bash\noutbox-exporter [^\n]* diagnose .*?^```\n\n)?", re.DOTALL | re.MULTILINE
)
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


def with_causes(text: str, alert: str, tree: Tree) -> str:
    """A runbook whose diagnosis begins with the command that makes its checks, and the causes that this may name."""
    found = _DIAGNOSIS.match(text)
    if found is None:
        raise ValueError(f"the markers are missing: the runbook of {alert} has no section Diagnosis")
    causes, unreachable = tree.causes(alert), tree.groups[UNREACHABLE]
    lines = [
        f"outbox-exporter --config config.yaml diagnose {alert}",
        "# It makes these checks, and ends at the first of these causes:",
    ]
    if set(causes) > set(unreachable):
        causes = tuple(each for each in causes if each not in unreachable)
        lines.append(f"# {UNREACHABLE}: OutboxDatabaseUnreachable")
    lines += [f"# {each.name}: {str(each.step).removeprefix(f'{alert}, ')}" for each in causes]
    block = "\n".join(("```bash", *lines, "```"))
    return f"{found[1]}{block}\n\n{text[found.end() :]}"


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


def _runbook(alert: str) -> Callable[[str, Policy], str]:
    return lambda text, _: with_causes(text, alert, load_tree())


WRITTEN: dict[Path, Callable[[str, Policy], str]] = {
    RUNBOOKS: with_runbooks,
    ALERTING: with_rules,
    ALERTMANAGER: with_inhibitions,
    **{RUNBOOKS.with_name(f"{alert}.md"): _runbook(alert) for alert in load_tree().alerts},
}
