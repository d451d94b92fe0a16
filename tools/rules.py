"""Writes the rules that people copy, from the policy as shipped: `python tools/rules.py`."""

import sys
from collections.abc import Mapping
from pathlib import Path

from alerts.policy.load import load_policy
from alerts.policy.rule_file import prometheus_rule, rule_file

DIRECTORY = Path(__file__).parent.parent / "alerts" / "prometheus"


def files() -> Mapping[Path, str]:
    """What each file has to say."""
    policy = load_policy()
    return {
        DIRECTORY / "outbox.rules.yaml": rule_file(policy),
        DIRECTORY / "outbox.prometheusrule.yaml": prometheus_rule(policy),
    }


def main() -> int:
    """Rewrite them in place."""
    for path, text in files().items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
