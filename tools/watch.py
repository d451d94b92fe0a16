"""The table of checks in docs/watch.md, for a watch of 24 hours; `make generate` writes it."""

from pathlib import Path

from alerts.policy.load import load_policy
from alerts.watch.analysis.messages import allowed
from alerts.watch.checks.checks import CheckParameters, resolve
from alerts.watch.model.check import Check, CheckKind
from tools.alerting import between

PAGE = Path(__file__).parent.parent / "docs" / "watch.md"
DAY = 86_400.0


def with_checks(text: str) -> str:
    """The page with one line for each check. Raises: ValueError when a marker is missing."""
    rows = ["| Check | Passes when | May be breached for | Source |", "|---|---|---|---|"]
    rows += [
        f"| {check.title} (`{check.name}`) | {check.subject} {check.good}. | {_allowed(check)} | {check.source} |"
        for check in resolve(CheckParameters(load_policy(), DAY, application=True))
    ]
    return between(text, "<!-- checks: written by tools/watch.py -->", "<!-- end of checks -->", rows)


def _allowed(check: Check) -> str:
    if check.kind is CheckKind.EVIDENCE:
        return "; ".join(f"at least {each.at_least:g} {each.what}" for each in check.evidence)
    if check.baseline_limit is not None:
        return f"no certain difference of more than {check.baseline_limit.tolerance:.0%}".replace("%", " %")
    return ("never" if check.kind is CheckKind.CLEANUP else allowed(check.budget)) + (
        ", maintenance excused" if check.excused else ""
    )
